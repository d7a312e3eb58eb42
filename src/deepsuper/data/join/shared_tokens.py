"""What two languages share before a word is translated: lengths, names and code in Latin letters, numbers."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse

from deepsuper.common.arrays import Floats, Ints
from deepsuper.data.rows import Row

Matrix = Any
"""A scipy.sparse.csr_matrix: scipy has no types."""
LONGEST = 2_000
"""Characters of a text that are read: it bounds what one row can cost."""
_MARK = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]{2,}")
SIGMA = np.array([0.25, 0.35])
"""Standard deviations of the log ratio of lengths in a true pair: of the questions, of the answers."""
OUTLIERS = 0.07
"""True pairs whose lengths say nothing."""
RAREST, MOST = 5.0, 8.0
"""The most that one shared mark, and all of a pair's, count for, in nats."""
COMMON = 2.0
"""Nats by which a mark must be rarer than in every row to count at all: "a", "the", "1" are shared by chance."""


def question(row: Row) -> str:
    """Instruction and input: some sets keep them apart, others in one field."""
    return f"{row.instruction}\n{row.input}"


def marks_of(row: Row) -> set[str]:
    """The numbers of a row, in European digits, and its words in ASCII letters, in lower case."""
    found = set()
    for text in (row.instruction, row.input, row.output):
        for mark in _MARK.findall(text[:LONGEST]):
            if mark[0].isdigit():
                found.add(mark if mark.isascii() else "".join(_digit(c) for c in mark))
            elif mark.isascii():
                found.add(mark.lower())
    return found


def _digit(character: str) -> str:
    return str(unicodedata.digit(character, character))


@dataclass(frozen=True)
class SharedTokens:
    """Which marks each row has, for those that both sides know, how many rows have them, and the rows' lengths.

    Shapes: (n, M), (m, M), (M,), (n, 2), (m, 2): characters of question and answer, as logarithms.
    """

    english: Matrix
    target: Matrix
    frequency: Floats
    length_en: Floats
    length_tgt: Floats

    @cached_property
    def weighted(self) -> Matrix:
        """The English rows with each mark's weight in nats."""
        weight = np.clip(np.log(self.rows / self.frequency) - COMMON, 0.0, RAREST)
        return sparse.csr_matrix(self.english @ sparse.diags(weight.astype(np.float32)))

    @property
    def rows(self) -> int:
        """Those of the longer side."""
        return int(max(len(self.length_en), len(self.length_tgt)))

    @cached_property
    def _ratio(self) -> tuple[Floats, Floats]:
        """The usual log ratio of lengths, and how far that of two random rows strays."""
        usual = np.median(self.length_tgt, axis=0) - np.median(self.length_en, axis=0)
        return usual, np.sqrt(self.length_tgt.var(axis=0) + self.length_en.var(axis=0) + SIGMA**2)

    def length_scores(self, rows: slice, columns: slice) -> Floats:
        """Log likelihood of the lengths in a true pair against a random one, in nats. Shape: (rows, columns)."""
        usual, spread = self._ratio
        total = np.zeros((rows.stop - rows.start, columns.stop - columns.start), np.float32)
        for field in range(self.length_en.shape[1]):
            ratio = self.length_tgt[None, columns, field] - self.length_en[rows, field, None] - usual[field]
            true = np.exp(-0.5 * (ratio / SIGMA[field]) ** 2) / SIGMA[field]
            chance = np.exp(-0.5 * (ratio / spread[field]) ** 2) / spread[field] + 1e-9
            total += np.log((1 - OUTLIERS) * true + OUTLIERS * chance) - np.log(chance)
        return total

    def scores(self, rows: slice, columns: slice) -> Floats:
        """Lengths and shared marks together, in nats, less what a pair must bring. Shape: (rows, columns)."""
        shared = (self.weighted[rows] @ self.target[columns].T).toarray()
        result: Floats = np.minimum(shared, MOST) + self.length_scores(rows, columns) - 0.5
        return result


def read_marks(english: Sequence[Row], target: Sequence[Row]) -> SharedTokens:
    """The marks and lengths of both sides."""
    ours, theirs = [marks_of(row) for row in english], [marks_of(row) for row in target]
    count_en, count_tgt = Counter(m for row in ours for m in row), Counter(m for row in theirs for m in row)
    ids = {mark: n for n, mark in enumerate(mark for mark in count_tgt if mark in count_en)}
    frequency = np.array([max(count_en[mark], count_tgt[mark]) for mark in ids], np.float64)
    return SharedTokens(_matrix(ours, ids), _matrix(theirs, ids), frequency, _lengths(english), _lengths(target))


def _matrix(rows: Sequence[set[str]], ids: dict[str, int]) -> Matrix:
    places = [(n, ids[mark]) for n, row in enumerate(rows) for mark in row if mark in ids]
    index: Ints = np.array(places, np.int64).reshape(-1, 2)
    ones = np.ones(len(index), np.float32)
    return sparse.csr_matrix((ones, (index[:, 0], index[:, 1])), shape=(len(rows), len(ids)))


def _lengths(rows: Sequence[Row]) -> Floats:
    # Five characters more, so that one letter against two is no large ratio.
    counts = [(len(question(row)), len(row.output)) for row in rows]
    return np.log(np.array(counts, np.float64).reshape(-1, 2) + 5.0).astype(np.float32)
