"""How well the two sides of a row translate each other, scored by a lexicon that is learnt from the rows."""

from collections.abc import Iterator, Sequence

import numpy as np

from deepsuper.common.arrays import Floats
from deepsuper.config.check import CheckConfig
from deepsuper.data.check.findings import Found, Measured, shortened, sides
from deepsuper.data.join.alignment import PACKAGED_HELP, packaged_pairs
from deepsuper.data.rows import Row
from deepsuper.data.words import Lexicon, segment
from deepsuper.data.words.lexicon import Words

LEAST_ROWS = 500
"""A lexicon that is learnt from fewer rows knows too few words to flag any row."""
LEAST_ROWS_PACKAGED = 30
"""The same, where packaged sentences of the language are learnt from too; also the least rows of a comparison."""
LEARNT_ROWS = 20_000
"""Rows that the lexicon learns from, spread over the file: more take time and add hardly any words."""
PROMPT_WORDS = 20
"""Words of a prompt that are scored: as many of long rows as of short ones."""
ANSWER_WORDS = 40
"""Words of an answer that are scored."""
CHARACTERS_PER_WORD = 8
"""Characters that are segmented for each word that is scored."""
LEAST_DEVIATION = 0.2
"""The least standard deviation of scores: in a uniform file small differences are no reason to flag a row."""
CHANCE_SCORE = 0.0
"""The score of a pair that is no better than chance. With a good lexicon, rows below it are not parallel."""
GOOD_MEDIAN = 1.0
"""A lexicon is good where the median row scores more than this."""
GOOD_ROWS = 1000
"""A lexicon is good, too, where it was learnt from so many rows, or from packaged sentences."""
MISMATCHED_ROWS = 2000
"""Rows that are scored with another row's target side, to see what a poor lexicon gives wrong pairs."""
MISMATCHED_DISTANCE = 3.0
"""Robust standard deviations above the median of those scores, below which a row is flagged."""
COMPARED_ROWS = 4000
"""Rows that are scored with their own target side and with a neighbour's."""
MAX_NEIGHBOUR = 10
"""The neighbour is at most this many rows away, so that it may be about the same subject."""
OWN_SIDE_WINS = 0.85
"""The share of those rows that must score better with their own side: over 95% do in real files, half if shuffled."""
LONG_TEXT = 20
"""Words of a prompt or an answer, both sides together, from which its own score counts: shorter ones vary too much."""
BELOW_CHANCE = -0.2
"""A long text that scores less is from another row, even where the rest of the row is right."""
Segmented = tuple[list[str], list[str]]
"""The words of one text in English and in the target language."""


def alignment(rows: Sequence[Row], config: CheckConfig) -> Measured:
    """The mean score of the words of each row, prompt and answer; 0 is chance. NaN where there are too few rows."""
    taught = packaged_pairs(rows[0].language) if 0 < len(rows) < PACKAGED_HELP else []
    least_rows = LEAST_ROWS_PACKAGED if taught else LEAST_ROWS
    if len(rows) < least_rows:
        note = f"alignment was not scored: {len(rows)} rows are too few to learn words from, need {least_rows}"
        note += "" if taught else f" (zh, vi, ar: {LEAST_ROWS_PACKAGED})"
        return Measured(np.full(len(rows), np.nan), notes=(note,) if rows else ())
    texts = [[*_segmented(row)] for row in rows]
    chosen = np.linspace(0, len(rows) - 1, min(len(rows), LEARNT_ROWS)).astype(int)
    lexicon = Lexicon.train([*(_joined(texts[n]) for n in chosen), *taught])
    good = bool(taught) or len(rows) >= GOOD_ROWS
    scores = np.array([row_score(lexicon, pair, apart=good) for pair in texts])
    floor = CHANCE_SCORE
    if not good and np.median(scores) <= GOOD_MEDIAN:
        floor = min(floor, _mismatched_limit(lexicon, texts))
    distance = config.score_distance * max(_robust_deviation(scores), LEAST_DEVIATION)
    least = max(float(np.median(scores)) - distance, floor)
    return Measured(scores, least, _faults(texts, taught), found=list(_low_scores(rows, scores, least)))


