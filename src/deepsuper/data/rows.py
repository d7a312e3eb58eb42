"""Files and hub data sets -> checked rows in both languages. No row is dropped without a record of it."""

import json
import random
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from deepsuper.common.errors import BadRow, Place, UserError, Where
from deepsuper.common.files import write_json_lines
from deepsuper.common.lines import SHOWN, Placed, file_records, is_unicode
from deepsuper.config import DataConfig, SourceConfig
from deepsuper.config.objective import CorpusKind
from deepsuper.data.packaged import rows_path

TARGET_FIELDS = ("instruction", "input", "output")
ENGLISH_FIELDS = ("instruction_en", "input_en", "output_en")
QUESTION_FIELDS = ("instruction", "input", "instruction_en", "input_en")
TEXT_FIELDS = ("text", "text_en")
"""Of a row of `pairs` that is no instruction."""
FIELDS: dict[CorpusKind, tuple[str, ...]] = {
    "english": ENGLISH_FIELDS,
    "translated": TARGET_FIELDS,
    "parallel": TARGET_FIELDS + ENGLISH_FIELDS,
    "both": TARGET_FIELDS + ENGLISH_FIELDS,
    "pairs": QUESTION_FIELDS,
}


@dataclass(frozen=True)
class Row:
    """One instruction and its answer in the target language and in English, or one text in both.

    `where`: its file and line.
    """

    id: str
    language: str
    instruction: str = ""
    input: str = ""
    output: str = ""
    instruction_en: str = ""
    input_en: str = ""
    output_en: str = ""
    text: str = ""
    text_en: str = ""
    where: Where = ""

    @property
    def question(self) -> str:
        """What the row asks, or its text."""
        return self.text or self.instruction


@dataclass(frozen=True)
class SkippedRow:
    """A row that was left out, and why."""

    where: Where
    reason: str
    text: str

    @property
    def record(self) -> dict[str, str]:
        """The fields as they are written to a file."""
        return {"where": str(self.where), "reason": self.reason, "text": self.text}


@dataclass
class Corpus:
    """The rows of one or more sources, and those that `on_bad_row: skip` left out.

    `fingerprints`: those that `datasets` computes for hub data sets; they change when the data set changes.
    """

    rows: list[Row] = field(default_factory=list)
    skipped: list[SkippedRow] = field(default_factory=list)
    fingerprints: dict[str, str] = field(default_factory=dict)


class BadId(BadRow):
    """What is wrong with the id of a row."""


@dataclass
class Skipper:
    """Raises on a bad row, or passes it to `keep`, as `on_bad_row` says. `option`: what messages call that setting."""

    on_bad_row: Literal["error", "skip"]
    keep: Callable[[SkippedRow], object]
    option: str = "data.on_bad_row"
    count: int = 0
    first: str = ""
    """Where the first bad row is, and why."""

    def __call__(self, where: Where, problem: BadRow, text: str, *, shown: int | None = SHOWN) -> None:
        """Keeps the first `shown` characters of the row (None: all). Raises: BadRow, unless bad rows are skipped."""
        if self.on_bad_row == "error":
            raise BadRow(f"{where}: {problem}, or leave such rows out with {self.option}: skip")
        self.keep(SkippedRow(where, str(problem), text[:shown]))
        self.count += 1
        self.first = self.first or f"{where}: {problem}"


def write_skipped(skipped: Iterable[SkippedRow], path: Path) -> None:
    """Writes one JSON line for each row that was left out, by renaming a finished file."""
    write_json_lines(path, (row.record for row in skipped))


def load_corpus(sources: Sequence[SourceConfig], data: DataConfig, *, kind: CorpusKind, seed: int = 0) -> Corpus:
    """The rows of all sources, each repeated by its weight. Raises: UserError as `load_source` does."""
    mixed, rng = Corpus(), random.Random(seed)
    for source in sources:
        corpus = load_source(source, data, kind=kind)
        mixed.rows += repeat(corpus.rows, source.weight, rng)
        mixed.skipped += corpus.skipped
        mixed.fingerprints |= corpus.fingerprints
    return mixed


def repeat(rows: Sequence[Row], weight: float, rng: random.Random) -> list[Row]:
    """`rows` repeated `weight` times: the fraction of `weight` adds a random share of them."""
    whole = int(weight)
    share = rng.sample(range(len(rows)), round((weight - whole) * len(rows)))
    return [*rows] * whole + [rows[n] for n in sorted(share)]


def load_source(source: SourceConfig, data: DataConfig, *, kind: CorpusKind) -> Corpus:
    """The rows of one source, with the fields that a corpus of `kind` needs.

    Raises: UserError naming file, line, value and remedy at the first bad row (unless `data.on_bad_row` is skip),
    or where no row is left.
    """
    corpus = Corpus()
    bad = Skipper(data.on_bad_row, corpus.skipped.append)
    if source.hub is not None:
        dataset = load_hub(source.hub, source.split)
        corpus.fingerprints[f"{source.hub}[{source.split}]"] = str(dataset._fingerprint)
        named, records = source.hub, list(_numbered(dataset, source.hub, source.split))
    elif source.path is not None and source.path_en is not None:
        path, path_en = rows_path(source.path, "path"), rows_path(source.path_en, "path_en")
        named, records = source.path, _join(path, path_en, bad)
    else:
        assert source.path is not None, "config.check asks for a path or a hub name"
        named, records = source.path, list(file_records(rows_path(source.path, "path"), bad))
    corpus.rows = _checked(records, source.language, kind, data.normalization, bad)
    if not corpus.rows:
        first = f", the first: {bad.first}" if bad.count else ""
        raise UserError(f"{named}: no row to train on ({bad.count} were skipped{first})")
    return corpus


