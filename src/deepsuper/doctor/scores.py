"""How well both sides of a row translate each other, by a lexicon that is trained on the rows themselves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from deepsuper.corpora import Row
from deepsuper.doctor.config import CheckConfig
from deepsuper.doctor.findings import Found, Numbers, shortened, sides
from deepsuper.words import Lexicon, segment

LEAST_ROWS = 500
"""A lexicon of fewer rows knows too few words to accuse any."""
LEARNT = 20_000
"""Rows that the lexicon learns from, spread over the file: more add time, and hardly words."""
PROMPT_WORDS, ANSWER_WORDS = 20, 40
"""Words of each text that are looked up: enough to tell, and as many from long rows as from short ones."""
LETTERS = 8
"""Characters that are segmented for each word."""
LEAST_SPREAD = 0.2
"""Of scores: a file of rows that are much the same is no reason to accuse those that differ a little."""
CHANCE, USUAL = 0.0, 1.0
"""Where rows usually score more than 1, one that is no better than chance is not parallel."""
Segmented = tuple[list[str], list[str]]


def alignment_scores(rows: Sequence[Row], config: CheckConfig) -> Numbers:
    """The mean score of the words of each row, prompt and answer; 0 is chance. NaN where there are too few rows."""
    if len(rows) < LEAST_ROWS:
        return np.full(len(rows), np.nan)
    texts = [[*_segmented(row)] for row in rows]
    chosen = np.linspace(0, len(rows) - 1, min(len(rows), LEARNT)).astype(int)
    lexicon = Lexicon.train(_joined(texts[n]) for n in chosen)
    return np.array([row_score(lexicon, pair) for pair in texts])


def row_score(lexicon: Lexicon, texts: Sequence[Segmented]) -> float:
    """The scores of a row's texts, each weighted with its words."""
    weights = [len(english) + len(target) for english, target in texts]
    scores = [lexicon.score(english, target) for english, target in texts]
    return float(np.average(scores, weights=weights)) if any(weights) else 0.0


def _segmented(row: Row) -> Iterator[Segmented]:
    """The first words of the prompt and of the answer, on both sides."""
    for (_, english, target), most in zip(sides(row), (PROMPT_WORDS, ANSWER_WORDS), strict=True):
        cut = most * LETTERS
        yield segment(english[:cut], "en")[:most], segment(target[:cut], row.language)[:most]


def _joined(texts: Sequence[Segmented]) -> Segmented:
    # Half prompt, half answer: the lexicon reads the first words of each pair.
    (english, target), (english_answer, target_answer) = texts
    return english + english_answer, target + target_answer


def least_score(scores: Numbers, config: CheckConfig) -> float:
    """The score below which a row is flagged: far below the usual one (in robust standard deviations), or of chance."""
    middle = float(np.median(scores))
    spread = 1.4826 * float(np.median(np.abs(scores - middle)))
    least = middle - config.score_distance * max(spread, LEAST_SPREAD)
    return max(least, CHANCE) if middle > USUAL else least


def low_scores(rows: Sequence[Row], config: CheckConfig, scores: Numbers) -> Iterable[Found]:
    """Rows whose score is below `least_score`."""
    if not len(scores) or np.isnan(scores).all():
        return
    usual = float(np.median(scores))
    for n in np.flatnonzero(scores < least_score(scores, config)).tolist():
        texts = " | ".join(shortened(text, 40) for text in (rows[n].output_en, rows[n].output))
        yield Found(n, f"score {scores[n]:.2f}, usually {usual:.2f}: {texts}")
