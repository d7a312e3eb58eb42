"""Files of parallel rows -> rows, and findings for all other lines: no line is lost, and a bad line stops nothing."""

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from deepsuper.common.errors import BadRow, Place, UserError
from deepsuper.common.lines import json_records, numbered_lines, refuse
from deepsuper.data.check.findings import Finding, Reason, shortened
from deepsuper.data.check.languages import identify
from deepsuper.data.rows import FIELDS, Row, make_row, normalize

READING = {
    "broken_line": Reason("error", "not a JSON object in UTF-8"),
    "broken_row": Reason("error", "a field is missing or not a text"),
    "empty": Reason("error", "an instruction or an answer is empty"),
    "repeated_id": Reason("error", "the id of an earlier line: training refuses such a file"),
}
IDENTIFIED_ROWS = 200
"""Rows from which the language of a file is identified."""


@dataclass
class Source:
    """One file: its rows, and what was wrong in reading, mostly with other lines."""

    path: Path
    language: str
    told: bool
    """Whether the language was given; else it was identified from the texts."""
    rows: list[Row] = field(default_factory=list)
    broken: list[Finding] = field(default_factory=list)
    lines: int = 0
    blank: int = 0


def read_source(path: Path, language: str | None, *, whole: bool = False) -> Source:
    """All lines of a file. `whole`: each must be short enough to be copied.

    Raises: UserError where it is missing, cut off, or its language cannot be identified; with `whole`, where a line is
    too long.
    """
    source = Source(path, language or "", language is not None)
    seen: dict[str, int] = {}

    def counted() -> Iterator[tuple[int, bytes]]:
        for number, line in numbered_lines(path, refuse if whole else bad):
            source.lines = number
            source.blank += not line.decode("utf-8", "replace").removeprefix("\ufeff").strip()
            yield number, line

    def bad(where: Place, problem: BadRow, text: str) -> None:
        source.lines = max(source.lines, where.line)
        source.broken.append(Finding(where, "broken_line", str(problem)))

    for where, record in json_records(path, counted(), bad):
        try:
            row = replace(normalize(make_row(record, source.language, FIELDS["parallel"])), where=where)
        except BadRow as error:
            reason = "empty" if _is_empty(record) else "broken_row"
            source.broken.append(Finding(where, reason, shortened(str(error), 200)))
            continue
        if row.id in seen:
            detail = f"id {shortened(row.id)!r} is also on line {seen[row.id]}"
            place = len(source.rows)
            source.broken.append(Finding(where, "repeated_id", detail, place, seen[row.id]))
        seen.setdefault(row.id, where.line)
        source.rows.append(row)
    if language is None:
        source.language = identified_language(path, source.rows)
        source.rows = [replace(row, language=source.language) for row in source.rows]
    return source


def _is_empty(record: Mapping[str, Any]) -> bool:
    """Whether every required field is there and a text, and one is empty."""
    values = [record.get(name) for name in FIELDS["parallel"] if not name.startswith("input")]
    return all(isinstance(value, str) for value in values) and not all(str(value).strip() for value in values)


def identified_language(path: Path, rows: Sequence[Row]) -> str:
    """The language of most target texts; "und" without rows. Raises: UserError where no text is clear enough."""
    if not rows:
        return "und"
    sample = random.Random(0).sample(range(len(rows)), min(IDENTIFIED_ROWS, len(rows)))
    told = Counter(identify(f"{rows[n].instruction}\n{rows[n].output}") for n in sample)
    language = told.most_common(1)[0][0]
    if language is None:
        raise UserError(f"{path}: its language could not be identified from its texts: name it with --lang")
    return language
