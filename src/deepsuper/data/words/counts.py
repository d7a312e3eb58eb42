"""Every pair of words that stand in the same rows, indexed once, and one step of expectation maximisation over them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]
Ints = npt.NDArray[np.signedinteger[Any]]
RowWords = tuple[Ints, Ints]
"""The numbers of a row's English words and of its target words, each once and in order."""
BLOCK = 4_000
"""Rows whose pairs are looked at together: it bounds what a step holds beside the pairs themselves."""


@dataclass(frozen=True)
class Block:
    """The word pairs of some rows: which of `Pairs.keys`, and which word of which row stands on either side. (P,)."""

    pair: Ints
    english: Ints
    target: Ints


@dataclass(frozen=True)
class Pairs:
    """The distinct pairs of some rows, as english * targets + target in order, and the rows as such pairs."""

    keys: Ints
    english: Ints
    target: Ints
    blocks: list[Block]


def index_pairs(rows: Sequence[RowWords], targets: int) -> Pairs:
    """The pairs that stand in more than one row: one row alone says nothing that could be told from chance.

    Memory: 8 bytes for each pair of each row, and 12 more for each that is kept.
    """
    keys = np.concatenate([_keys(row, targets) for row in rows] or [np.empty(0, np.int64)])
    keys.sort()
    again = keys[1:][keys[1:] == keys[:-1]]
    del keys
    distinct = again[np.append(True, again[1:] != again[:-1])] if len(again) else again
    blocks = (
        [_block(rows[n : n + BLOCK], distinct, targets) for n in range(0, len(rows), BLOCK)] if len(distinct) else []
    )
    return Pairs(distinct, (distinct // targets).astype(np.int32), (distinct % targets).astype(np.int32), blocks)


def find(keys: Ints, wanted: Ints) -> tuple[npt.NDArray[np.bool_], Ints]:
    """Which of `wanted` are among the ordered `keys`, and where (0 for those that are not)."""
    if len(keys) == 0:
        return np.zeros(wanted.shape, np.bool_), np.zeros(wanted.shape, np.int64)
    place = np.searchsorted(keys, wanted)
    place[place == len(keys)] = 0
    return keys[place] == wanted, place


def expected_counts(pairs: Pairs, given: Floats, null: Floats, *, explained: Literal["english", "target"]) -> Floats:
    """How often each pair is expected to be a translation. Shape: (P,).

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


def _block(rows: Iterable[RowWords], keys: Ints, targets: int) -> Block:
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
    return Block(np.concatenate(pair), np.concatenate(english), np.concatenate(target))
