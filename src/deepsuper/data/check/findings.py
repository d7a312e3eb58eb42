"""What a check finds: a row, the reason, and what exactly is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from deepsuper.common.errors import Place
from deepsuper.config.check import CheckConfig
from deepsuper.data.rows import Row

Severity = Literal["error", "warning"]
"""`--fix` removes rows for errors; warnings are shown, and removed only when asked for."""

LONGEST = 20_000
"""Characters of a text that checks read, so that no text takes minutes; its length and its end are those of all."""


class Found(NamedTuple):
    """The index of a row, and what is wrong with it, short enough for a line. `earlier`: the row that it repeats."""

    row: int
    detail: str
    earlier: int | None = None


Find = Callable[[Sequence[Row], CheckConfig], Iterable[Found]]
"""A check: reads all rows of one file in one language, and tells each that it finds fault with, at most once."""
Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Measured:
    """A number for each row (NaN: none), which is drawn in the report, and what it says of the whole file. Shape: (N,).

    `least`: the number below which a row is flagged. `faults`: what is wrong with the file, an error each. `notes`:
    what could not be told.
    """

    values: Numbers
    least: float | None = None
    faults: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


Measure = Callable[[Sequence[Row], CheckConfig], Measured]
Judge = Callable[[Sequence[Row], CheckConfig, Measured], Iterable[Found]]
"""A check that goes by what was measured."""


@dataclass(frozen=True)
class Reason:
    """Why a row may be wanted out: by `find`, or by `measure` and `judge`, or by none: it shows in reading."""

    severity: Severity
    meaning: str
    find: Find | None = None
    measure: Measure | None = None
    judge: Judge | None = None


@dataclass(frozen=True)
class Finding:
    """One reason against one line of a file. `row` is the index of its row, None for a line that is none.

    `earlier`: the line that it repeats, where that is the reason.
    """

    where: Place
    reason: str
    detail: str
    row: int | None = None
    earlier: int | None = None

    @property
    def line(self) -> int:
        """The number of the line."""
        return self.where.line


def place_of(row: Row) -> Place:
    """The file and line of a row that was read from a file."""
    assert isinstance(row.where, Place), "rows to check are read from files"
    return row.where


def sides(row: Row) -> tuple[tuple[str, str, str], tuple[str, str, str]]:
    """(name, English, target) of the prompt and of the answer, each cut at LONGEST characters."""
    english, target = f"{row.instruction_en}\n{row.input_en}".strip(), f"{row.instruction}\n{row.input}".strip()
    answers = row.output_en[:LONGEST], row.output[:LONGEST]
    return ("prompt", english[:LONGEST], target[:LONGEST]), ("answer", *answers)


def shortened(text: str, length: int = 60) -> str:
    """`text` on one line, cut at `length`."""
    line = " ".join(text[: 4 * length].split())
    return line if len(line) <= length else line[: length - 1] + "…"
