"""Rows that hold text of an evaluation set: by runs of words (or of characters), and by whole short texts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice

import numpy as np
import numpy.typing as npt

from deepsuper.corpora import Row
from deepsuper.doctor.config import CheckConfig
from deepsuper.doctor.evaluation_texts import Item, evaluation_items
from deepsuper.doctor.findings import Found, shortened
from deepsuper.doctor.normalise import DENSE, units

Codes = npt.NDArray[np.uint64]
LEAST_SHARE = 0.45
"""A text shorter than a run counts whole, from this share of one: "What is it?" is nobody's."""
COMMON = 5
"""A run that more evaluation texts than these have is a phrase of theirs, such as "which of the following"."""
CHUNK = 5000
FACTOR = np.uint64(0x9E3779B97F4A7C15)


@dataclass
class Index:
    """Every run of `length` units of the evaluation texts, as hashes, and the texts that are shorter than one."""

    length: int
    items: list[Item] = field(default_factory=list)
    words: dict[str, int] = field(default_factory=dict)
    short: dict[tuple[str, ...], int] = field(default_factory=dict)
    hashes: Codes = field(default_factory=lambda: np.zeros(0, np.uint64))
    owners: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))

    @classmethod
    def of(cls, items: Iterable[Item], length: int) -> Index:
        """The index of some texts; of equal ones the first."""
        index, seen, all_units = cls(length), set[tuple[str, ...]](), list[list[str]]()
        for item in items:
            found = units(item.text)
            key = tuple(found)
            if key in seen or len(found) < LEAST_SHARE * length:
                continue
            seen.add(key)
            if len(found) < length and not item.choice:
                index.short[key] = len(index.items)
            for word in found:
                index.words.setdefault(word, len(index.words) + 1)
            index.items.append(item)
            all_units.append(found)
        codes, owners = index.encode(all_units)
        hashes, whole = _runs(codes, length)
        index._keep(hashes[whole], owners[: len(hashes)][whole])
        return index

    def _keep(self, hashes: Codes, owners: npt.NDArray[np.int64]) -> None:
        pairs = np.unique(np.stack([hashes, owners.astype(np.uint64)], axis=1), axis=0)
        self.hashes, first, counts = np.unique(pairs[:, 0], return_index=True, return_counts=True)
        self.owners = pairs[first, 1].astype(np.int64)
        rare = counts <= COMMON
        self.hashes, self.owners = self.hashes[rare], self.owners[rare]

    def encode(self, texts: Sequence[Sequence[str]]) -> tuple[Codes, npt.NDArray[np.int64]]:
        """All texts in a row as numbers of their units, 0 for unknown ones and behind each text; and whose each is."""
        codes = [code for text in texts for code in (*(self.words.get(word, 0) for word in text), 0)]
        lengths = [len(text) + 1 for text in texts]
        return np.array(codes, np.uint64), np.repeat(np.arange(len(texts)), lengths)

    def find(self, texts: Sequence[Sequence[str]]) -> Iterator[tuple[int, Item, str]]:
        """The index of each text that shares a run with an evaluation text, or is one; the item, and the run."""
        codes, owners = self.encode(texts)
        hashes, whole = _runs(codes, self.length)
        places = np.searchsorted(self.hashes, hashes)
        hit = whole & (places < len(self.hashes))
        hit[hit] = self.hashes[places[hit]] == hashes[hit]
        starts = np.searchsorted(owners, np.arange(len(texts)))
        told = set()
        for at in np.flatnonzero(hit):
            owner = int(owners[at])
            if owner not in told:
                told.add(owner)
                run = texts[owner][at - starts[owner] :][: self.length]
                yield owner, self.items[self.owners[places[at]]], _spelled(run)
        for n, text in enumerate(texts):
            whole_text = self.short.get(tuple(text))
            if n not in told and whole_text is not None:
                yield n, self.items[whole_text], _spelled(text)


def _runs(codes: Codes, length: int) -> tuple[Codes, npt.NDArray[np.bool_]]:
    """The hash of the run that starts at each place, and whether all of its units are known."""
    count = max(len(codes) - length + 1, 0)
    hashes, whole = np.zeros(count, np.uint64), np.ones(count, bool)
    # Numbers that lie close to each other must not be alike in a sum of products.
    mixed = codes * FACTOR
    mixed ^= mixed >> np.uint64(31)
    for k in range(length):
        hashes = hashes * FACTOR + mixed[k : k + count]
        whole &= codes[k : k + count] != 0
    return hashes, whole


def _spelled(words: Sequence[str]) -> str:
    return re.sub(rf"(?<=[{DENSE}]) (?=[{DENSE}])", "", " ".join(words))


@lru_cache(maxsize=2)
def _indexes(language: str, data_dir: str | None, english: int, target: int) -> tuple[Index, Index]:
    """The evaluation texts by runs of the two lengths, for the English and the target side."""
    items = list(evaluation_items(language, data_dir))
    first = Index.of(items, english)
    return first, first if target == english else Index.of(items, target)


def contaminated(rows: Sequence[Row], config: CheckConfig) -> Iterable[Found]:
    """Rows with an evaluation text on either side, named."""
    if not rows:
        return
    length = config.character_gram if is_dense(rows) else config.word_gram
    english, target = _indexes(rows[0].language, config.data_dir, config.word_gram, length)
    remaining = iter(enumerate(rows))
    while chunk := list(islice(remaining, CHUNK)):
        found: dict[int, str] = {}
        for index, names in ((english, ("instruction_en", "input_en", "output_en")), (target, FIELDS)):
            texts = [units(getattr(row, name)) for _, row in chunk for name in names]
            for owner, item, run in index.find(texts):
                n, name = chunk[owner // len(names)][0], names[owner % len(names)]
                found.setdefault(n, f"{item.where}: {shortened(run)!r} in {name}")
        yield from (Found(n, detail) for n, detail in sorted(found.items()))


FIELDS = ("instruction", "input", "output")


def is_dense(rows: Sequence[Row]) -> bool:
    """Whether the target side is written without spaces between words."""
    text = "".join(row.instruction for row in rows[:500])
    return len(re.findall(f"[{DENSE}]", text)) * 2 > sum(character.isalpha() for character in text)
