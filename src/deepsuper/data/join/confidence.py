"""How certain pairs are: their scores against those of mismatched rows."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deepsuper.common.arrays import Floats, Ints
from deepsuper.data.join.translation_scores import TranslationScores

MISMATCHED = 20_000
"""Mismatched pairs that are scored, at most."""
QUANTILE = 0.995
"""The share of mismatched pairs that score below the threshold."""
FLOOR = 0.2
"""The lowest threshold, in nats per word. 0 is no better than chance."""
NEIGHBOURS = 10
"""A decoy is the best of this many rows before and after the true partner."""


@dataclass(frozen=True)
class Confidence:
    """The score from which a pair is accepted, and the scores of wrong partners.

    `spread`: the standard deviation of wrong pairs' scores. `decoys`: for some rows, the best score among the
    neighbours of their partner, which an alignment would choose if the partner were missing. Shape: (k,).
    """

    threshold: float
    spread: float
    decoys: Floats

    def wrong_above(self, rejected: Floats) -> float:
        """The expected number of wrong pairs above the threshold. `rejected`: the scores of pairs below it.

        The decoys are scaled to the number of rejected pairs between their median and the threshold, where true pairs
        are rare. The scaled number of decoys above the threshold is the answer.
        """
        if not len(rejected):
            return 0.0
        median = float(np.median(rejected))
        between = float(((self.decoys >= median) & (self.decoys < self.threshold)).sum())
        above = float((self.decoys >= self.threshold).sum())
        return float((rejected >= median).sum()) * above / max(1.0, between)


def measure(translations: TranslationScores, pairs: Sequence[tuple[int, int]], seed: int) -> Confidence:
    """The threshold and the decoys, from the scores of `pairs`, most of which are right, and of mismatched rows."""
    english, target = np.array(pairs, np.int64).T
    rng = np.random.default_rng(seed)
    draw = rng.integers(0, len(english), (2, min(MISMATCHED, 4 * len(english) ** 2)))
    draw = draw[:, draw[0] != draw[1]]
    if draw.shape[1] == 0:
        return Confidence(FLOOR, FLOOR, np.zeros(0))
    wrong = translations.pair_scores(english[draw[0]], target[draw[1]])
    # Some mismatched rows say the same. Where they are many, they must not raise the threshold.
    usual = float(np.median(translations.pair_scores(english, target)))
    threshold = max(FLOOR, min(float(np.quantile(wrong, QUANTILE)), usual / 2))
    return Confidence(threshold, max(0.05, float(wrong.std())), _nearest(translations, english, target, rng))


def _nearest(translations: TranslationScores, english: Ints, target: Ints, rng: np.random.Generator) -> Floats:
    """For some rows, the best score among the neighbours of their partner. Shape: (k,)."""
    sample = rng.permutation(len(english))[: MISMATCHED // (2 * NEIGHBOURS)]
    steps = np.array([step for step in range(-NEIGHBOURS, NEIGHBOURS + 1) if step])
    others = sample[:, None] + steps[None, :]
    inside = (others >= 0) & (others < len(target))
    rows = np.repeat(english[sample], len(steps))
    scores = translations.pair_scores(rows, target[np.clip(others, 0, len(target) - 1).ravel()]).reshape(others.shape)
    best: Floats = np.where(inside, scores, -np.inf).max(axis=1)
    return best
