"""The rows that are left out of a mix, written down as they are met."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from deepsuper.corpora import BadRow, SkippedRow
from deepsuper.lines import SHOWN
from deepsuper.run_folder import json_line


@dataclass
class SkippedFile:
    """Told of a bad line: raises, or writes it down at once, so that it needs no memory."""

    on_bad_row: Literal["error", "skip"]
    write: Callable[[str], object]
    count: int = 0

    def __call__(self, where: str, problem: str, text: str) -> None:
        """Raises: BadRow naming `where` and the remedy, unless bad rows are skipped."""
        if self.on_bad_row == "error":
            raise BadRow(f"{where}: {problem}, or leave such rows out with on_bad_row: skip")
        self.write(json_line(asdict(SkippedRow(where, problem, text[:SHOWN]))))
        self.count += 1


@contextmanager
def skipped_file(path: Path, on_bad_row: Literal["error", "skip"]) -> Iterator[SkippedFile]:
    """Writes the bad lines that it is told of, aside and then renamed."""
    aside = path.with_name(path.name + ".partial")
    try:
        with aside.open("w", encoding="utf-8") as file:
            yield SkippedFile(on_bad_row, file.write)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