def row_score(lexicon: Lexicon, texts: Sequence[Segmented], *, apart: bool = False) -> float:
    """The mean score of a row's texts, weighted by words. `apart`: or that of a long text, where it is below chance."""
    weights = [len(english) + len(target) for english, target in texts]
    scores = [lexicon.score(english, target) for english, target in texts]
    mean = float(np.average(scores, weights=weights)) if any(weights) else 0.0
    low = [score for score, words in zip(scores, weights, strict=True) if words >= LONG_TEXT and score < BELOW_CHANCE]
    return min([mean, *low]) if apart else mean


def _segmented(row: Row) -> Iterator[Segmented]:
    """The first words of the prompt and of the answer, on both sides."""
    for (_, english, target), most in zip(sides(row), (PROMPT_WORDS, ANSWER_WORDS), strict=True):
        cut = most * CHARACTERS_PER_WORD
        yield segment(english[:cut], "en")[:most], segment(target[:cut], row.language)[:most]


def _joined(texts: Sequence[Segmented]) -> Segmented:
    # The lexicon learns from the first words of a pair, so these hold words of both prompt and answer.
    (english, target), (english_answer, target_answer) = texts
    return english + english_answer, target + target_answer


def _mismatched(mine: Sequence[Segmented], others: Sequence[Segmented]) -> list[Segmented]:
    """The English texts of a row beside another's target texts."""
    return [(english, target) for (english, _), (_, target) in zip(mine, others, strict=True)]


def _robust_deviation(values: Floats) -> float:
    return 1.4826 * float(np.median(np.abs(values - np.median(values))))


def _mismatched_limit(lexicon: Lexicon, texts: Sequence[Sequence[Segmented]]) -> float:
    """A score that hardly any row reaches with another row's target side."""
    order = np.random.default_rng(0).permutation(len(texts))[:MISMATCHED_ROWS]
    pairs = zip(order, np.roll(order, 1), strict=True)
    scores = np.array([row_score(lexicon, _mismatched(texts[a], texts[b])) for a, b in pairs])
    return float(np.median(scores)) + MISMATCHED_DISTANCE * _robust_deviation(scores)


def _faults(texts: Sequence[Sequence[Segmented]], taught: Sequence[tuple[Words, Words]]) -> tuple[str, ...]:
    """An error for a file whose rows score hardly better with their own target side than with a neighbour's.

    Each half of the rows is scored by a lexicon that is learnt from the other half.
    """
    rng = np.random.default_rng(0)
    order = rng.permutation(len(texts))[:COMPARED_ROWS]
    better = worse = 0
    for learnt, scored in ((order[::2], order[1::2]), (order[1::2], order[::2])):
        lexicon = Lexicon.train([*(_joined(texts[n]) for n in learnt), *taught])
        steps = rng.integers(1, MAX_NEIGHBOUR + 1, len(scored)) * rng.choice((-1, 1), len(scored))
        for mine, step in zip(scored, steps, strict=True):
            other = mine + step if 0 <= mine + step < len(texts) else mine - step
            own = row_score(lexicon, texts[mine])
            another = row_score(lexicon, _mismatched(texts[mine], texts[other]))
            better, worse = better + (own > another), worse + (own < another)
    told = better + worse
    if told < LEAST_ROWS_PACKAGED or better >= OWN_SIDE_WINS * told:
        return ()
    wrong = min(1.0, 2 * worse / told)
    return (
        f"in about {wrong:.0%} of the rows the two sides do not belong together: only {better / told:.0%} translate "
        "their own other side better than a neighbour's (usual: 95% or more, by chance 50%): were they shifted or "
        "shuffled? pair them again, with `deepsuper data join`",
    )


def _low_scores(rows: Sequence[Row], scores: Floats, least: float) -> Iterator[Found]:
    """Rows whose score is below the least."""
    usual = np.median(scores)
    for n in np.flatnonzero(scores < least).tolist():
        texts = " | ".join(shortened(text, 40) for text in (rows[n].output_en, rows[n].output))
        yield Found(n, f"score {scores[n]:.2f}, usually {usual:.2f}: {texts}")
