"""What `deepsuper data join` is asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

By = Literal["auto", "id", "order", "alignment"]
Sentences = Literal["translate", "plain"]
Compare = Literal["rows", "questions"]


@dataclass(frozen=True)
class JoinConfig:
    """Two sides of one set to pair, row by row."""

    en: str
    """The English side: a file (JSON array, JSON lines or two columns, plain or gzip), a folder, or a hub name."""
    tgt: str
    """The other side, likewise."""
    language: str
    """The other side's: a code such as zh."""
    output: str
    """The .jsonl file to write; *.aside.jsonl gets the rest."""
    by: By = "auto"
    """How rows find each other; auto: by ids where both sides share them, else by order where the row counts are equal
    and the rows match, else by alignment."""
    format_en: str = "auto"
    """A name of `data.join.formats.READERS`; auto: by the fields of the set."""
    format_tgt: str = "auto"
    """The same, of the other side."""
    subset_en: str | None = None
    """The subset of a hub data set, such as zh."""
    subset_tgt: str | None = None
    """The same, of the other side."""
    split: str = "train"
    """Of a hub data set."""
    sentences: Sentences = "translate"
    """What is made of sets of sentences (FLORES): rows that ask for a translation, or the sentences."""
    compare: Compare = "rows"
    """What is compared; questions: for sets whose answers were written anew in each language."""
    seed: int = 0
    """Of the rows that are drawn to compare with."""
