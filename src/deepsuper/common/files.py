"""Files that are whole or not there: written aside and renamed, in JSON lines, known by their hash; and the cache."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from deepsuper.common.errors import UserError


def aside_of(path: Path) -> Path:
    """Where a file or folder is written before it has its name."""
    return path.with_name(path.name + ".partial")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """The place aside to write to; at the end it is renamed to `path`, so that a reader sees the old or the new one.

    Where the writing is broken off, `path` is as before, and what was written stays aside.
    """
    aside = aside_of(path)
    yield aside
    os.replace(aside, path)


@contextmanager
def alone_in(folder: Path, option: str, *, wait: bool = False) -> Iterator[None]:
    """Keeps other processes that ask for the same out of the folder, which is made if it is missing.

    It ends with this process, however that dies. `wait`: until another has left.
    Raises: UserError naming `option` where another is at work there.
    """
    from filelock import FileLock, Timeout  # not above: it would be a tenth of every command's start

    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(blocking=wait)
    except Timeout as error:
        raise UserError(
            f"{option} {folder}: another run is writing there: wait until it has ended, or choose another --{option}"
        ) from error
    try:
        yield
    finally:
        lock.release()


def write_text(path: Path, text: str) -> None:
    """Writes aside and renames: a reader sees the old file or the new one."""
    with replacing(path) as aside:
        aside.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Writes one JSON object for people to read, aside and renamed."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def write_json_lines(path: Path, records: Iterable[Mapping[str, Any]]) -> None:
    """Writes one line of JSON for each record, aside and renamed; the folder is made if it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as aside, aside.open("w", encoding="utf-8") as file:
        file.writelines(map(json_line, records))


def json_line(record: Mapping[str, Any]) -> str:
    """One line of JSON that any text survives: a lone surrogate, which UTF-8 cannot write, is escaped."""
    # What is put for the half of a pair, \udXXX, is JSON's own escape; the other letters stay readable.
    line = json.dumps(record, ensure_ascii=False).encode("utf-8", "backslashreplace").decode("utf-8")
    # Some readers take these for line ends; inside JSON strings they may be escaped.
    for character in "\x85\u2028\u2029":
        line = line.replace(character, f"\\u{ord(character):04x}")
    return line + "\n"


def whole_lines(path: Path) -> list[str]:
    """The lines that were written to their end; a killed run may leave half of one."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return text.split("\n")[:-1]


def cache_folder() -> Path:
    """Where what can be made again is kept: DEEPSUPER_CACHE, or a folder in the user's cache. Empty is not set."""
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "deepsuper"
    return Path(os.environ.get("DEEPSUPER_CACHE") or default)


def sha256(path: Path) -> str:
    """The file's SHA-256, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def model_hashes(source: str) -> dict[str, str]:
    """Hashes of the weights of a local folder; a hub model is named by its commit."""
    return {p.name: sha256(p) for p in sorted(Path(source).glob("*.safetensors"))} if Path(source).is_dir() else {}
