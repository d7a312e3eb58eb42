"""What a user did wrong, and where: the command line prints it as one line, and lets every other exception pass."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path


class UserError(ValueError):
    """A mistake of the user: the message names the option, or file and line, the value and the remedy."""

    exit_status = 2


class BadRow(UserError):
    """What is wrong with a line or row: `kind`, by which such rows are counted, then `rest` (the value, the remedy)."""

    def __init__(self, kind: str, rest: str = "") -> None:
        super().__init__(kind + rest)
        self.kind = kind


@dataclass(frozen=True, order=True)
class Place:
    """A line of a file, or a row of a data set that has a name, counted from 1; printed as `path:line`."""

    path: Path | str
    line: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


Where = Place | str
"""A place, or the text that names one which is no line: an item of a JSON array, a sentence, a printed place."""


def first_line(error: Exception) -> str:
    """The first line of a library's message that is not blank; the name of the exception if it has no message."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


def nearest(name: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The known name most like `name`, in any case; None where difflib's ratio (0 to 1) is below `cutoff` for all."""
    folded = {one.casefold(): one for one in known}
    close = get_close_matches(name.strip().casefold(), folded, n=1, cutoff=cutoff)
    return folded[close[0]] if close else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of an error message, such as `: did you mean xquad?`; empty where no known name is similar."""
    found = nearest(name, known)
    return "" if found is None else f": did you mean {found}?"
