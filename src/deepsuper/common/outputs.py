"""Checks of the places that a command writes to, before its work: can it write there, and what would it overwrite?"""

import json
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from deepsuper.common.errors import UserError
from deepsuper.common.files import aside_of


def check_folder(option: str, folder: Path) -> None:
    """Raises: UserError where `folder` is a file, or cannot be made or written to. Leaves nothing behind."""
    if os.path.exists(folder) and not os.path.isdir(folder):  # pathlib's raise where a name is too long
        raise UserError(f"{option} {folder}: is a file: name a folder")
    _check_place(option, folder, folder)


def check_file(option: str, path: Path) -> None:
    """Raises: UserError where `path` is a folder, or its folder cannot be made or written to."""
    if os.path.isdir(path):
        raise UserError(f"{option} {path}: is a folder: name a file in it")
    _check_place(option, path, path.parent)


def _check_place(option: str, path: Path, folder: Path) -> None:
    """Makes and removes a temporary folder there, because permissions alone do not tell: /proc takes no files."""
    place = folder
    while not os.path.lexists(place) and place != place.parent:
        place = place.parent
    if not os.path.isdir(place):
        raise UserError(f"{option} {path}: {place} is no folder: choose another place")
    try:
        with suppress(FileNotFoundError):
            path.lstat()  # raises where the name is impossible, such as one that is too long
        with TemporaryDirectory(prefix=".deepsuper-", dir=place):
            pass
    except OSError as error:
        raise UserError(
            f"{option} {path}: nothing can be written in {place} ({error.strerror}): choose another place"
        ) from error


def check_not_read(option: str, written: Iterable[Path], read: Iterable[Path]) -> None:
    """Raises: UserError where a file to write, or its temporary file, is also one to read."""
    inputs = {path.resolve() for path in read}
    for path in written:
        for name in (path, aside_of(path)):
            if name.resolve() in inputs:
                raise UserError(f"{option} {name}: would overwrite a file that is read: choose another {option}")


def check_own(option: str, files: Sequence[Path], manifest: Path, mark: str, maker: str) -> None:
    """Raises: UserError where one of `files` exists, and `manifest` has no `mark`: `maker` did not write it."""
    there = next((path for path in (*files, manifest) if os.path.lexists(path)), None)
    if there is not None and not _holds(manifest, mark):
        raise _not_own(option, there, maker)


def check_own_rows(option: str, path: Path, mark: str, maker: str) -> None:
    """Raises: UserError where `path` has content and its first row, without a field `mark`, is not one of `maker`."""
    if path.exists() and path.stat().st_size and not _holds(path, mark, first_line=True):
        raise _not_own(option, path, maker)


def _holds(path: Path, mark: str, *, first_line: bool = False) -> bool:
    """Whether a file, or its first line, is a JSON object with the field `mark`."""
    try:
        with path.open("rb") as file:
            record = json.loads(file.readline(1 << 24) if first_line else file.read())  # no row is longer
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(record, dict) and mark in record


def _not_own(option: str, path: Path, maker: str) -> UserError:
    return UserError(f"{option} {path}: exists and was not written by {maker}: choose another name")
