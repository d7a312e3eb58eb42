"""Rows that hold text of an evaluation set: a shared n-gram of words (or characters), or a whole short text."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from deepsuper.config.check import CheckConfig
from deepsuper.data.check.evaluation_texts import EvaluationText, evaluation_items
from deepsuper.data.check.findings import Found, shortened
from deepsuper.data.check.normalise import DENSE, units
from deepsuper.data.rows import ENGLISH_FIELDS, TARGET_FIELDS, Row

Codes = npt.NDArray[np.uint64]
LEAST_SHARE = 0.45
"""A text shorter than an n-gram must be found whole, and have this share of its length: "What is it?" is too common."""
MAX_OWNERS = 5
"""An n-gram of more evaluation texts than this is a common phrase, such as "which of the following"."""
CHUNK_ROWS = 5000
FACTOR = np.uint64(0x9E3779B97F4A7C15)
"""The odd number that hashes are multiplied by: 2**64 over the golden ratio."""


class Known(NamedTuple):
    """The n-grams of one length as sorted hashes, and the number of the evaluation text that each is from."""

    hashes: Codes
    owners: npt.NDArray[np.int64]


@dataclass
class Index:
    """The n-grams (`length` units) of the evaluation texts, and the shorter texts by their length."""

    length: int
    items: list[EvaluationText] = field(default_factory=list)
    words: dict[str, int] = field(default_factory=dict)
    runs: dict[int, Known] = field(default_factory=dict)

    @classmethod
    def of(cls, items: Iterable[EvaluationText], length: int) -> "Index":
        """The index of some texts; of equal texts, the first."""
        index, seen, all_units = cls(length), set[tuple[str, ...]](), list[list[str]]()
        for item in items:
            found = units(item.text)
            key = tuple(found)
            if key in seen or len(found) < LEAST_SHARE * length:
                continue
            seen.add(key)
            for word in found:
                index.words.setdefault(word, len(index.words) + 1)
            index.items.append(item)
            all_units.append(found)
        index._keep(all_units, range(len(index.items)), length)
        short: dict[int, list[int]] = {}
        for n, found in enumerate(all_units):
            if len(found) < length and not index.items[n].choice:
                short.setdefault(len(found), []).append(n)
        for size, numbers in sorted(short.items(), reverse=True):
            index._keep([all_units[n] for n in numbers], numbers, size)
        return index

    def _keep(self, texts: Sequence[Sequence[str]], numbers: Sequence[int], length: int) -> None:
        """Adds the n-grams of `length` units of some texts, whose numbers are given too."""
        codes, places = self.encode(texts)
        hashes, whole = _runs(codes, length)
        owners = np.array(numbers, np.uint64)[places[: len(hashes)]]
        pairs = np.unique(np.stack([hashes[whole], owners[whole]], axis=1), axis=0)
        known, first, counts = np.unique(pairs[:, 0], return_index=True, return_counts=True)
        rare = counts <= MAX_OWNERS
        self.runs[length] = Known(known[rare], pairs[first, 1].astype(np.int64)[rare])

    def encode(self, texts: Sequence[Sequence[str]]) -> tuple[Codes, npt.NDArray[np.int64]]:
        """All texts, joined, as numbers of their units (0: unknown, or a text's end); and the text of each number."""
        codes = [code for text in texts for code in (*(self.words.get(word, 0) for word in text), 0)]
        lengths = [len(text) + 1 for text in texts]
        return np.array(codes, np.uint64), np.repeat(np.arange(len(texts)), lengths)

    def find(self, texts: Sequence[Sequence[str]]) -> Iterator[tuple[int, EvaluationText, str]]:
        """The index of each text that holds an n-gram, or all, of an evaluation text; that text; what they share."""
        codes, owners = self.encode(texts)
        starts = np.searchsorted(owners, np.arange(len(texts)))
        told = set()
        for length, known in self.runs.items():
            hashes, whole = _runs(codes, length)
            places = np.searchsorted(known.hashes, hashes)
            hit = whole & (places < len(known.hashes))
            hit[hit] = known.hashes[places[hit]] == hashes[hit]
            for at in np.flatnonzero(hit):
                owner = int(owners[at])
                if owner not in told:
                    told.add(owner)
                    run = texts[owner][at - starts[owner] :][:length]
                    yield owner, self.items[known.owners[places[at]]], _spelled(run)


def _runs(codes: Codes, length: int) -> tuple[Codes, npt.NDArray[np.bool_]]:
    """The hash of the n-gram that starts at each place, and whether all of its units are known."""
    count = max(len(codes) - length + 1, 0)
    hashes, whole = np.zeros(count, np.uint64), np.ones(count, bool)
    # Without mixing, the sums of products of small numbers would collide.
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
    """The evaluation texts by n-grams of the two lengths, for the English and the target side."""
    items = list(evaluation_items(language, data_dir))
    first = Index.of(items, english)
    return first, first if target == english else Index.of(items, target)


def contaminated(rows: Sequence[Row], config: CheckConfig) -> Iterable[Found]:
    """Rows with an evaluation text on either side, with its name."""
    if not rows:
        return
    length = config.character_gram if is_dense(rows) else config.word_gram
    english, target = _indexes(rows[0].language, config.data_dir, config.word_gram, length)
    remaining = iter(enumerate(rows))
    while chunk := list(islice(remaining, CHUNK_ROWS)):
        found: dict[int, Found] = {}
        for index, names in ((english, ENGLISH_FIELDS), (target, TARGET_FIELDS)):
            texts = [units(getattr(row, name)) for _, row in chunk for name in names]
            for owner, item, run in index.find(texts):
                n, name = chunk[owner // len(names)][0], names[owner % len(names)]
                found.setdefault(n, Found(n, f"{item}: {shortened(run)!r} in {name}", benchmark=item.benchmark))
        yield from (found[n] for n in sorted(found))


def is_dense(rows: Sequence[Row]) -> bool:
    """Whether the target side is written without spaces between words."""
    text = "".join(row.instruction for row in rows[:500])
    return len(re.findall(f"[{DENSE}]", text)) * 2 > sum(character.isalpha() for character in text)
