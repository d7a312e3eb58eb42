"""Pairs of words that occur in the same rows, indexed once, and one step of expectation maximisation over them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from deepsuper.common.arrays import Floats, Ints

RowWords = tuple[Ints, Ints]
"""The numbers of a row's English words and of its target words, sorted, without duplicates."""
ROWS_AT_ONCE = 4_000
"""Rows whose pairs are indexed together: this bounds the memory of a step."""


@dataclass(frozen=True)
class RowBlock:
    """The word pairs of some rows: their index in `WordPairs.keys`, and the word of the row on either side. (P,)."""

    pair: Ints
    english: Ints
    target: Ints


@dataclass(frozen=True)
class WordPairs:
    """The distinct pairs of some rows as sorted keys, english * targets + target, and the rows as such pairs."""

    keys: Ints
    english: Ints
    target: Ints
    blocks: list[RowBlock]


def index_pairs(rows: Sequence[RowWords], targets: int) -> WordPairs:
    """The pairs that occur in more than one row: a pair of a single row may be chance.

    Memory: 8 bytes for each pair of each row, and 12 more for each pair that is kept.
    """
    keys = np.concatenate([_keys(row, targets) for row in rows] or [np.empty(0, np.int64)])
    keys.sort()
    again = keys[1:][keys[1:] == keys[:-1]]
    del keys
    distinct = again[np.append(True, again[1:] != again[:-1])] if len(again) else again
    starts = range(0, len(rows), ROWS_AT_ONCE) if len(distinct) else ()
    blocks = [_block(rows[n : n + ROWS_AT_ONCE], distinct, targets) for n in starts]
    return WordPairs(distinct, (distinct // targets).astype(np.int32), (distinct % targets).astype(np.int32), blocks)


def find(keys: Ints, wanted: Ints) -> tuple[npt.NDArray[np.bool_], Ints]:
    """Which of `wanted` are among the sorted `keys`, and their index there (0 for those that are not)."""
    if len(keys) == 0:
        return np.zeros(wanted.shape, np.bool_), np.zeros(wanted.shape, np.int64)
    place = np.searchsorted(keys, wanted)
    place[place == len(keys)] = 0
    return keys[place] == wanted, place


def expected_counts(
    pairs: WordPairs, given: Floats, null: Floats, *, explained: Literal["english", "target"]
) -> Floats:
    """The expected number of times that each pair is a translation. Shape: (P,).

    A word on the side `explained` comes from one of the other side's words, in proportion to `given` of the pair, or
    from none, in proportion to `null` of the pair.
    """
    counts = np.zeros(len(pairs.keys))
    for block in pairs.blocks:
        word = getattr(block, explained)
        chance = given[block.pair]
        total = np.bincount(word, weights=chance)[word] + null[block.pair]
        counts += np.bincount(block.pair, weights=chance / total, minlength=len(counts))
    return counts


def _keys(row: RowWords, targets: int) -> Ints:
    english, target = row
    keys: Ints = (english.astype(np.int64)[:, None] * targets + target[None, :]).ravel()
    return keys


def _block(rows: Iterable[RowWords], keys: Ints, targets: int) -> RowBlock:
    pair, english, target = [], [], []
    words_english = words_target = 0
    for row in rows:
        hit, place = find(keys, _keys(row, targets))
        kept = np.flatnonzero(hit)
        pair.append(place[kept].astype(np.int32))
        english.append((words_english + kept // len(row[1])).astype(np.int32))
        target.append((words_target + kept % len(row[1])).astype(np.int32))
        words_english += len(row[0])
        words_target += len(row[1])
    return RowBlock(np.concatenate(pair), np.concatenate(english), np.concatenate(target))
