"""Official benchmark downloads, as they come, into the layout that `eval --data_dir` reads."""

from deepsuper.evaluation.official.convert import OFFICIAL, checked_rows, convert, read_official

__all__ = ["OFFICIAL", "checked_rows", "convert", "read_official"]
