"""Pairs -> rows of the project; other rows with their reasons."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deepsuper.common.languages import TRANSLATE, TRANSLATE_EN, name_of
from deepsuper.config.join import Sentences
from deepsuper.data.join.pairing import Pairing, RowPair
from deepsuper.data.join.side import Entry, LanguageSide
from deepsuper.data.rows import TARGET_FIELDS, Row


def joined_rows(
    pairing: Pairing, english: LanguageSide, target: LanguageSide, sentences: Sentences
) -> Iterator[dict[str, Any]]:
    """One row for each pair, in the order of the English side, with its id, its score and how it was paired."""
    ids = row_ids(english, [pair.english for pair in pairing.pairs])
    for pair, key in zip(pairing.pairs, ids, strict=True):
        ours, theirs = english.entries[pair.english].row, target.entries[pair.target].row
        assert ours is not None and theirs is not None, "pairs are made of rows that can be used"
        if english.sentences:
            fields = _sentence_fields(ours, theirs, sentences)
        else:
            fields = {name: getattr(theirs, name) for name in TARGET_FIELDS}
            fields |= {f"{name}_en": getattr(ours, name) for name in TARGET_FIELDS}
        yield {"id": key, **fields, "score": pair.score, "paired_by": pair.how}


def _sentence_fields(english: Row, target: Row, sentences: Sentences) -> dict[str, str]:
    if sentences == "plain":
        return {"text": target.instruction, "text_en": english.instruction}
    ask, ask_en = TRANSLATE[target.language], TRANSLATE_EN.format(language=name_of(target.language))
    fields = {"instruction": ask, "input": english.instruction, "output": target.instruction}
    # The English version of the answer is the sentence itself.
    return fields | {"instruction_en": ask_en, "input_en": english.instruction, "output_en": english.instruction}


def row_ids(side: LanguageSide, places: list[int]) -> list[str]:
    """The rows' own ids where all have one and none repeats; else the set's name and the row's number in it, from 1."""
    keys = [entry.key for entry in side.entries if entry.row is not None]
    if None not in keys and len(set(keys)) == len(keys):
        return [str(side.entries[n].key) for n in places]
    name = Path(side.source).name.split(".")[0]
    return [f"{name}-{n + 1}" for n in places]


def rows_aside(pairing: Pairing, english: LanguageSide, target: LanguageSide) -> Iterator[dict[str, Any]]:
    """Every row that is in no pair: its side, place, content and reason."""
    for language, side, aside in (("en", english, pairing.aside_en), (target.language, target, pairing.aside_tgt)):
        for n, reason in sorted(aside.items()):
            yield {"side": language, **_held(side.entries[n]), "reason": reason.message}


def _held(entry: Entry) -> dict[str, Any]:
    place: dict[str, Any] = {"where": str(entry.where), "id": entry.key}
    if entry.row is None:
        return {**place, "text": entry.text}
    return {**place, **{name: getattr(entry.row, name) for name in TARGET_FIELDS}}


def check_complete(pairing: Pairing, english: LanguageSide, target: LanguageSide) -> None:
    """Asserts that each row of either side is in one pair or set aside, never both."""
    for side, paired, aside in (
        (english, [p.english for p in pairing.pairs], pairing.aside_en),
        (target, [p.target for p in pairing.pairs], pairing.aside_tgt),
    ):
        assert sorted([*paired, *aside]) == list(range(len(side.entries))), f"{side.source}: a row is lost"


def pairs_by_how(pairs: list[RowPair]) -> dict[str, int]:
    """How many pairs were found in each way."""
    ways = ("id", "order", "alignment", "moved")
    return {way: count for way in ways if (count := sum(pair.how == way for pair in pairs))}
