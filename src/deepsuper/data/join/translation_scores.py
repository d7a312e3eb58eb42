"""`Lexicon.score` of many pairs of rows at once, as products of sparse matrices."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from deepsuper.common.arrays import Floats, Ints
from deepsuper.common.progress import progress
from deepsuper.data.join.shared_tokens import Matrix, question
from deepsuper.data.rows import Row
from deepsuper.data.words import Lexicon, segment
from deepsuper.data.words.lexicon import EQUAL, MAX_WORDS, UNALIGNED, UNKNOWN, Words

CHARACTERS_OF_WORD = {"zh": 4}
"""Characters that hold a word on average, with some to spare: no more text is segmented than is scored."""
CHARACTERS_OF_OTHER = 7
"""The same, for other languages; with the space."""
GAIN_ROWS = 2_000
"""Rows whose gains are computed at once."""
LEAST_GAIN = 0.05
"""Smaller gains of a word over its background, in nats, are left out to save memory."""


def all_words(rows: Sequence[Row], language: str) -> list[Words]:
    """The first words of each question and answer, MAX_WORDS together: half of each, more if the other is short."""
    enough = MAX_WORDS * CHARACTERS_OF_WORD.get(language, CHARACTERS_OF_OTHER)
    found: list[Words] = []
    for row in progress(rows, f"words ({language})"):
        first, rest = (segment(text[:enough], language)[:MAX_WORDS] for text in (question(row), row.output))
        first = first[: max(MAX_WORDS // 2, MAX_WORDS - len(rest))]
        found.append(first + rest[: MAX_WORDS - len(first)])
    return found


@dataclass(frozen=True)
class _Half:
    """One direction. `gain`: what a row adds to the log-likelihood of each word of the other side, over `base`.

    Shapes: (n, V), (n,).
    """

    gain: Matrix
    base: Floats


class TranslationScores:
    """The words and gains of every row. Scores are mean log-likelihood ratios per word, in nats."""

    def __init__(self, lexicon: Lexicon, english: Sequence[Words], target: Sequence[Words]) -> None:
        ids_en, ids_tgt = _numbered(english), _numbered(target)
        known_en = np.array([lexicon.english.ids.get(word, UNKNOWN) for word in ids_en], np.int64)
        known_tgt = np.array([lexicon.target.ids.get(word, UNKNOWN) for word in ids_tgt], np.int64)
        left_en, left_tgt = lexicon.to_target.left[known_en], lexicon.to_english.left[known_tgt]
        place, keep = _pairs(lexicon, known_en, known_tgt)
        equal = (
            np.array([(n, ids_tgt[word]) for word, n in ids_en.items() if word in ids_tgt], np.int64).reshape(-1, 2).T
        )
        shape = (len(ids_en), len(ids_tgt))

        def table(seen: Floats, left: Floats) -> Matrix:
            translated = sparse.csr_matrix((seen[keep], place), shape=shape)
            return translated + sparse.csr_matrix((EQUAL * left, (equal[0], equal[1])), shape=shape)

        self.english, self.target = _shares(english, ids_en), _shares(target, ids_tgt)
        to_target = table(lexicon.to_target.seen, left_en[equal[0]])
        to_english = table(lexicon.to_english.seen, left_tgt[equal[1]])
        self.from_english = _half(self.english, to_target, left_en, lexicon.target.share[known_tgt])
        self.from_target = _half(self.target, to_english.T.tocsr(), left_tgt, lexicon.english.share[known_en])

    def scores(self, rows: slice | Ints, columns: slice | Ints) -> Floats:
        """Of each English row with each target row. Shape: (rows, columns)."""
        e, f = self.from_english, self.from_target
        forward = (e.gain[rows] @ self.target[columns].T).toarray() + e.base[rows][:, None]
        backward = (self.english[rows] @ f.gain[columns].T).toarray() + f.base[columns][None, :]
        result: Floats = (forward + backward) / 2
        return result

    def pair_scores(self, rows: Ints, columns: Ints) -> Floats:
        """Of the k-th of `rows` with the k-th of `columns`. Shape: (k,)."""
        e, f = self.from_english, self.from_target
        forward = np.asarray(e.gain[rows].multiply(self.target[columns]).sum(axis=1)).ravel() + e.base[rows]
        backward = np.asarray(self.english[rows].multiply(f.gain[columns]).sum(axis=1)).ravel() + f.base[columns]
        result: Floats = (forward + backward) / 2
        return result


def _numbered(texts: Sequence[Words]) -> dict[str, int]:
    return {word: n for n, word in enumerate(dict.fromkeys(word for words in texts for word in words))}


def _pairs(lexicon: Lexicon, known_en: Ints, known_tgt: Ints) -> tuple[tuple[Ints, Ints], Any]:
    """The lexicon's pairs as numbers of the rows' words, and which of them the rows have."""
    mine = []
    for known, total in ((known_en, len(lexicon.english.ids)), (known_tgt, len(lexicon.target.ids))):
        numbers = np.full(total, UNKNOWN, np.int64)
        numbers[known[known != UNKNOWN]] = np.flatnonzero(known != UNKNOWN)
        mine.append(numbers)
    total = max(1, len(lexicon.target.ids))
    row, column = mine[0][lexicon.keys // total], mine[1][lexicon.keys % total]
    keep = (row != UNKNOWN) & (column != UNKNOWN)
    return (row[keep], column[keep]), keep


def _shares(texts: Sequence[Words], ids: dict[str, int]) -> Matrix:
    """Each word's share of each text. Shape: (n, V)."""
    lengths = np.array([len(words) for words in texts], np.int64)
    row = np.repeat(np.arange(len(texts)), lengths)
    column = np.array([ids[word] for words in texts for word in words], np.int64)
    matrix = sparse.csr_matrix((1.0 / lengths[row], (row, column)), shape=(len(texts), len(ids)), dtype=np.float32)
    matrix.sum_duplicates()
    return matrix


def _half(rows: Matrix, table: Matrix, left: Floats, share: Floats) -> _Half:
    """The gains of every row. `table`: t(word | given), `share`: the words' own frequencies. (V,)."""
    table = (table @ sparse.diags(1.0 / share)).astype(np.float32)
    common = (1 - UNALIGNED) * (1 - EQUAL) * (rows @ left) + UNALIGNED
    pieces = []
    for top in range(0, rows.shape[0], GAIN_ROWS):
        gain = (rows[top : top + GAIN_ROWS] @ table).tocsr()
        base = common[top : top + GAIN_ROWS][np.repeat(np.arange(gain.shape[0]), np.diff(gain.indptr))]
        gain.data = np.log(((1 - UNALIGNED) * gain.data + base) / base).astype(np.float32)
        gain.data[gain.data < LEAST_GAIN] = 0.0
        gain.eliminate_zeros()
        pieces.append(gain)
    return _Half(sparse.vstack(pieces, format="csr"), np.log(common).astype(np.float32))
