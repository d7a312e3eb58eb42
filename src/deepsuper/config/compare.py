"""The options of `deepsuper compare`."""

from dataclasses import dataclass
from typing import Literal

CompareFormat = Literal["text", "md", "latex", "csv", "html"]
Correction = Literal["holm", "bh", "none"]
PaperTable = Literal["llama-2-7b", "gemma-2-2b", "llama-2-7b.ablation"]
"""The base models of the paper's tables 1, 2 and 4, and its table 3 (Chinese only)."""


@dataclass(frozen=True)
class CompareConfig:
    """What `deepsuper compare` compares. `runs`: folders that `eval` wrote, each FOLDER or NAME=FOLDER, or with commas
    a folder for each seed of one run.
    """

    runs: tuple[str, ...]
    format: CompareFormat = "text"
    """The format of the output."""
    transpose: bool = False
    """A column for each run, and a row for each benchmark and language."""
    output: str | None = None
    """The file to write; null: print the tables."""
    picture: str | None = None
    """The PNG file to write: the differences to the baseline with their intervals, and a point for each seed."""
    baseline: str | None = None
    """The name or folder of the run to compare with; null: the first run of each profile."""
    paper: PaperTable | None = None
    """The table of the paper whose numbers are shown with the runs."""
    correction: Correction = "holm"
    """How p-values are corrected for their number: by Holm, by Benjamini and Hochberg, or not."""
    resamples: int = 10_000
    """The number of bootstrap samples of the items (and draws over seeds)."""
    seed: int = 0
    """The random seed of the bootstrap."""
