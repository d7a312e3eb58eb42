"""Rows without ids, some of them dropped, in the same order on both sides -> pairs with scores."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deepsuper.common.arrays import Floats
from deepsuper.data.join.anchors import corridor_of
from deepsuper.data.join.banded_alignment import Corridor, pair_monotone
from deepsuper.data.join.confidence import Confidence, measure
from deepsuper.data.join.shared_tokens import SharedTokens, read_marks
from deepsuper.data.join.translation_scores import TranslationScores, all_words
from deepsuper.data.rows import Row
from deepsuper.data.texts import LANGUAGES, load_texts
from deepsuper.data.words import Lexicon, segment
from deepsuper.data.words.lexicon import MOST_ROWS, Words

log = logging.getLogger("deepsuper")
Places = list[tuple[int, int]]
"""Pairs of rows: a place among the English ones, a place among the target's."""
FEW, ENOUGH = 300, 5_000
"""Pairs below which no lexicon is learnt from them, and from which packaged sentences no longer help."""
ROUNDS, GOOD = 3, 0.9
"""The lexicon is learnt again while fewer than this share of the pairs score as pairs, so many times at most."""
GAP_MARKS, GAP_WORDS = 1.0, 0.5
"""What leaving one row out costs, in the units of either alignment's scores."""


@dataclass(frozen=True)
class PairScorer:
    """The lexicon of two sides and what its scores mean."""

    translations: TranslationScores
    confidence: Confidence

    def scores(self, pairs: Places) -> Floats:
        """The score of each pair. Shape: (k,)."""
        rows, columns = np.array(pairs, np.int64).reshape(-1, 2).T
        return self.translations.pair_scores(rows, columns)


@dataclass(frozen=True)
class SegmentedSides:
    """Both sides' rows, and the words of each once they are needed."""

    english: Sequence[Row]
    target: Sequence[Row]
    language: str
    words_en: list[Words]
    words_tgt: list[Words]


def read_words(english: Sequence[Row], target: Sequence[Row], language: str) -> SegmentedSides:
    """Both sides, cut into words."""
    return SegmentedSides(english, target, language, all_words(english, "en"), all_words(target, language))


def scorer_of(texts: SegmentedSides, pairs: Places, seed: int) -> PairScorer | None:
    """A lexicon learnt from `pairs`, most of which are right; none where they, and the packaged ones, are too few."""
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(len(pairs))[:MOST_ROWS]
    learnt = [(texts.words_en[i], texts.words_tgt[j]) for i, j in (pairs[n] for n in chosen)]
    if len(learnt) < ENOUGH:
        learnt += packaged_pairs(texts.language)
    if len(learnt) < FEW or not pairs:
        return None
    log.info("learning a lexicon from %d pairs", len(learnt))
    translations = TranslationScores(Lexicon.train(learnt), texts.words_en, texts.words_tgt)
    return PairScorer(translations, measure(translations, pairs, seed))


def packaged_pairs(language: str) -> list[tuple[Words, Words]]:
    """The words of the packaged sentences; none in a language that they are not in."""
    if language not in LANGUAGES:
        return []
    texts = load_texts(language)
    assert texts.english is not None, "the packaged sentences have both sides"
    return [(segment(e, "en"), segment(t, language)) for e, t in zip(texts.english, texts.target, strict=True)]


def align(texts: SegmentedSides, seed: int) -> tuple[Places, PairScorer | None]:
    """The best monotone pairs: by lengths, names and numbers, then by a lexicon learnt from those; and its scorer."""
    marks = read_marks(texts.english, texts.target)
    corridor = corridor_of(marks)
    pairs = pair_monotone(corridor, marks.scores, GAP_MARKS, "names, numbers, lengths")
    scorer = scorer_of(texts, pairs, seed)
    for _ in range(ROUNDS):
        if scorer is None:
            break
        pairs = _realign(marks, corridor, scorer)
        scores = scorer.scores(pairs)
        sure = scores >= scorer.confidence.threshold
        if not len(sure) or sure.mean() >= GOOD or sure.sum() < FEW:
            break
        scorer = scorer_of(texts, [pair for pair, good in zip(pairs, sure, strict=True) if good], seed)
    return pairs, scorer


def _realign(marks: SharedTokens, corridor: Corridor, scorer: PairScorer) -> Places:
    confidence = scorer.confidence

    def scores(rows: slice, columns: slice) -> Floats:
        words = (scorer.translations.scores(rows, columns) - confidence.threshold) / confidence.spread
        lengths = marks.length_scores(rows, columns)
        result: Floats = np.clip(words, -6.0, 6.0) + 0.5 * np.clip(lengths, -4.0, 3.0)
        return result

    return pair_monotone(corridor, scores, GAP_WORDS, "words")
