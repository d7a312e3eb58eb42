"""Rows to complete: which fields are made from which, and the pieces of a text that are translated one by one."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from deepsuper.common.errors import Place
from deepsuper.config.translate import MadeSide
from deepsuper.data.rows import ENGLISH_FIELDS, FIELDS, TARGET_FIELDS, make_row

WHOLE = re.compile(r"(^\s+|\s+$)")
LINES = re.compile(r"(^\s+|\s*\n\s*|\s+$)")
"""What is not translated: white space around a text, or around each of its lines."""


@dataclass(frozen=True)
class Task:
    """One row. `kept`: the fields that it has; `made`: each field that is missing -> the text to translate for it."""

    where: Place
    record: Mapping[str, Any]
    kept: Mapping[str, Any]
    made: Mapping[str, str]

    def complete(self, texts: Mapping[str, str]) -> dict[str, Any]:
        """The row with `texts` added, the fields of a parallel row first. Raises: BadRow as `make_row` does."""
        filled = {**self.kept, **texts}
        make_row(filled, "", FIELDS["parallel"])
        first = {name: filled.pop(name) for name in ("id", *TARGET_FIELDS, *ENGLISH_FIELDS) if name in filled}
        return {**first, **filled}


def make_task(where: Place, record: Mapping[str, Any], to: MadeSide) -> Task:
    """What to translate for a row. Raises: BadRow where the given side has a fault.

    English rows may name their fields with or without `_en`. A field that has a text is kept.
    """
    sides = tuple(zip(TARGET_FIELDS, ENGLISH_FIELDS, strict=True))
    plain = to == "target" and not any(name in record for name in ENGLISH_FIELDS)
    if plain:
        moved = {english: record[target] for target, english in sides if target in record}
        kept = {**{name: value for name, value in record.items() if name not in TARGET_FIELDS}, **moved}
    else:
        kept = dict(record)
    given = make_row(kept, "", FIELDS["english" if to == "target" else "translated"])
    made = {}
    for target, english in sides:
        name, source = (target, english) if to == "target" else (english, target)
        if kept.get(name) in (None, ""):
            made[name] = getattr(given, source)
    return Task(where, record, kept, made)


def split(text: str, *, lines: bool) -> list[str]:
    """The pieces of a text, with the white space between them at odd places; joined, they are the text."""
    return (LINES if lines else WHOLE).split(text)


def to_translate(pieces: list[str]) -> Iterator[str]:
    """The pieces that hold a letter: numbers and signs are the same in every language."""
    for piece in pieces[::2]:
        if any(c.isalpha() for c in piece):
            yield piece
