"""Writing files so that they are complete or absent, JSON lines, hashes of files, and the cache folder."""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from deepsuper.common.errors import UserError


def aside_of(path: Path) -> Path:
    """The temporary path that a file or folder is written to before it is renamed."""
    return path.with_name(path.name + ".partial")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path to write to, renamed to `path` at the end: readers see the old or the new file, never half."""
    aside = aside_of(path)
    yield aside
    os.replace(aside, path)


@contextmanager
def alone_in(folder: Path, option: str, *, wait: bool = False) -> Iterator[None]:
    """Locks a folder against other processes. Raises: UserError naming `option` if one holds it and `wait` is false."""
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
    """Writes to a temporary file and renames it: a reader sees the old file or the new one."""
    with replacing(path) as aside:
        aside.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Writes one indented JSON object, as `write_text` does."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def write_json_lines(path: Path, records: Iterable[Mapping[str, Any]]) -> None:
    """Writes one line of JSON for each record, as `write_text` does; makes the folder if it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as aside, aside.open("w", encoding="utf-8") as file:
        file.writelines(map(json_line, records))


def json_line(record: Mapping[str, Any]) -> str:
    """One line of JSON. A lone surrogate, which UTF-8 cannot write, is escaped."""
    # "backslashreplace" writes \udXXX, which is also JSON's escape; all other letters stay readable.
    line = json.dumps(record, ensure_ascii=False).encode("utf-8", "backslashreplace").decode("utf-8")
    # Some programs read these as line ends; inside JSON strings they may be escaped.
    for character in "\x85\u2028\u2029":
        line = line.replace(character, f"\\u{ord(character):04x}")
    return line + "\n"


def whole_lines(path: Path) -> list[str]:
    """The complete lines of a file; a killed run may leave an incomplete last one."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return text.split("\n")[:-1]


def cache_folder() -> Path:
    """The cache folder: DEEPSUPER_CACHE if it is set and not empty, else a folder in the user's cache."""
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "deepsuper"
    return Path(os.environ.get("DEEPSUPER_CACHE") or default)


def sha256(path: Path) -> str:
    """The file's SHA-256, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def model_hashes(source: str) -> dict[str, str]:
    """Hashes of the weights in a local folder; empty for a hub model, which is identified by its commit."""
    return {p.name: sha256(p) for p in sorted(Path(source).glob("*.safetensors"))} if Path(source).is_dir() else {}
