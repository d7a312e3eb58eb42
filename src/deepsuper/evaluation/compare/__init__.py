"""Runs side by side in the paper's tables, in five formats, with paired intervals and corrected tests."""

from deepsuper.evaluation.compare.paired import Difference, corrected, difference, mcnemar
from deepsuper.evaluation.compare.run import groups_of, run_compare
from deepsuper.evaluation.compare.runs import find_runs
from deepsuper.evaluation.compare.tables import Comparison, build

__all__ = [
    "Comparison",
    "Difference",
    "build",
    "corrected",
    "difference",
    "find_runs",
    "groups_of",
    "mcnemar",
    "run_compare",
]
