"""What `deepsuper data join` is asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

By = Literal["auto", "id", "order", "alignment"]
Sentences = Literal["translate", "plain"]
Compare = Literal["rows", "questions"]


@dataclass(frozen=True)
class JoinConfig:
    """`en` and `tgt`: a file, a folder or a hub name for each side. `language`: the target's code.

    `by`: how rows find each other; `auto` takes ids where both sides share them, else order where the row counts are
    equal and the rows match, else alignment. `format_*`: a name of `sets.READERS` or `auto`. `subset_*` and `split`
    are those of a hub data set. `sentences`: what is made of sets of sentences (FLORES): rows that ask for a
    translation, or sentences beside each other. `compare`: what scores and alignments read; `questions` for sets whose
    answers were written anew in each language.
    """

    en: str
    tgt: str
    language: str
    output: str
    by: By = "auto"
    format_en: str = "auto"
    format_tgt: str = "auto"
    subset_en: str | None = None
    subset_tgt: str | None = None
    split: str = "train"
    sentences: Sentences = "translate"
    compare: Compare = "rows"
    seed: int = 0
