"""Parallel rows examined: what is wrong with each, how they look as a whole, and a file without the bad ones."""

from deepsuper.doctor.config import CheckConfig
from deepsuper.doctor.findings import Finding, Reason
from deepsuper.doctor.run import Checked, check_file, check_rows, run_check
from deepsuper.doctor.table import CHECKS, REASONS

__all__ = ["CHECKS", "REASONS", "CheckConfig", "Checked", "Finding", "Reason", "check_file", "check_rows", "run_check"]
