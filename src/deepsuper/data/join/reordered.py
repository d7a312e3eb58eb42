"""Pairs of rows that are out of order: among the rows that an alignment left over, each clearly the other's best."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deepsuper.common.arrays import Floats, Ints
from deepsuper.common.progress import progress
from deepsuper.data.join.alignment import PairScorer, Places

TABLE_ROWS = 256
"""Rows of a score table that are computed at once."""
SAMPLE = 4_000
"""Decoys: rows that have a partner already, which are paired with the rows left over to see how often that succeeds."""
MAX_WRONG = 0.02
"""The expected share of wrong pairs: the margin grows until it is below this."""


@dataclass(frozen=True)
class Best:
    """For each row of a table of scores: its best column, that score, and the next best one. Shapes: (n,)."""

    column: Ints
    score: Floats
    second: Floats


@dataclass(frozen=True)
class Reordered:
    """Pairs out of order, with their scores, and how many of them are expected to be wrong."""

    pairs: Places
    scores: Floats
    wrong: float


def find_reordered(
    scorer: PairScorer, english: Sequence[int], target: Sequence[int], placed: Sequence[int], seed: int
) -> Reordered:
    """Pairs among the rows left over, each the other's best by a margin. `placed`: English rows with a partner."""
    if not len(english) or not len(target):
        return Reordered([], np.zeros(0), 0.0)
    rows, columns = np.array(english, np.int64), np.array(target, np.int64)
    by_row, by_column = _tables(scorer, rows, columns)
    mutual = by_column.column[by_row.column] == np.arange(len(rows))
    found = np.flatnonzero(mutual & (by_row.score >= scorer.confidence.threshold))
    margins = by_row.score - np.maximum(by_row.second, by_column.second[by_row.column])
    # Rows that have a partner already show how often a wrong pair passes, and by which margin.
    sample = np.random.default_rng(seed).permutation(np.array(placed, np.int64))[:SAMPLE]
    decoys, _ = _tables(scorer, sample, columns)
    ahead = decoys.score - np.maximum(decoys.second, by_column.score[decoys.column])
    each = (len(rows) - len(found)) / max(1, len(sample))
    margin, wrong = _least_margin(margins[found], ahead[decoys.score >= scorer.confidence.threshold], each)
    found = found[margins[found] >= margin]
    pairs = [(int(rows[k]), int(columns[by_row.column[k]])) for k in found]
    return Reordered(pairs, by_row.score[found], wrong)


def _least_margin(margins: Floats, decoys: Floats, each: float) -> tuple[float, float]:
    """The least margin with few enough wrong pairs, and their number. A decoy represents `each` wrong pairs."""
    for margin in np.sort(margins[margins > 0]):
        wrong = each * (float((decoys >= margin).sum()) + 0.5)  # 0.5: to see none does not mean that there are none
        if wrong <= MAX_WRONG * float((margins >= margin).sum()):
            return float(margin), wrong
    return float("inf"), 0.0


def _tables(scorer: PairScorer, rows: Ints, columns: Ints) -> tuple[Best, Best]:
    """The best of every row and of every column, without the whole table in memory."""
    column = np.zeros(len(rows), np.int64)
    score, second = np.full(len(rows), -np.inf), np.full(len(rows), -np.inf)
    row_of = np.zeros(len(columns), np.int64)
    best, next_best = np.full(len(columns), -np.inf), np.full(len(columns), -np.inf)
    for top in progress(range(0, len(rows), TABLE_ROWS), "moved rows"):
        block = slice(top, top + TABLE_ROWS)
        table = scorer.translations.scores(rows[block], columns)
        column[block] = table.argmax(axis=1)
        score[block], second[block] = _two_best(table)
        ours, ours_second = _two_best(table.T)
        better = ours > best
        next_best = np.where(better, np.maximum(best, ours_second), np.maximum(ours, next_best))
        row_of = np.where(better, top + table.argmax(axis=0), row_of)
        best = np.maximum(best, ours)
    return Best(column, score, second), Best(row_of, best, next_best)


def _two_best(table: Floats) -> tuple[Floats, Floats]:
    """The highest and the next highest value of each row; the second is -inf where there is one column."""
    if table.shape[1] == 1:
        return table[:, 0], np.full(len(table), -np.inf)
    top = np.partition(table, -2, axis=1)
    return top[:, -1], top[:, -2]