def _join(path: Path, path_en: Path, bad: Skipper) -> list[Placed]:
    """The rows of two files, joined by id. The English file may name its fields with or without `_en`."""
    names = (*ENGLISH_FIELDS, "text_en")
    english: dict[str, Placed] = {}
    for where, record in file_records(path_en, bad):
        key = str(record.get("id"))
        if key in english:
            bad(where, BadRow(f"id {key[:80]!r} is also at {english[key][0]}: need each id once"), as_text(record))
            continue
        english[key] = (where, record)
    joined: list[Placed] = []
    used: set[str] = set()
    for where, record in file_records(path, bad):
        key = str(record.get("id"))
        if key not in english:
            bad(where, BadRow(f"id {key[:80]!r} is not in {path_en}: add it there"), as_text(record))
            continue
        used.add(key)
        other = english[key][1]
        sides = {name: other.get(name, other.get(name.removesuffix("_en"))) for name in names}
        joined.append((where, {**record, **{name: value for name, value in sides.items() if value is not None}}))
    for key, (where, record) in english.items():
        if key not in used:
            bad(where, BadRow(f"id {key[:80]!r} is not in {path}: add it there"), as_text(record))
    return joined


def hub_records(name: str, split: str, subset: str | None = None) -> Iterator[Placed]:
    """The place and the object of each row of a hub data set, or of a local folder that `datasets` reads."""
    yield from _numbered(load_hub(name, split, subset), name, split)


def load_hub(name: str, split: str, subset: str | None = None) -> Any:
    """A split of a hub data set. Raises: UserError where it cannot be loaded."""
    from datasets import load_dataset

    try:
        return load_dataset(name, subset, split=split)
    except Exception as error:
        raise UserError(f"data set {name!r}, split {split!r} could not be loaded: {error}") from error


def _numbered(dataset: Any, name: str, split: str) -> Iterator[Placed]:
    for number, record in enumerate(dataset, start=1):
        yield Place(f"{name}[{split}]", number), record


def _checked(records: Iterable[Placed], language: str, kind: CorpusKind, normalization: str, bad: Skipper) -> list[Row]:
    seen: dict[str, Place] = {}
    rows = []
    for where, record in records:
        try:
            row = make_row(record, language, fields_of(record, kind))
            if row.id in seen:
                raise BadRow(f"id {row.id[:80]!r} is also at {seen[row.id]}: need each id once in a source")
        except BadRow as error:
            bad(where, error, as_text(record))
            continue
        seen[row.id] = where
        rows.append(replace(normalize(row) if normalization == "NFC" else row, where=where))
    return rows


def fields_of(record: Mapping[str, Any], kind: CorpusKind) -> tuple[str, ...]:
    """The fields that a corpus of `kind` reads of a row: of pairs, texts or questions."""
    return TEXT_FIELDS if kind == "pairs" and "text" in record else FIELDS[kind]


def make_row(record: Mapping[str, Any], language: str, fields: Sequence[str]) -> Row:
    """The row that the `fields` of `record` make. Raises: BadRow naming the field at fault."""
    key, texts = check_record(record, fields)
    return Row(key, language, **texts)


def check_record(record: Mapping[str, Any], fields: Sequence[str]) -> tuple[str, dict[str, str]]:
    """The id of `record` and the texts of its `fields`. Raises: BadRow naming the field at fault.

    A missing `input` becomes an empty text. Every other field is required, and must hold more than white space.
    """
    key, values = check_id(record.get("id")), {}
    for name in fields:
        value = record.get(name)
        optional = name.startswith("input")
        if value is None:
            if not optional:
                raise BadRow(f"field {name!r} is missing", ": add it")
            value = ""
        if not isinstance(value, str):
            raise BadRow(f"field {name!r} is a {type(value).__name__}", f" ({_brief(value, 40)}): need a string")
        if not optional and not value.strip():
            raise BadRow(f"field {name!r} is empty", ": fill it")
        values[name] = value
    if not is_unicode("".join(values.values())):
        name = next(name for name, text in values.items() if not is_unicode(text))
        raise BadRow(f"field {name!r} holds half of a surrogate pair", ": write the character itself")
    return key, values


def check_id(value: Any) -> str:
    """An id as text. Raises: BadId where it is no string or whole number, is empty, or holds half a surrogate pair."""
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise BadId(f"id is {_brief(value, 80)}", ": need a string or a whole number")
    if not is_unicode(str(value)):
        raise BadId("id holds half of a surrogate pair", ": write the character itself")
    return str(value)


def as_text(value: Any) -> str:
    """A value as JSON, for messages; a text that says so where it is nested too deep."""
    try:
        return json.dumps(value, default=str, ensure_ascii=False)
    except RecursionError:
        return "(nested too deep to be shown)"


def _brief(value: Any, length: int) -> str:
    """The first characters of a value's `repr`."""
    try:
        return repr(value)[:length]
    except RecursionError:
        return "nested too deep to be shown"


def normalize(row: Row) -> Row:
    """The row with its texts in Unicode's NFC: files hold Vietnamese in composed and in decomposed form."""
    names = FIELDS["parallel"] + TEXT_FIELDS
    texts = {name: unicodedata.normalize("NFC", getattr(row, name)) for name in names}
    return replace(row, **texts)
