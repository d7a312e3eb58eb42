"""Lines of plain and gzip files, and the JSON object on each: in bounded memory, with a message for any damage."""

import gzip
import json
import math
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from io import BufferedReader
from pathlib import Path
from typing import Any

from deepsuper.common.errors import BadRow, Place, UserError, Where

Placed = tuple[Place, Mapping[str, Any]]
"""The place and the JSON object of one line."""
Located = tuple[Where, Mapping[str, Any]]
"""The same of a record that may be no line of its own."""
Bad = Callable[[Place, BadRow, str], None]
"""Called with the place, the problem and the text of each line that is left out."""
MAX_LINE = 16 << 20
"""Bytes of one line, at most. The longest row of the public instruction sets has about 100 kB."""
MAX_DEPTH = 200
"""Levels of nested lists and objects: writing takes more of Python's stack than reading, and must work too."""
SHOWN = 2000
"""Characters kept of a line that is too long."""
FORMATS = {
    b"\xff\xfe\x00\x00": "UTF-32: save it as UTF-8",
    b"\x00\x00\xfe\xff": "UTF-32: save it as UTF-8",
    b"\xff\xfe": "UTF-16: save it as UTF-8",
    b"\xfe\xff": "UTF-16: save it as UTF-8",
    b"PK\x03\x04": "a zip archive: unpack it",
    b"BZh": "packed with bzip2: unpack it, or pack it with gzip",
    b"\xfd7zXZ": "packed with xz: unpack it, or pack it with gzip",
    b"\x28\xb5\x2f\xfd": "packed with zstd: unpack it, or pack it with gzip",
    b"PAR1": "a Parquet file: write its rows as JSON lines",
}
"""First bytes of files that are no text lines -> what such a file is, and the remedy."""


def refuse(where: Place, problem: BadRow, text: str) -> None:
    """Raises: UserError for a bad line. For files of which no line may be left out."""
    raise UserError(f"{where}: {problem}")


