"""What a user did wrong, and where: the command line prints it as one line, and lets every other exception pass."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


class UserError(ValueError):
    """A mistake of the user: the message names the option, or file and line, the value and the remedy.

    The command line ends with `exit_status`. Any other exception is a bug and keeps its traceback.
    """

    exit_status = 2


@dataclass(frozen=True, order=True)
class Place:
    """A line of a file, counted from 1; printed as `path:line`."""

    path: Path
    line: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"
