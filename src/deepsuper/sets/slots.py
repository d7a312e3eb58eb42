"""A file or a hub data set -> its rows in order: a bad row keeps its place, with what is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any, Literal

from deepsuper.corpora import hub_records, json_records, numbered_lines

Layout = Literal["array", "lines", "columns", "text"]
"""A JSON array, one JSON object on each line, two columns parted by a tab, or one sentence on each line."""
MAX_ARRAY = 2**30
"""Bytes: a JSON array can only be read whole."""
_LOOK_AHEAD = 20
_SUFFIXES = (".json", ".jsonl", ".gz", ".tsv", ".txt", ".dev", ".devtest", ".csv", ".parquet")


@dataclass(frozen=True)
class Slot:
    """One place of a data set: its record, or the `problem` that it has, with the `text` as it stood there."""

    where: str
    record: Mapping[str, Any] | None
    problem: str = ""
    text: str = ""


def read_slots(source: str, split: str = "train", subset: str | None = None) -> tuple[Layout, list[Slot]]:
    """The layout of `source` and its rows, in order. A folder or a hub name is read with `datasets`.

    Raises: ValueError where it is missing, cut off, or no such data set.
    """
    path = Path(source)
    if path.is_dir() or not (path.is_file() or _names_a_file(source)):
        records = hub_records(source, split, subset)
        return "lines", [Slot(where, record) for where, record in records]
    lines = numbered_lines(path)
    first = list(islice(lines, _LOOK_AHEAD))
    layout = _layout([line for _, line in first if line.strip(_BLANK)])
    everything = chain(first, lines)
    if layout == "array":
        return layout, _array(source, everything)
    if layout == "lines":
        return layout, _json_lines(source, everything)
    return layout, list(_text(source, everything, layout))


_BLANK = b"\xef\xbb\xbf \t\r\n"


def _names_a_file(source: str) -> bool:
    return source.endswith(_SUFFIXES) or source.count("/") != 1 or source.startswith((".", "/", "~"))


def _layout(lines: list[bytes]) -> Layout:
    """What most of the first lines look like: one damaged line does not make a JSON file a text."""
    starts = [line.lstrip(_BLANK)[:1] for line in lines]
    if starts[:1] == [b"["]:
        return "array"
    if starts.count(b"{") * 2 > len(lines) or starts[:1] == [b"{"]:
        return "lines"
    return "columns" if sum(b"\t" in line.strip(b"\r\n") for line in lines) * 2 > len(lines) else "text"


def _json_lines(source: str, lines: Iterable[tuple[int, bytes]]) -> list[Slot]:
    slots: list[Slot] = []

    def bad(where: str, problem: str, text: str) -> None:
        slots.append(Slot(where, None, problem, text))

    # `bad` is called while the next record is looked for, so the order stays that of the file.
    for where, record in json_records(source, lines, bad):
        slots.append(Slot(where, record))
    return slots


def _array(source: str, lines: Iterable[tuple[int, bytes]]) -> list[Slot]:
    whole = bytearray()
    for _, line in lines:
        whole += line
        if len(whole) > MAX_ARRAY:
            raise ValueError(
                f"{source}: a JSON array of more than {MAX_ARRAY} bytes: write one JSON object on each line"
            )
    try:
        records = json.loads(whole.decode("utf-8").removeprefix("\ufeff"))
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{source}: byte {whole[error.start]:#04x} at position {error.start} is not UTF-8: save the file as UTF-8"
        ) from error
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"{source}: not JSON ({error}): need an array of objects, or one object on each line"
        ) from error
    return [_array_slot(f"{source}[{n}]", record) for n, record in enumerate(records, start=1)]


def _array_slot(where: str, record: Any) -> Slot:
    if isinstance(record, dict):
        return Slot(where, record)
    return Slot(where, None, f"a JSON {type(record).__name__}: need an object", json.dumps(record)[:2000])


def _text(source: str, lines: Iterable[tuple[int, bytes]], layout: Layout) -> Iterator[Slot]:
    """Each line in its place: an empty one is a row without its text, but for those at the end of the file."""
    empty: list[Slot] = []
    for number, line in lines:
        slot = _text_slot(f"{source}:{number}", line, layout)
        if slot.record is None and not slot.text:
            empty.append(slot)
            continue
        yield from empty
        yield slot
        empty = []


def _text_slot(where: str, line: bytes, layout: Layout) -> Slot:
    try:
        text = line.decode("utf-8").removeprefix("\ufeff").strip("\r\n")
    except UnicodeDecodeError as error:
        problem = f"byte {line[error.start]:#04x} at position {error.start} is not UTF-8: save the file as UTF-8"
        return Slot(where, None, problem, line.decode("utf-8", "replace"))
    columns = text.split("\t")
    if not text.strip():
        return Slot(where, None, "the line is empty: write its text")
    if layout == "text":
        return Slot(where, {"text": text})
    if len(columns) == 2:
        return Slot(where, {"instruction": columns[0], "output": columns[1]})
    return Slot(where, None, f"{len(columns)} columns: need two, parted by one tab", text)