def numbered_lines(path: Path, bad: Bad = refuse) -> Iterator[tuple[int, bytes]]:
    r"""Number and bytes of each line of a plain or gzip file; only \n ends a line.

    `bad` is called for a line of more than MAX_LINE bytes, which is skipped piece by piece. Raises: UserError where
    the file is missing, cut off, damaged or not text.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    number = 0
    try:
        with path.open("rb") as raw, unpacked(raw) as file:
            _check_format(path, file.peek(8)[:8])
            while line := file.readline(MAX_LINE + 1):
                number += 1
                if len(line) <= MAX_LINE:
                    yield number, line
                else:
                    bad(Place(path, number), *_too_long(line, file.readline))
    except (EOFError, OSError, zlib.error) as error:
        raise UserError(f"{path}:{number + 1}: cannot read on ({error}): fetch the file again") from error


def unpacked(file: BufferedReader) -> BufferedReader | gzip.GzipFile:
    """A file that was opened for reading, unpacked if it is gzip."""
    return gzip.GzipFile(fileobj=file) if file.peek(2)[:2] == b"\x1f\x8b" else file


def _check_format(path: Path, start: bytes) -> None:
    for mark, named in FORMATS.items():
        if start.startswith(mark):
            raise UserError(f"{path}: is {named}")
    # Without a byte order mark: ASCII letters, as JSON begins with, have every other byte zero.
    zeros = [byte == 0 for byte in start[:4]]
    if zeros in ([False, True] * 2, [True, False] * 2):
        raise UserError(f"{path}: is UTF-16: save it as UTF-8")


def _too_long(line: bytes, readline: Callable[[int], bytes]) -> tuple[BadRow, str]:
    """The problem and the first characters of a line whose beginning was read; reads the rest of it."""
    length, piece, returns = len(line), line, line.count(b"\r")
    while piece and not piece.endswith(b"\n"):
        piece = readline(1 << 20)
        length, returns = length + len(piece), returns + piece.count(b"\r")
    remedy = r"save the file with \n as line end" if returns > 1 else "shorten it, or write one row on each line"
    return (
        BadRow(f"a line of {length} bytes", f": need at most {MAX_LINE}: {remedy}"),
        line[:SHOWN].decode("utf-8", "replace"),
    )


def decode(data: bytes, remedy: str = "save the file as UTF-8") -> str:
    """The text without its byte order mark. Raises: BadRow naming the first byte that is not UTF-8."""
    try:
        return data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise BadRow(f"byte {data[error.start]:#04x} at position {error.start} is not UTF-8", f": {remedy}") from error


def file_records(path: Path, bad: Bad) -> Iterator[Placed]:
    """Place and object of each line of JSON that is not blank. `bad` gets place, problem and text of other lines."""
    return json_records(path, numbered_lines(path, bad), bad)


def json_records(path: Path | str, lines: Iterable[tuple[int, bytes]], bad: Bad) -> Iterator[Placed]:
    """As `file_records`, of numbered lines that have been read already. `path`: what places call their file."""
    for number, line in lines:
        where, text = Place(path, number), None
        try:
            text = decode(line)
            record = read_object(text) if text.strip() else None
        except BadRow as error:
            bad(where, error, line.decode("utf-8", "replace") if text is None else text)
            continue
        if record is not None:
            yield where, record


def read_object(text: str) -> dict[str, Any]:
    """The JSON object in `text`. Raises: BadRow with the problem and the remedy.

    NaN, Infinity and duplicate names are refused too: programs read them differently, and a value would be lost.
    """
    try:
        record = _DECODER.decode(text)
    except _Ambiguous:
        raise
    except (ValueError, RecursionError) as error:  # ValueError: also a number of more than 4300 digits
        raise BadRow("not JSON", f" ({error}): {_json_remedy(text)}") from error
    if not isinstance(record, dict):
        raise BadRow(f"a JSON {type(record).__name__}", ": need one JSON object on each line")
    if text.count("[") + text.count("{") > MAX_DEPTH and _is_deep(record):
        raise BadRow(f"nested more than {MAX_DEPTH} deep", ": write such a field as text")
    return record


def array_items(text: str) -> Iterator[tuple[dict[str, Any] | None, str, str]]:
    """Each object of the JSON array in `text`, or None with problem and text. Raises: ValueError for no such array."""
    at = _skip_blank(text, 0)
    if text[at : at + 1] != "[":
        raise UserError("not a JSON array")
    at = _skip_blank(text, at + 1)
    while text[at : at + 1] != "]":
        _, end = _ANY.raw_decode(text, at)
        try:
            yield read_object(text[at:end]), "", ""
        except ValueError as error:
            yield None, str(error), text[at:end][:MAX_LINE]
        at = _skip_blank(text, end)
        if text[at : at + 1] == ",":
            at = _skip_blank(text, at + 1)
            if text[at : at + 1] == "]":
                raise json.JSONDecodeError("Expecting value behind a comma", text, at)
        elif text[at : at + 1] != "]":
            raise json.JSONDecodeError("Expecting ',' delimiter", text, at)
    if text[_skip_blank(text, at + 1) :]:
        raise json.JSONDecodeError("Extra data", text, at + 1)


def _skip_blank(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    return found.end() if found else at


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        inner = (v.values() if isinstance(v, dict) else v for v in level)
        level = [child for children in inner for child in children if isinstance(child, dict | list)]
    return bool(level)


class _Ambiguous(BadRow):
    """JSON that programs read differently."""


def _no_constant(name: str) -> None:
    raise _Ambiguous(f"{name} is not JSON", f": write null, or the text {json.dumps(name)}")


def _finite(text: str) -> float:
    if math.isinf(number := float(text)):
        raise _Ambiguous(f"{text[:20]} is larger than a number can be", ": write it as text")
    return number


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        ((name, count),) = Counter(name for name, _ in pairs).most_common(1)
        raise _Ambiguous(f"field {json.dumps(name)[:80]} is there {count} times", ": keep one of them")
    return record


_ANY = json.JSONDecoder()
_BLANK = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder(parse_constant=_no_constant, parse_float=_finite, object_pairs_hook=_unique)


def _json_remedy(text: str) -> str:
    if "\0" in text:
        return "it holds NUL bytes, as a damaged file does: fetch the file again"
    if "\r" in text.strip():
        return r"it holds carriage returns: save the file with \n as line end"
    return "need one JSON object on each line"


def is_unicode(text: str) -> bool:
    """Whether UTF-8 can write it: it holds no half of a surrogate pair."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
