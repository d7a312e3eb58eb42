"""The file of the rows that a mix leaves out, written as they are found."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from deepsuper.common.files import aside_of, json_line
from deepsuper.data.rows import SkippedRow, Skipper

MAX_SKIPPED_LINE = 1 << 20
"""Characters of a line of such a file, at most: the SHOWN characters of a row, escaped, its place and the problem."""


@contextmanager
def skipped_file(path: Path, on_bad_row: Literal["error", "skip"]) -> Iterator[Skipper]:
    """A skipper that writes bad rows to `path`, by renaming at the end; also where a ValueError ends the mix."""
    aside = aside_of(path)
    try:
        with aside.open("w", encoding="utf-8") as file:
            # Each row is written at once, to save memory.
            skipped = Skipper(on_bad_row, lambda row: file.write(json_line(row.record)), "on_bad_row")
            yield skipped
        aside.replace(path)
    except ValueError:
        if skipped.count:
            aside.replace(path)
        raise
    finally:
        aside.unlink(missing_ok=True)


def is_skipped_file(path: Path) -> bool:
    """Whether a file is empty or was written by `skipped_file`, as a mix that ends with an error leaves it."""
    try:
        with path.open(encoding="utf-8") as file:
            line = file.readline(MAX_SKIPPED_LINE)
        return not line or json.loads(line).keys() == SkippedRow.__dataclass_fields__.keys()
    except (OSError, ValueError, AttributeError):
        return False
