"""How well both sides of a row translate each other, by a lexicon that is trained on the rows themselves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from deepsuper.common.arrays import Floats
from deepsuper.config.check import CheckConfig
from deepsuper.data.check.findings import Found, Measured, shortened, sides
from deepsuper.data.join.alignment import ENOUGH, packaged_pairs
from deepsuper.data.rows import Row
from deepsuper.data.words import Lexicon, segment
from deepsuper.data.words.lexicon import Words

LEAST_ROWS, LEAST_PACKAGED = 500, 30
"""A lexicon of fewer rows knows too few words to accuse any; where packaged sentences teach it too, of so few."""
LEARNT = 20_000
"""Rows that the lexicon learns from, spread over the file: more add time, and hardly words."""
PROMPT_WORDS, ANSWER_WORDS = 20, 40
"""Words of each text that are looked up: enough to tell, and as many from long rows as from short ones."""
LETTERS = 8
"""Characters that are segmented for each word."""
LEAST_SPREAD = 0.2
"""Of scores: a file of rows that are much the same is no reason to accuse those that differ a little."""
CHANCE, USUAL, WELL_LEARNT = 0.0, 1.0, 1000
"""Rows no better than chance are not parallel, where the lexicon is good: rows usually score more than 1, packaged
sentences taught it, or so many rows.
"""
MISMATCHED, DISTANCE = 2000, 3.0
"""Wrong pairs that show what a poor lexicon scores them, and the robust standard deviations above their median."""
COMPARED, NEIGHBOURS, BELONGING = 4000, 10, 0.85
"""Rows that are compared with rows so near, which may be of the same subject, and the share of them that must score
better with their own other side: 95% or more of the real files' do, half of shuffled rows.
"""
ALONE, BELOW_CHANCE = 20, -0.2
"""Words of a prompt or an answer, both sides together, from which such a score of its own is the row's: an answer of
another row under a right prompt. Shorter ones score as low by rare words, and all with a poor lexicon.
"""
Segmented = tuple[list[str], list[str]]


def alignment(rows: Sequence[Row], config: CheckConfig) -> Measured:
    """The mean score of the words of each row, prompt and answer; 0 is chance. NaN where there are too few rows."""
    taught = packaged_pairs(rows[0].language) if 0 < len(rows) < ENOUGH else []
    least_rows = LEAST_PACKAGED if taught else LEAST_ROWS
    if len(rows) < least_rows:
        note = f"alignment was not scored: {len(rows)} rows are too few to learn words from, need {least_rows}"
        note += "" if taught else f" (zh, vi, ar: {LEAST_PACKAGED})"
        return Measured(np.full(len(rows), np.nan), notes=(note,) if rows else ())
    texts = [[*_segmented(row)] for row in rows]
    chosen = np.linspace(0, len(rows) - 1, min(len(rows), LEARNT)).astype(int)
    lexicon = Lexicon.train([*(_joined(texts[n]) for n in chosen), *taught])
    good = bool(taught) or len(rows) >= WELL_LEARNT
    scores = np.array([row_score(lexicon, pair, apart=good) for pair in texts])
    floor = CHANCE
    if not good and np.median(scores) <= USUAL:
        floor = min(floor, _mismatched_limit(lexicon, texts))
    return Measured(scores, max(_least_usual(scores, config), floor), _faults(texts, taught))


def row_score(lexicon: Lexicon, texts: Sequence[Segmented], *, apart: bool = False) -> float:
    """The scores of a row's texts, each weighted with its words. `apart`: or that of a long one far below chance."""
    weights = [len(english) + len(target) for english, target in texts]
    scores = [lexicon.score(english, target) for english, target in texts]
    mean = float(np.average(scores, weights=weights)) if any(weights) else 0.0
    low = [score for score, words in zip(scores, weights, strict=True) if words >= ALONE and score < BELOW_CHANCE]
    return min([mean, *low]) if apart else mean


def _segmented(row: Row) -> Iterator[Segmented]:
    """The first words of the prompt and of the answer, on both sides."""
    for (_, english, target), most in zip(sides(row), (PROMPT_WORDS, ANSWER_WORDS), strict=True):
        cut = most * LETTERS
        yield segment(english[:cut], "en")[:most], segment(target[:cut], row.language)[:most]


def _joined(texts: Sequence[Segmented]) -> Segmented:
    # Half prompt, half answer: the lexicon reads the first words of each pair.
    (english, target), (english_answer, target_answer) = texts
    return english + english_answer, target + target_answer


def _mismatched(mine: Sequence[Segmented], others: Sequence[Segmented]) -> list[Segmented]:
    """The English texts of a row beside another's target texts."""
    return [(english, target) for (english, _), (_, target) in zip(mine, others, strict=True)]


def _least_usual(scores: Floats, config: CheckConfig) -> float:
    """Far below the usual score, in robust standard deviations."""
    middle = float(np.median(scores))
    return middle - config.score_distance * max(_robust_deviation(scores), LEAST_SPREAD)


def _robust_deviation(values: Floats) -> float:
    return 1.4826 * float(np.median(np.abs(values - np.median(values))))


def _mismatched_limit(lexicon: Lexicon, texts: Sequence[Sequence[Segmented]]) -> float:
    """What hardly any of the rows scores with another row's target side."""
    order = np.random.default_rng(0).permutation(len(texts))[:MISMATCHED]
    pairs = zip(order, np.roll(order, 1), strict=True)
    scores = np.array([row_score(lexicon, _mismatched(texts[a], texts[b])) for a, b in pairs])
    return float(np.median(scores)) + DISTANCE * _robust_deviation(scores)


def _faults(texts: Sequence[Sequence[Segmented]], taught: Sequence[tuple[Words, Words]]) -> tuple[str, ...]:
    """What is wrong with a file whose rows score hardly better than with a neighbour's target side.

    Each half of the rows is scored by a lexicon of the other half, which no pair that is scored has taught.
    """
    rng = np.random.default_rng(0)
    order = rng.permutation(len(texts))[:COMPARED]
    better = worse = 0
    for learnt, scored in ((order[::2], order[1::2]), (order[1::2], order[::2])):
        lexicon = Lexicon.train([*(_joined(texts[n]) for n in learnt), *taught])
        steps = rng.integers(1, NEIGHBOURS + 1, len(scored)) * rng.choice((-1, 1), len(scored))
        for mine, step in zip(scored, steps, strict=True):
            other = mine + step if 0 <= mine + step < len(texts) else mine - step
            own = row_score(lexicon, texts[mine])
            another = row_score(lexicon, _mismatched(texts[mine], texts[other]))
            better, worse = better + (own > another), worse + (own < another)
    told = better + worse
    if told < LEAST_PACKAGED or better >= BELONGING * told:
        return ()
    wrong = min(1.0, 2 * worse / told)
    return (
        f"in about {wrong:.0%} of the rows the two sides do not belong together: only {better / told:.0%} translate "
        "their own other side better than a neighbour's (usual: 95% or more, by chance 50%): were they shifted or "
        "shuffled? pair them again, with `deepsuper data join`",
    )


def low_scores(rows: Sequence[Row], config: CheckConfig, measured: Measured) -> Iterable[Found]:
    """Rows whose score is below the least."""
    if measured.least is None:
        return
    usual = float(np.median(measured.values))
    for n in np.flatnonzero(measured.values < measured.least).tolist():
        texts = " | ".join(shortened(text, 40) for text in (rows[n].output_en, rows[n].output))
        yield Found(n, f"score {measured.values[n]:.2f}, usually {usual:.2f}: {texts}")
