"""Runs side by side in the paper's tables, in five formats, with paired intervals and corrected tests."""
