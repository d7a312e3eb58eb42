"""Which words translate each other, learnt from the rows themselves: IBM model 1 in both directions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal

import numpy as np

from deepsuper.data.words.counts import Floats, Ints, Pairs, expected_counts, find, index_pairs
from deepsuper.data.words.links import links_of

Words = Sequence[str]
LONGEST, MOST_ROWS = 40, 40_000
"""Words of a text, and rows, that are learnt from: they bound memory and time. `score` reads as many words."""
STEPS = 5
PRIOR = 2.0
"""As if each word had been seen this often beside words of the prior, so that a rare word explains no whole row."""
DISCOUNT = 1.0
"""Taken off each pair's count in the end: what one row says of itself is no evidence that it is parallel."""
EQUAL = 0.5
"""The prior's share that goes to the equal word: a number, a name in Latin letters, a mark."""
CHANCE = 0.2
"""The share of a text that is taken to translate nothing on the other side."""
UNKNOWN = -1


@dataclass(frozen=True)
class Vocabulary:
    """The words of one side: their numbers, and how frequent each is. `share[UNKNOWN]` is that of a word never seen."""

    ids: dict[str, int]
    share: Floats

    def encode(self, words: Words) -> Ints:
        """The number of each word, UNKNOWN for one that was never seen."""
        return np.array([self.ids.get(word, UNKNOWN) for word in words], np.int64)


@dataclass(frozen=True)
class Direction:
    """t(explained | given): `seen` of each pair, and what each given word leaves to the prior; `left[UNKNOWN]` is 1."""

    seen: Floats
    left: Floats


@dataclass(frozen=True)
class Chances:
    """t(target | English) and t(English | target) of two texts' words, and what each word's chance is by itself.

    Shapes: (English, target) twice, (target,), (English,).
    """

    to_target: Floats
    to_english: Floats
    target: Floats
    english: Floats


@dataclass(frozen=True)
class Lexicon:
    """Translation probabilities both ways, for the pairs of words (`keys`) that stood together in several rows."""

    english: Vocabulary
    target: Vocabulary
    keys: Ints
    to_target: Direction
    to_english: Direction

    @staticmethod
    def train(pairs: Iterable[tuple[Words, Words]]) -> Lexicon:
        """The lexicon of texts in both languages, as `segment` cuts them: at most MOST_ROWS, LONGEST words of each."""
        cut = [(english[:LONGEST], target[:LONGEST]) for english, target in islice(pairs, MOST_ROWS)]
        english, target = _vocabulary(e for e, _ in cut), _vocabulary(f for _, f in cut)
        rows = [(np.unique(english.encode(e)), np.unique(target.encode(f))) for e, f in cut if len(e) and len(f)]
        index = index_pairs(rows, len(target.ids))
        same = np.array([english.ids.get(word, UNKNOWN) for word in target.ids], np.int64)
        equal = same[index.target] == index.english
        to_target = _learn(index, "target", target.share[index.target], equal, len(english.ids))
        to_english = _learn(index, "english", english.share[index.english], equal, len(target.ids))
        kept = (to_target.seen > 0) | (to_english.seen > 0)
        return Lexicon(
            english,
            target,
            index.keys[kept],
            Direction(to_target.seen[kept], to_target.left),
            Direction(to_english.seen[kept], to_english.left),
        )

    def score(self, english: Words, target: Words) -> float:
        """Mean log-likelihood of a word given the other side's words, against its own frequency, over both directions.

        0: no better than chance (false pairs lie a little below), higher: more parallel. Reads LONGEST words of each
        text; 0 where one has none. In nats.
        """
        if not english or not target:
            return 0.0
        chances = self.chances(english[:LONGEST], target[:LONGEST])
        gain_target = chances.to_target.mean(axis=0) / chances.target
        gain_english = chances.to_english.mean(axis=1) / chances.english
        means = [np.log((1 - CHANCE) * gain + CHANCE).mean() for gain in (gain_target, gain_english)]
        return float(np.mean(means))

    def align(self, english: Words, target: Words) -> list[tuple[int, int]]:
        """Links (place in `english`, place in `target`) of words that translate each other, in order."""
        if not english or not target:
            return []
        chances = self.chances(english, target)
        return links_of(chances.to_target, chances.to_english, chances.target, chances.english)

    def chances(self, english: Words, target: Words) -> Chances:
        """How likely each word of one text translates each word of the other, in both directions."""
        e, f = self.english.encode(english), self.target.encode(target)
        wanted = e[:, None] * len(self.target.ids) + f[None, :]
        wanted[(e[:, None] == UNKNOWN) | (f[None, :] == UNKNOWN)] = UNKNOWN
        hit, place = find(self.keys, wanted)
        equal = EQUAL * _equal(english, target)
        share_f, share_e = self.target.share[f], self.english.share[e]

        def chance(direction: Direction, given: Ints, share: Floats) -> Floats:
            seen = np.where(hit, direction.seen[place], 0.0) if len(self.keys) else 0.0
            return seen + direction.left[given] * (equal + (1 - EQUAL) * share)

        return Chances(
            chance(self.to_target, e[:, None], share_f[None, :]),
            chance(self.to_english, f[None, :], share_e[:, None]),
            share_f,
            share_e,
        )


def _vocabulary(texts: Iterable[Words]) -> Vocabulary:
    counts = Counter(word for words in texts for word in words)
    number = np.array([*counts.values(), 1], np.float64)
    return Vocabulary({word: n for n, word in enumerate(counts)}, number / number.sum())


def _learn(
    index: Pairs, explained: Literal["english", "target"], share: Floats, equal: Floats, words: int
) -> Direction:
    """t(explained | given) after STEPS of expectation maximisation. `share`: of each pair's explained word. (P,)."""
    given = index.english if explained == "target" else index.target
    prior = EQUAL * equal + (1 - EQUAL) * share
    chance = prior + 1e-3  # all pairs alike at first, but for frequent and equal words
    for step in range(STEPS):
        counts = expected_counts(index, chance, share, explained=explained)
        total = np.bincount(given, weights=counts, minlength=words)
        if step == STEPS - 1:
            counts = np.maximum(counts - DISCOUNT, 0.0)
        seen = counts / (total + PRIOR)[given]
        left = 1.0 - np.bincount(given, weights=seen, minlength=words)
        chance = seen + left[given] * prior
    return Direction(seen, np.append(left, 1.0))


def _equal(english: Words, target: Words) -> Floats:
    """1 where both words are the same, else 0. Shape: (English, target)."""
    places: dict[str, list[int]] = {}
    for n, word in enumerate(target):
        places.setdefault(word, []).append(n)
    equal = np.zeros((len(english), len(target)))
    for n, word in enumerate(english):
        if word in places:
            equal[n, places[word]] = 1.0
    return equal
