"""What a check finds: a row, the reason, and the detail."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from deepsuper.common.arrays import Floats
from deepsuper.common.errors import Place
from deepsuper.config.check import CheckConfig
from deepsuper.data.rows import Row

Severity = Literal["error", "warning"]
"""`--fix` removes rows with errors. Rows with warnings alone are shown, and removed only if `--reasons` says so."""

MAX_CHARACTERS = 20_000
"""Characters of a text that checks read, so that no text takes minutes. Length and ending are those of the whole."""


class Found(NamedTuple):
    """The index of a row, and what is wrong with it, on one line. `earlier`: the row that it is a duplicate of."""

    row: int
    detail: str
    earlier: int | None = None
    benchmark: str | None = None
    """The evaluation set whose text it holds."""


@dataclass(frozen=True)
class Measured:
    """A number for each row (NaN: none), which the report draws, and what it says of the whole file. Shape: (N,).

    `least`: the rows below it are those `found`. `faults`: errors of the file as a whole. `notes`: what could not be
    measured.
    """

    values: Floats
    least: float | None = None
    faults: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    found: Sequence[Found] = ()


FindRows = Callable[[Sequence[Row], CheckConfig], Iterable[Found] | Measured]
"""A check: reads all rows of one file, in one language, and names each bad one at most once."""


@dataclass(frozen=True)
class Reason:
    """Why a row may be removed. It is found by `find`, or, without it, in reading."""

    severity: Severity
    meaning: str
    find: FindRows | None = None


@dataclass(frozen=True)
class Finding:
    """One reason against one line of a file. `row`: the index of its row; None for a line that is no row.

    `earlier`: the line that it is a duplicate of; `benchmark`: the evaluation set whose text it holds; None otherwise.
    """

    where: Place
    reason: str
    detail: str
    row: int | None = None
    earlier: int | None = None
    benchmark: str | None = None

    @property
    def line(self) -> int:
        """The number of the line."""
        return self.where.line


def place_of(row: Row) -> Place:
    """The file and line of a row that was read from a file."""
    assert isinstance(row.where, Place), "rows to check are read from files"
    return row.where


def sides(row: Row) -> tuple[tuple[str, str, str], tuple[str, str, str]]:
    """(name, English, target) of the prompt and of the answer, each cut at MAX_CHARACTERS characters."""
    english, target = f"{row.instruction_en}\n{row.input_en}".strip(), f"{row.instruction}\n{row.input}".strip()
    answers = row.output_en[:MAX_CHARACTERS], row.output[:MAX_CHARACTERS]
    return ("prompt", english[:MAX_CHARACTERS], target[:MAX_CHARACTERS]), ("answer", *answers)


def shortened(text: str, length: int = 60) -> str:
    """`text` on one line, cut at `length`."""
    line = " ".join(text[: 4 * length].split())
    return line if len(line) <= length else line[: length - 1] + "…"
