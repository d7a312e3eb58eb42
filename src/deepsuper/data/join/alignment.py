"""Rows without ids, in the same order on both sides, some of them missing -> monotone pairs and their scorer."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deepsuper.common.arrays import Floats
from deepsuper.data.join.anchors import corridor_of
from deepsuper.data.join.banded_alignment import Corridor, pair_monotone
from deepsuper.data.join.confidence import Confidence, measure
from deepsuper.data.join.shared_tokens import SharedTokens, read_shared_tokens
from deepsuper.data.join.translation_scores import TranslationScores, all_words
from deepsuper.data.rows import Row
from deepsuper.data.texts import LANGUAGES, load_texts
from deepsuper.data.words import Lexicon, segment
from deepsuper.data.words.lexicon import MOST_ROWS, Words

log = logging.getLogger("deepsuper")
Places = list[tuple[int, int]]
"""Pairs of rows: an index into the English ones, an index into the target ones."""
MIN_PAIRS = 300
"""A lexicon is not learnt from fewer pairs."""
PACKAGED_HELP = 5_000
"""With fewer pairs, the lexicon is learnt from packaged sentences too."""
MAX_ROUNDS = 3
"""How often the lexicon is learnt again, at most."""
GOOD_SHARE = 0.9
"""The share of pairs above the threshold from which the lexicon is not learnt again."""
GAP_TOKENS = 1.0
"""The cost of leaving out one row, in the alignment by lengths and shared tokens."""
GAP_WORDS = 0.5
"""The same, in the alignment by the lexicon."""


@dataclass(frozen=True)
class PairScorer:
    """The lexicon scores of all pairs of rows, and the threshold to accept a pair."""

    translations: TranslationScores
    confidence: Confidence

    def scores(self, pairs: Places) -> Floats:
        """The score of each pair. Shape: (k,)."""
        rows, columns = np.array(pairs, np.int64).reshape(-1, 2).T
        return self.translations.pair_scores(rows, columns)


@dataclass(frozen=True)
class SegmentedSides:
    """The rows of both sides, and their words."""

    english: Sequence[Row]
    target: Sequence[Row]
    language: str
    words_en: list[Words]
    words_tgt: list[Words]


def read_words(english: Sequence[Row], target: Sequence[Row], language: str) -> SegmentedSides:
    """Both sides, segmented into words."""
    return SegmentedSides(english, target, language, all_words(english, "en"), all_words(target, language))


def scorer_of(texts: SegmentedSides, pairs: Places, seed: int) -> PairScorer | None:
    """A scorer learnt from `pairs`, most of which are right; None where they, with the packaged ones, are too few."""
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(len(pairs))[:MOST_ROWS]
    learnt = [(texts.words_en[i], texts.words_tgt[j]) for i, j in (pairs[n] for n in chosen)]
    if len(learnt) < PACKAGED_HELP:
        learnt += packaged_pairs(texts.language)
    if len(learnt) < MIN_PAIRS or not pairs:
        return None
    log.info("learning a lexicon from %d pairs", len(learnt))
    translations = TranslationScores(Lexicon.train(learnt), texts.words_en, texts.words_tgt)
    return PairScorer(translations, measure(translations, pairs, seed))


def packaged_pairs(language: str) -> list[tuple[Words, Words]]:
    """The words of the packaged sentences; none where the language has no such sentences."""
    if language not in LANGUAGES:
        return []
    texts = load_texts(language)
    assert texts.english is not None, "the packaged sentences have both sides"
    return [(segment(e, "en"), segment(t, language)) for e, t in zip(texts.english, texts.target, strict=True)]


def align(texts: SegmentedSides, seed: int) -> tuple[Places, PairScorer | None]:
    """The best monotone pairs, first by lengths, names and numbers, then by a lexicon learnt from those; the scorer."""
    tokens = read_shared_tokens(texts.english, texts.target)
    corridor = corridor_of(tokens)
    pairs = pair_monotone(corridor, tokens.scores, GAP_TOKENS, "names, numbers, lengths")
    scorer = scorer_of(texts, pairs, seed)
    for _ in range(MAX_ROUNDS):
        if scorer is None:
            break
        pairs = _realign(tokens, corridor, scorer)
        scores = scorer.scores(pairs)
        sure = scores >= scorer.confidence.threshold
        if not len(sure) or sure.mean() >= GOOD_SHARE or sure.sum() < MIN_PAIRS:
            break
        scorer = scorer_of(texts, [pair for pair, good in zip(pairs, sure, strict=True) if good], seed)
    return pairs, scorer


def _realign(tokens: SharedTokens, corridor: Corridor, scorer: PairScorer) -> Places:
    confidence = scorer.confidence

    def scores(rows: slice, columns: slice) -> Floats:
        words = (scorer.translations.scores(rows, columns) - confidence.threshold) / confidence.spread
        lengths = tokens.length_scores(rows, columns)
        result: Floats = np.clip(words, -6.0, 6.0) + 0.5 * np.clip(lengths, -4.0, 3.0)
        return result

    return pair_monotone(corridor, scores, GAP_WORDS, "words")
