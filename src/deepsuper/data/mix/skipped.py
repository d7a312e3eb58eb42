"""The rows that are left out of a mix, written down as they are met."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from deepsuper.common.files import aside_of, json_line
from deepsuper.data.rows import SkippedRow, Skipper

LONGEST = 1 << 20
"""Letters of a line in such a file: more than SHOWN of them escaped, with the longest path and problem."""


@contextmanager
def skipped_file(path: Path, on_bad_row: Literal["error", "skip"]) -> Iterator[Skipper]:
    """Writes the bad lines that it is told of, aside and then renamed; they are kept where a ValueError ends it."""
    aside = aside_of(path)
    try:
        with aside.open("w", encoding="utf-8") as file:
            # At once, so that it needs no memory.
            skipped = Skipper(on_bad_row, lambda row: file.write(json_line(row.record)), "on_bad_row")
            yield skipped
        aside.replace(path)
    except ValueError:
        if skipped.count:
            aside.replace(path)
        raise
    finally:
        aside.unlink(missing_ok=True)


def is_account(path: Path) -> bool:
    """Whether a file is what `skipped_file` wrote, as the mix leaves it that ends without a row; or is empty."""
    try:
        with path.open(encoding="utf-8") as file:
            line = file.readline(LONGEST)
        return not line or json.loads(line).keys() == SkippedRow.__dataclass_fields__.keys()
    except (OSError, ValueError, AttributeError):
        return False
