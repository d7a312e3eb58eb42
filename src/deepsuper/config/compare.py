"""The options of `deepsuper compare`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

CompareFormat = Literal["text", "md", "latex", "csv", "html"]

Correction = Literal["holm", "bh", "none"]
"""Of p-values for their number: Holm's, Benjamini and Hochberg's, none."""

PaperTable = Literal["llama-2-7b", "gemma-2-2b", "llama-2-7b.ablation"]
"""The base models of the paper's tables 1, 2 and 4, and its table 3 (Chinese only)."""


@dataclass(frozen=True)
class CompareConfig:
    """What `deepsuper compare` sets side by side: result folders of `eval`, each FOLDER or NAME=FOLDER."""

    runs: tuple[str, ...]
    format: CompareFormat = "text"
    """Of what is printed or written."""
    transpose: bool = False
    """A column for each run and a row for each benchmark and language."""
    output: str | None = None
    """The file to write; null: print."""
    picture: str | None = None
    """A PNG of the differences to the baseline, with their intervals."""
    baseline: str | None = None
    """A run's name or folder; null: the first run of each profile."""
    paper: PaperTable | None = None
    """The numbers of the paper to set beside the runs."""
    correction: Correction = "holm"
    """Of the p-values for their number: Holm, Benjamini and Hochberg, none."""
    resamples: int = 10_000
    """Bootstrap samples of the items."""
    seed: int = 0
    """Of the bootstrap."""
