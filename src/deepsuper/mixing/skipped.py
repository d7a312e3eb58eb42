"""The rows that are left out of a mix, written down as they are met."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from deepsuper.corpora import BadRow, SkippedRow
from deepsuper.files import aside_of, json_line
from deepsuper.lines import SHOWN

LONGEST = 1 << 20
"""Letters of a line in such a file: more than SHOWN of them escaped, with the longest path and problem."""


@dataclass
class SkippedFile:
    """Told of a bad line: raises, or writes it down at once, so that it needs no memory."""

    on_bad_row: Literal["error", "skip"]
    write: Callable[[str], object]
    count: int = 0
    first: str = ""
    """Where the first bad line is, and why; `_scan` of `run.py` forgets it before each source."""

    def __call__(self, where: str, problem: str, text: str) -> None:
        """Raises: BadRow naming `where` and the remedy, unless bad rows are skipped."""
        if self.on_bad_row == "error":
            raise BadRow(f"{where}: {problem}, or leave such rows out with on_bad_row: skip")
        self.write(json_line(asdict(SkippedRow(where, problem, text[:SHOWN]))))
        self.count += 1
        self.first = self.first or f"{where}: {problem}"


@contextmanager
def skipped_file(path: Path, on_bad_row: Literal["error", "skip"]) -> Iterator[SkippedFile]:
    """Writes the bad lines that it is told of, aside and then renamed; they are kept where a ValueError ends it."""
    aside = aside_of(path)
    try:
        with aside.open("w", encoding="utf-8") as file:
            skipped = SkippedFile(on_bad_row, file.write)
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
