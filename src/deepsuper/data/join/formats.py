"""Public instruction sets and the names of their fields: one entry of `READERS` for each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from deepsuper.common.errors import BadRow
from deepsuper.common.languages import LANGUAGES, names_in_data
from deepsuper.data.rows import TARGET_FIELDS

Fields = Mapping[str, Any]
"""A record: field name -> value."""
ENGLISH_CODE = "en"


@dataclass(frozen=True)
class Reader:
    """How one set is read. `fits`: whether a record in a language is of this set.

    `read`: the id, instruction, input and output in that language; of a set of sentences, the sentence as instruction.
    """

    fits: Callable[[Fields, str], bool]
    read: Callable[[Fields, str], Fields]
    sentences: bool = False


def _renamed(**fields: str) -> Callable[[Fields, str], Fields]:
    """A reader that renames each field to the project's name."""
    return lambda record, language: {ours: record.get(theirs) for ours, theirs in fields.items()}


def _has(*fields: str) -> Callable[[Fields, str], bool]:
    return lambda record, language: all(name in record for name in fields)


def _with_ending(record: Fields, end: str) -> Fields:
    """The fields that are named as the project's, with `end` behind."""
    return {"id": record.get("id"), **{name: record.get(name + end) for name in TARGET_FIELDS}}


def _own(record: Fields, language: str) -> Fields:
    """The English or the target side of a row of this project."""
    return _with_ending(record, "_en" if language == ENGLISH_CODE else "")


def _fits_own(record: Fields, language: str) -> bool:
    names = ("instruction_en", "output_en") if language == ENGLISH_CODE else ("instruction", "output", "instruction_en")
    return all(name in record for name in names)


def _fits_by_code(record: Fields, language: str) -> bool:
    return f"instruction_{language}" in record or (
        language == ENGLISH_CODE and any(f"instruction_{c}" in record for c in LANGUAGES)
    )


def _by_code(record: Fields, language: str) -> Fields:
    """A record of both languages: `instruction_zh` for the target side, `instruction` for English."""
    return _with_ending(record, f"_{language}" if f"instruction_{language}" in record else "")


def _aya(record: Fields, language: str) -> Fields:
    """Aya's sets hold all languages. In the collection, an id is unique only within a data set and split."""
    code = record.get("language_code", record.get("language"))
    if code is not None and code not in names_in_data(language):
        raise BadRow(f"language is {code!r}: not {language}")
    parts = [record.get(name) for name in ("dataset_name", "sub_dataset_name", "split", "template_id", "id")]
    key = "/".join(str(part) for part in parts if part not in (None, "-")) if record.get("id") is not None else None
    return {"id": key, "instruction": record.get("inputs"), "output": record.get("targets")}


def _sentence_field(record: Fields, language: str) -> str | None:
    """The field of a FLORES record (or of a file of aligned sentences) that holds the sentence in `language`."""
    codes = names_in_data(language)
    named = [name for name in record if name.startswith("sentence_") and name.split("_")[1] in codes]
    plain = [language, *(["text_en"] if language == ENGLISH_CODE else []), "sentence", "text"]
    return next((name for name in (*named, *plain) if name in record), None)


def _sentence(record: Fields, language: str) -> Fields:
    name = _sentence_field(record, language)
    return {"id": record.get("id"), "instruction": None if name is None else record[name]}


def _column(record: Fields, language: str) -> Fields:
    """The columns of one file: English first, then the other language."""
    return {"instruction": record.get("instruction" if language == ENGLISH_CODE else "output")}


_ALPACA = Reader(
    _has("instruction", "output"), _renamed(id="id", instruction="instruction", input="input", output="output")
)
READERS: dict[str, Reader] = {
    "project": Reader(_fits_own, _own),
    "alpaca-gpt4-zh": Reader(_fits_by_code, _by_code),
    "aya": Reader(_has("inputs", "targets"), _aya),
    "cidar": Reader(
        _has("instruction", "output", "index"), _renamed(id="index", instruction="instruction", output="output")
    ),
    "bactrian-x": Reader(_has("instruction", "input", "id", "output"), _ALPACA.read),
    "alpaca": _ALPACA,
    "two-columns": _ALPACA,
    "sentence-pairs": Reader(lambda record, language: False, _column, sentences=True),
    "flores": Reader(lambda record, language: _sentence_field(record, language) is not None, _sentence, sentences=True),
}
"""From the most specific fields to the least: the first that fits a record is its format. The format of most of the
first records reads the whole set. Two columns are an instruction and its output; where both sides are in one file,
they are a sentence in English and in the other language (`sentence-pairs`).
"""


def reader_of(record: Fields, language: str) -> str | None:
    """The name of the first format that fits a record."""
    return next((name for name, reader in READERS.items() if reader.fits(record, language)), None)
