"""Rows that both sides know by their rare names and numbers -> the corridor around them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from scipy import sparse

from deepsuper.common.arrays import Ints
from deepsuper.data.join.banded_alignment import Corridor
from deepsuper.data.join.shared_tokens import SharedTokens

RARE = 20
"""A mark that more rows have is no name."""
ENOUGH = 0.9
"""Anchors share marks as rare, together, as a name that this power of all rows would have once."""
MARGIN = 64
"""Columns that the corridor is wider than two anchors on either side: one of them may be wrong."""
SMALL, MAX_CELLS = 4_000_000, 400_000_000
"""Pairs of rows below which all are looked at, and the most that ever are: one byte each."""


def corridor_of(marks: SharedTokens) -> Corridor:
    """Where each English row's partner may stand."""
    rows, columns = len(marks.length_en), len(marks.length_tgt)
    if rows * columns <= SMALL:
        return Corridor(np.zeros(rows, np.int64), np.full(rows, columns, np.int64))
    return between(anchors_of(marks), rows, columns, MAX_CELLS)


def anchors_of(marks: SharedTokens) -> Ints:
    """Pairs of rows, rising on both sides, that share rare marks and are each other's best. Shape: (A, 2)."""
    rare = np.flatnonzero(marks.frequency <= RARE)
    weight = np.log(marks.rows / marks.frequency[rare]).astype(np.float32)
    shared = (marks.english[:, rare] @ sparse.diags(weight) @ marks.target[:, rare].T).tocoo()
    best_row, best_column = (np.asarray(shared.max(axis=axis).todense()).ravel() for axis in (1, 0))
    kept = shared.data >= ENOUGH * np.log(marks.rows)
    kept &= (shared.data >= best_row[shared.row]) & (shared.data >= best_column[shared.col])
    return heaviest_chain(shared.row[kept], shared.col[kept], shared.data[kept])


def heaviest_chain(rows: Ints, columns: Ints, weights: Ints) -> Ints:
    """Of weighted pairs, those that rise on both sides and weigh most together. Shapes: (K,) each -> (A, 2)."""
    order = np.lexsort((-columns, rows))  # of one row the later column first, so that no two of a row are in a chain
    size = int(columns.max(initial=0)) + 2
    # A Fenwick tree over columns: the heaviest chain that ends before a column, in a logarithm of steps.
    heaviest, last = [0.0] * (size + 1), [-1] * (size + 1)
    before = [-1] * len(order)
    top = (0.0, -1)
    for n, k in enumerate(order):
        place, best = int(columns[k]), (0.0, -1)
        while place > 0:
            best = max(best, (heaviest[place], last[place]))
            place -= place & -place
        before[n] = best[1]
        total = best[0] + float(weights[k])
        top = max(top, (total, n))
        place = int(columns[k]) + 1
        while place <= size:
            if total > heaviest[place]:
                heaviest[place], last[place] = total, n
            place += place & -place
    chain, n = [], top[1]
    while n >= 0:
        chain.append((int(rows[order[n]]), int(columns[order[n]])))
        n = before[n]
    return np.array(chain[::-1], np.int64).reshape(-1, 2)


def between(anchors: Ints, rows: int, columns: int, most: int) -> Corridor:
    """All columns between the anchors around a row; where that is too much, a band around the line between them."""
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
