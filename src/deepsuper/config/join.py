"""The options of `deepsuper data join`."""

from dataclasses import dataclass
from typing import Literal

By = Literal["auto", "id", "order", "alignment"]
Sentences = Literal["translate", "plain"]
Compare = Literal["rows", "questions"]


@dataclass(frozen=True)
class JoinConfig:
    """The two sides of a data set, whose rows `deepsuper data join` pairs."""

    en: str
    """The English side: a file (JSON array, JSON lines or two columns, plain or gzip), a folder, or a hub name."""
    tgt: str
    """The other side, in the same form."""
    language: str
    """The language of the other side: a code such as zh."""
    output: str
    """The .jsonl file to write. Rows without a partner go to *.aside.jsonl."""
    by: By = "auto"
    """How rows are paired; auto: by id if both sides share ids, else by order if both have the same number of rows and
    the rows match, else by alignment."""
    format_en: str = "auto"
    """A name of `data.join.formats.READERS`; auto: by the fields of the set."""
    format_tgt: str = "auto"
    """The same for the other side."""
    subset_en: str | None = None
    """The subset of a hub data set, such as zh."""
    subset_tgt: str | None = None
    """The same for the other side."""
    split: str = "train"
    """The split of a hub data set."""
    sentences: Sentences = "translate"
    """What becomes of sets of sentences (FLORES): rows that ask for a translation, or the sentences alone."""
    compare: Compare = "rows"
    """What is compared to check the pairs: rows, or questions if the answers were written anew in each language."""
    seed: int = 0
    """The seed of the random rows that pairs are compared with."""
