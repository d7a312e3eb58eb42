"""A file or a hub data set -> its rows in order. A bad row keeps its place, with the problem."""

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from deepsuper.common.errors import BadRow, Place, UserError, Where
from deepsuper.common.languages import LANGUAGES
from deepsuper.common.lines import array_items, decode, file_records, numbered_lines, unpacked
from deepsuper.data.rows import hub_records

FileLayout = Literal["array", "lines", "columns", "text"]
"""A JSON array, one JSON object on each line, two columns separated by a tab, or one sentence on each line."""
MAX_ARRAY = 2**30
"""Bytes of a JSON array, at most: it can only be read whole."""
_LOOK_AHEAD = 2**16
_SUFFIXES = (".json", ".jsonl", ".gz", ".tsv", ".txt", ".dev", ".devtest", ".csv", ".parquet")


@dataclass(frozen=True)
class SourceRow:
    """One row of a data set: its record, or else its `problem`, with the original `text`."""

    where: Where
    record: Mapping[str, Any] | None
    problem: str = ""
    text: str = ""


def read_source_rows(
    source: str, split: str = "train", subset: str | None = None
) -> tuple[FileLayout, list[SourceRow]]:
    """The layout of `source` and its rows, in order. A folder or a hub name is read with `datasets`.

    Raises: UserError where it is missing, cut off or cannot be loaded.
    """
    path = Path(source)
    if path.name.endswith((".csv", ".csv.gz")):
        raise UserError(f"{path}: columns parted by commas: save them parted by tabs (.tsv), or as JSON lines")
    if path.is_dir() or not (path.is_file() or _names_a_file(source)):
        records = hub_records(source, split, subset)
        return "lines", [SourceRow(where, record) for where, record in records]
    layout = _layout([line for line in _read(path, _LOOK_AHEAD).split(b"\n") if line.strip(_BLANK)])
    if layout == "array":
        return layout, _array(path)
    return layout, _json_lines(path) if layout == "lines" else _text(path, layout)


COLUMNS = {
    "instruction", "input", "output", "question", "answer", "prompt", "response", "completion", "query", "source",
    "target", "src", "tgt", "trg", "text", "text_en", "sentence", "translation", "original",
    *LANGUAGES, *(language.name.casefold() for language in LANGUAGES.values()),
    *(language.flores.casefold() for language in LANGUAGES.values()),
}  # fmt: skip
"""Names of columns: a first line of two of them is a header, not a row."""
_BLANK = b"\xef\xbb\xbf \t\r\n"


def _names_a_file(source: str) -> bool:
    return source.endswith(_SUFFIXES) or source.count("/") != 1 or source.startswith((".", "/", "~"))


def _layout(lines: list[bytes]) -> FileLayout:
    """The layout of most of the first lines: a JSON file may have a damaged line."""
    starts = [line.lstrip(_BLANK)[:1] for line in lines]
    if starts[:1] == [b"["]:
        return "array"
    if starts.count(b"{") * 2 > len(lines) or starts[:1] == [b"{"]:
        return "lines"
    return "columns" if sum(b"\t" in line.strip(b"\r\n") for line in lines) * 2 > len(lines) else "text"


def _read(path: Path, size: int) -> bytes:
    """The first bytes of a plain or gzip file. Raises: UserError where it is missing, cut off or damaged."""
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    try:
        with path.open("rb") as raw, unpacked(raw) as file:
            return file.read(size)
    except (EOFError, OSError, zlib.error) as error:
        raise UserError(f"{path}: cannot read on ({error}): fetch the file again") from error


def _json_lines(path: Path) -> list[SourceRow]:
    rows: list[SourceRow] = []
    for where, record in file_records(path, _bad_rows(rows)):
        rows.append(SourceRow(where, record))
    return rows


def _bad_rows(rows: list[SourceRow]) -> Callable[[Place, BadRow, str], None]:
    """Adds a bad line to `rows`; it is called before the next line is yielded, so the order is that of the file."""
    return lambda where, problem, text: rows.append(SourceRow(where, None, str(problem), text))


def _array(path: Path) -> list[SourceRow]:
    # Not line by line: such a file is often a single line.
    whole = _read(path, MAX_ARRAY + 1)
    if len(whole) > MAX_ARRAY:
        raise UserError(f"{path}: a JSON array of more than {MAX_ARRAY} bytes: write one JSON object on each line")
    try:
        text = decode(whole)
    except ValueError as error:
        raise UserError(f"{path}: {error}") from error
    try:
        items = list(array_items(text))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: not JSON ({error}): need an array of objects, or one object on each line") from error
    return [SourceRow(f"{path}[{n}]", *item) for n, item in enumerate(items, start=1)]


def _text(path: Path, layout: FileLayout) -> list[SourceRow]:
    """A row for each line. An empty line is a row without a text, except at the end of the file."""
    rows: list[SourceRow] = []
    for number, line in numbered_lines(path, _bad_rows(rows)):
        row = _text_row(Place(path, number), line, layout)
        if number == 1 and layout == "columns" and row.record is not None and _is_header(row.record):
            row = SourceRow(row.where, None, "a header, the names of the columns", "\t".join(row.record.values()))
        rows.append(row)
    while rows and rows[-1].record is None and not rows[-1].text:
        rows.pop()
    return rows


def _is_header(record: Mapping[str, str]) -> bool:
    return all(name.strip().strip('"').casefold() in COLUMNS for name in record.values())


def _text_row(where: Place, line: bytes, layout: FileLayout) -> SourceRow:
    try:
        text = decode(line).strip("\r\n")
    except ValueError as error:
        return SourceRow(where, None, str(error), line.decode("utf-8", "replace"))
    columns = text.split("\t")
    if not text.strip():
        return SourceRow(where, None, "the line is empty: write its text")
    if layout == "text":
        return SourceRow(where, {"text": text})
    if len(columns) == 2:
        return SourceRow(where, {"instruction": columns[0], "output": columns[1]})
    return SourceRow(where, None, f"{len(columns)} columns: need two, parted by one tab", text)
