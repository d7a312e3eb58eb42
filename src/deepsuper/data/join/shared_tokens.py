"""What both sides of a pair share without a lexicon: lengths, names and code in Latin letters, numbers."""

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
MAX_CHARACTERS_READ = 2_000
"""Characters of a text that are read: it bounds the cost of one row."""
_TOKEN = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]{2,}")
SIGMA = np.array([0.25, 0.35])
"""Standard deviations of the log ratio of lengths in a true pair: of questions, of answers."""
OUTLIERS = 0.07
"""The share of true pairs whose lengths do not match."""
MAX_WEIGHT = 5.0
"""The weight of one shared token, at most, in nats."""
MAX_TOTAL = 8.0
"""The weight of all shared tokens of a pair, at most, in nats."""
CHANCE_WEIGHT = 2.0
"""Subtracted from the weight of a token, in nats: frequent ones ("a", "the", "1") are shared by chance."""


def question(row: Row) -> str:
    """Instruction and input together: some sets have two fields for them, others one."""
    return f"{row.instruction}\n{row.input}"


def tokens_of(row: Row) -> set[str]:
    """The numbers of a row, in ASCII digits, and its words of ASCII letters, in lower case."""
    found = set()
    for text in (row.instruction, row.input, row.output):
        for token in _TOKEN.findall(text[:MAX_CHARACTERS_READ]):
            if token[0].isdigit():
                found.add("".join(str(unicodedata.digit(c, c)) for c in token))
            elif token.isascii():
                found.add(token.lower())
    return found


@dataclass(frozen=True)
class SharedTokens:
    """The tokens of each row that both sides have, how many rows have each token, and the lengths of the rows.

    Shapes: (n, M), (m, M), (M,), (n, 2), (m, 2): logarithms of the characters of question and answer.
    """

    english: Matrix
    target: Matrix
    frequency: Floats
    length_en: Floats
    length_tgt: Floats

    @cached_property
    def weighted(self) -> Matrix:
        """The English rows with the weight of each token, in nats."""
        weight = np.clip(np.log(self.rows / self.frequency) - CHANCE_WEIGHT, 0.0, MAX_WEIGHT)
        return sparse.csr_matrix(self.english @ sparse.diags(weight.astype(np.float32)))

    @property
    def rows(self) -> int:
        """The number of rows of the longer side."""
        return int(max(len(self.length_en), len(self.length_tgt)))

    @cached_property
    def _ratio(self) -> tuple[Floats, Floats]:
        """The median log ratio of lengths, and its standard deviation for two random rows."""
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
        """The score of lengths and shared tokens, in nats, less a constant. Shape: (rows, columns)."""
        shared = (self.weighted[rows] @ self.target[columns].T).toarray()
        result: Floats = np.minimum(shared, MAX_TOTAL) + self.length_scores(rows, columns) - 0.5
        return result


def read_shared_tokens(english: Sequence[Row], target: Sequence[Row]) -> SharedTokens:
    """The shared tokens and the lengths of both sides."""
    ours, theirs = [tokens_of(row) for row in english], [tokens_of(row) for row in target]
    count_en, count_tgt = Counter(m for row in ours for m in row), Counter(m for row in theirs for m in row)
    ids = {token: n for n, token in enumerate(token for token in count_tgt if token in count_en)}
    frequency = np.array([max(count_en[token], count_tgt[token]) for token in ids], np.float64)
    return SharedTokens(_matrix(ours, ids), _matrix(theirs, ids), frequency, _lengths(english), _lengths(target))


def _matrix(rows: Sequence[set[str]], ids: dict[str, int]) -> Matrix:
    places = [(n, ids[token]) for n, row in enumerate(rows) for token in row if token in ids]
    index: Ints = np.array(places, np.int64).reshape(-1, 2)
    ones = np.ones(len(index), np.float32)
    return sparse.csr_matrix((ones, (index[:, 0], index[:, 1])), shape=(len(rows), len(ids)))


def _lengths(rows: Sequence[Row]) -> Floats:
    # Five characters are added: one letter against two is no large ratio.
    counts = [(len(question(row)), len(row.output)) for row in rows]
    return np.log(np.array(counts, np.float64).reshape(-1, 2) + 5.0).astype(np.float32)
