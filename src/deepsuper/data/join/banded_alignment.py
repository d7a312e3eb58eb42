"""The best monotone pairing of two sequences inside a corridor: a dynamic program, vectorised over columns."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepsuper.common.arrays import Floats, Ints
from deepsuper.common.progress import progress

ScoreBlock = Callable[[slice, slice], Floats]
"""The scores of some rows against some columns. Shape: (rows, columns). Above 0: more likely a pair than not."""
SCORED_ROWS = 64
"""Rows whose scores are computed at once."""
_SKIP_ROW, _PAIR, _SKIP_COLUMN = 0, 1, 2
_NEVER = np.float32(-1e9)


@dataclass(frozen=True)
class Corridor:
    """The columns `low[i] <= j < high[i]` that row i may be paired with. Both bounds ascend. Shapes: (n,)."""

    low: Ints
    high: Ints


def pair_monotone(corridor: Corridor, scores: ScoreBlock, gap: float, title: str) -> list[tuple[int, int]]:
    """The pairs (row, column), ascending in both, with the largest sum of scores, less `gap` for each one left out.

    The corridor must begin at column 0 and end at the last one. Memory: one byte a cell.
    """
    low, high, rows = corridor.low, corridor.high, len(corridor.low)
    if rows == 0 or high[-1] == 0:
        return []
    start = np.concatenate([[0], np.cumsum(high - low + 1)])
    steps = np.zeros(start[-1], np.int8)
    # `before[k]` is the best sum of all rows so far with the columns before first + k.
    first, before = 0, -np.float32(gap) * np.arange(high[0] + 1, dtype=np.float32)
    for top in progress(range(0, rows, SCORED_ROWS), title):
        end = min(top + SCORED_ROWS, rows)
        left, right = int(low[top]), int(high[end - 1])
        block = scores(slice(top, end), slice(left, right))
        for row in range(top, end):
            a, b = int(low[row]), int(high[row])
            before, step = _next_row(before, first, block[row - top, a - left : b - left], a, np.float32(gap))
            steps[start[row] : start[row + 1]] = step
            first = a
    return _walk_back(steps, start, low, int(high[-1]))


def _next_row(
    before: npt.NDArray[np.float32], first: int, scores: Floats, low: int, gap: np.float32
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int8]]:
    """The best sums after one more row, and the last step to each. Shapes: (w,), (w - 1,) -> (w,), (w,)."""
    width = len(scores) + 1
    skipped, paired = np.full(width, _NEVER), np.full(width, _NEVER)
    a, b = max(low, first), min(low + width, first + len(before))
    if a < b:
        skipped[a - low : b - low] = before[a - first : b - first] - gap
    b = min(low + width - 1, first + len(before))
    if a < b:
        paired[a - low + 1 : b - low + 1] = before[a - first : b - first] + scores[a - low : b - low]
    best = np.maximum(skipped, paired)
    steps = (paired >= skipped).astype(np.int8)
    # A column left out costs `gap` too, so the best over all earlier columns is a running maximum with a slope.
    slope = gap * np.arange(width, dtype=np.float32)
    running = np.maximum.accumulate(best + slope) - slope
    steps[running > best + 1e-3] = _SKIP_COLUMN
    best = np.maximum(running, best)
    return best - best.max(), steps  # only differences matter, and sums over 50,000 rows would lose precision


def _walk_back(steps: npt.NDArray[np.int8], start: Ints, low: Ints, column: int) -> list[tuple[int, int]]:
    pairs = []
    row = len(low) - 1
    while row >= 0:
        step = steps[start[row] + column - low[row]]
        if step == _PAIR:
            pairs.append((row, column - 1))
        row -= step != _SKIP_COLUMN
        column -= step != _SKIP_ROW
    return pairs[::-1]
