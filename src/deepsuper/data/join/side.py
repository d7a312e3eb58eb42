"""One language's side of a data set: all rows in order; unusable ones keep their place, with the reason."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from deepsuper.common.errors import BadRow, UserError, Where
from deepsuper.data.join.formats import READERS, Reader, reader_of
from deepsuper.data.join.source_rows import SourceRow, read_source_rows
from deepsuper.data.rows import TARGET_FIELDS, BadId, Row, as_text, check_id, make_row, normalize

_NO_ID = "(none)"
DETECTED_ROWS = 20
"""Rows whose fields show which set it is."""
BAD_ID = "the id cannot be used"


@dataclass(frozen=True)
class Aside:
    """Why a row is in no pair. `kind`: what such rows are counted by."""

    kind: str
    message: str

    @classmethod
    def unusable(cls, message: str) -> "Aside":
        """The reason of a row that cannot be read, which is counted by the start of its message."""
        return cls(message[:60], message)


@dataclass(frozen=True)
class Entry:
    """One row of a side. `key`: its id, if it has one.

    `row` is None where it cannot be used: `problem` says why, and `text` is the original.
    """

    where: Where
    key: str | None
    row: Row | None
    problem: Aside | None = None
    text: str = ""


@dataclass(frozen=True)
class LanguageSide:
    """All rows of one language, in the order of the file. `sentences`: whether they are sentences, not instructions."""

    source: str
    language: str
    format: str
    sentences: bool
    entries: tuple[Entry, ...]

    @property
    def usable(self) -> list[int]:
        """The indices of the rows that can be used."""
        return [n for n, entry in enumerate(self.entries) if entry.row is not None]


def read_side(
    source: str, language: str, name: str = "auto", split: str = "train", subset: str | None = None
) -> LanguageSide:
    """The rows of `language` in a file, a folder or a hub data set, read as `name` of `READERS`, or as what fits.

    Raises: UserError where the source cannot be read, no reader fits, or no row can be used.
    """
    layout, source_rows = read_source_rows(source, split, subset)
    if not source_rows:
        raise UserError(f"{source}: no row: need at least one")
    if name == "auto":
        name = "two-columns" if layout == "columns" else _detect(source_rows, language)
    reader = READERS[name]
    entries = tuple(_entry(given, reader, language) for given in source_rows)
    side = LanguageSide(source, language, name, reader.sentences, entries)
    if not side.usable:
        first = entries[0]
        assert first.problem is not None, "it cannot be used"
        raise UserError(
            f"{source}: none of its {len(entries)} rows can be used as {name}; {first.where}: {first.problem.message}"
        )
    return side


def _detect(source_rows: list[SourceRow], language: str) -> str:
    """The name of the format that fits most of the first rows: a few may lack a field."""
    first = [(given.where, given.record) for given in source_rows if given.record is not None][:DETECTED_ROWS]
    if not first:
        raise UserError(f"{source_rows[0].where}: {source_rows[0].problem}")
    names = Counter(name for _, record in first if (name := reader_of(record, language)) is not None)
    if not names:
        where, record = first[0]
        raise UserError(
            f"{where}: no known set has the fields {', '.join(map(str, record))} for {language}: "
            f"name the format ({', '.join(READERS)}), or rename the fields to {', '.join(TARGET_FIELDS)}"
        )
    return names.most_common(1)[0][0]


def _entry(given: SourceRow, reader: Reader, language: str) -> Entry:
    if given.record is None:
        return Entry(given.where, None, None, Aside.unusable(given.problem), given.text)
    key = None
    try:
        fields = reader.read(given.record, language)
        key = _key(fields.get("id"))
        # A row without an id gets one when it is written; the other fields are checked now.
        needed = ("instruction",) if reader.sentences else TARGET_FIELDS
        row = make_row({**fields, "id": _NO_ID if key is None else key}, language, needed)
    except BadRow as error:
        problem = Aside(BAD_ID, str(error)) if isinstance(error, BadId) else Aside.unusable(str(error))
    except RecursionError:
        problem = Aside.unusable("nested too deep to be read: write such a field as text")
    else:
        return Entry(given.where, key, normalize(row))
    return Entry(given.where, key, None, problem, as_text(given.record))


def _key(value: Any) -> str | None:
    return None if value is None or value == "" else check_id(value)
