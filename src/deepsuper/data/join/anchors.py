"""Anchors, which are pairs of rows that share rare names and numbers -> the corridor around them."""

from bisect import bisect_left, bisect_right
from itertools import pairwise

import numpy as np
from scipy import sparse

from deepsuper.common.arrays import Ints
from deepsuper.data.join.banded_alignment import Corridor
from deepsuper.data.join.shared_tokens import SharedTokens

RARE = 20
"""A token in more rows than this is too frequent for an anchor."""
ANCHOR_WEIGHT = 0.9
"""The rare tokens that an anchor shares weigh at least this share of log(rows), the weight of a token of one row."""
MARGIN = 64
"""Columns added to the corridor on either side: an anchor may be wrong."""
SMALL = 4_000_000
"""Pairs of rows up to which the corridor holds all of them."""
MAX_CELLS = 400_000_000
"""Pairs of rows that the corridor may hold, at one byte each."""


def corridor_of(tokens: SharedTokens) -> Corridor:
    """The target rows among which each English row's partner is searched."""
    rows, columns = len(tokens.length_en), len(tokens.length_tgt)
    if rows * columns <= SMALL:
        return Corridor(np.zeros(rows, np.int64), np.full(rows, columns, np.int64))
    return between(anchors_of(tokens), rows, columns, MAX_CELLS)


def anchors_of(tokens: SharedTokens) -> Ints:
    """Pairs of rows, ascending on both sides, that share rare tokens and are each other's best. Shape: (A, 2)."""
    rare = np.flatnonzero(tokens.frequency <= RARE)
    weight = np.log(tokens.rows / tokens.frequency[rare]).astype(np.float32)
    shared = (tokens.english[:, rare] @ sparse.diags(weight) @ tokens.target[:, rare].T).tocoo()
    best_row, best_column = (np.asarray(shared.max(axis=axis).todense()).ravel() for axis in (1, 0))
    kept = shared.data >= ANCHOR_WEIGHT * np.log(tokens.rows)
    kept &= (shared.data >= best_row[shared.row]) & (shared.data >= best_column[shared.col])
    return heaviest_chain(shared.row[kept], shared.col[kept], shared.data[kept])


def heaviest_chain(rows: Ints, columns: Ints, weights: Ints) -> Ints:
    """The heaviest chain of weighted pairs that ascends on both sides. Shapes: (K,) each -> (A, 2)."""
    order = np.lexsort((-columns, rows))  # in a row the later column first: a chain has at most one pair of a row
    before = [-1] * len(order)
    # Chains worth extending, by the column in which they end: a later column is there only with a heavier chain.
    ends, totals, last = [-1], [0.0], [-1]
    for n, k in enumerate(order):
        place = bisect_left(ends, columns[k])
        before[n], total = last[place - 1], totals[place - 1] + float(weights[k])
        if place == len(ends) or ends[place] > columns[k] or totals[place] < total:
            beaten = bisect_right(totals, total, lo=place)
            ends[place:beaten], totals[place:beaten], last[place:beaten] = [int(columns[k])], [total], [n]
    chain, n = [], last[-1]
    while n >= 0:
        chain.append((int(rows[order[n]]), int(columns[order[n]])))
        n = before[n]
    return np.array(chain[::-1], np.int64).reshape(-1, 2)


def between(anchors: Ints, rows: int, columns: int, most: int) -> Corridor:
    """All columns between the anchors around a row; where these are too many, a band around the line between them."""
    low, high = np.zeros(rows, np.int64), np.full(rows, columns, np.int64)
    ends = [(0, 0), *((int(i), int(j)) for i, j in anchors), (rows, columns)]
    share = most / max(1, rows)  # columns that each row may have
    for (i, j), (next_i, next_j) in pairwise(ends):
        if next_i == i:
            continue
        a, b = np.full(next_i - i, j), np.full(next_i - i, next_j)
        if next_j - j > share:
            line = j + (np.arange(i, next_i) - i) * ((next_j - j) / (next_i - i))
            a, b = (line - share / 2).astype(np.int64), (line + share / 2).astype(np.int64)
        low[i:next_i], high[i:next_i] = a - MARGIN, b + 1 + MARGIN
    low[:1], high[-1:] = 0, columns
    low, high = np.clip(low, 0, columns), np.clip(high, 0, columns)
    return Corridor(np.minimum.accumulate(low[::-1])[::-1], np.maximum.accumulate(high))
