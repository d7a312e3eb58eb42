"""Runs side by side in the paper's tables, with paired intervals, tests and their correction, in five formats."""

from deepsuper.compare.paired import Difference, corrected, difference, mcnemar
from deepsuper.compare.run import find_baseline, run_compare
from deepsuper.compare.runs import find_runs
from deepsuper.compare.tables import Comparison, build

__all__ = [
    "Comparison",
    "Difference",
    "build",
    "corrected",
    "difference",
    "find_baseline",
    "find_runs",
    "mcnemar",
    "run_compare",
]
