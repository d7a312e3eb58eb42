"""Word translations that are learnt from the rows themselves (IBM model 1 in both directions), and links of words."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal

import numpy as np
import numpy.typing as npt

from deepsuper.common.arrays import Floats, Ints
from deepsuper.data.words.cooccurrence import WordPairs, expected_counts, find, index_pairs

Words = Sequence[str]
MAX_WORDS = 40
"""Words of a text that are read, in learning and in scoring: it bounds memory and time."""
MOST_ROWS = 40_000
"""Rows that are learnt from, at most."""
STEPS = 5
"""Steps of expectation maximisation."""
PRIOR = 2.0
"""Counts that each word gets from the prior: without them a rare word would explain a whole row."""
DISCOUNT = 1.0
"""Subtracted from each pair's count at the end: a row is no evidence that it is parallel itself."""
EQUAL = 0.5
"""The share of the prior that goes to the identical word: a number, a name in Latin letters, a punctuation mark."""
UNALIGNED = 0.2
"""The assumed share of a text that translates nothing on the other side."""
UNKNOWN = -1
"""The number of a word that was never seen."""
DIAGONAL = 4.0
"""How fast the probability of a link falls with its distance from the diagonal; both texts have length 1."""
NULL = 0.003
"""The probability, added to a word's own frequency, that it translates nothing: rare words get no link for rarity."""
AGREED = 0.4
"""The least geometric mean of a link's two posteriors."""
GROWN = 0.6
"""The least posterior of a link that is added beside an agreed one."""


@dataclass(frozen=True)
class Vocabulary:
    """The words of one side: their numbers and their frequencies. `share[UNKNOWN]`: of a word that was never seen."""

    ids: dict[str, int]
    share: Floats

    def encode(self, words: Words) -> Ints:
        """The number of each word, UNKNOWN for one that was never seen."""
        return np.array([self.ids.get(word, UNKNOWN) for word in words], np.int64)


@dataclass(frozen=True)
class TranslationTable:
    """t(explained | given): `seen` of each pair, and the rest that each given word leaves to the prior, `left`."""

    seen: Floats
    left: Floats


@dataclass(frozen=True)
class Lexicon:
    """Translation probabilities in both directions, for the pairs of words (`keys`) that occur in several rows."""

    english: Vocabulary
    target: Vocabulary
    keys: Ints
    to_target: TranslationTable
    to_english: TranslationTable

    @staticmethod
    def train(pairs: Iterable[tuple[Words, Words]]) -> "Lexicon":
        """The lexicon of parallel texts, cut by `segment`: at most MOST_ROWS of them, MAX_WORDS words of each."""
        cut = [(english[:MAX_WORDS], target[:MAX_WORDS]) for english, target in islice(pairs, MOST_ROWS)]
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
            TranslationTable(to_target.seen[kept], to_target.left),
            TranslationTable(to_english.seen[kept], to_english.left),
        )

    def score(self, english: Words, target: Words) -> float:
        """Mean log-likelihood ratio of a word: given the other side against its own frequency, over both directions.

        0: no better than chance (false pairs score a little below). Higher: more parallel. Reads MAX_WORDS words of
        each text; 0 where a text has none. In nats.
        """
        if not english or not target:
            return 0.0
        to_target, to_english, share_f, share_e = self.chances(english[:MAX_WORDS], target[:MAX_WORDS])
        gains = (to_target.mean(axis=0) / share_f, to_english.mean(axis=1) / share_e)
        return float(np.mean([np.log((1 - UNALIGNED) * gain + UNALIGNED).mean() for gain in gains]))

    def align(self, english: Words, target: Words) -> list[tuple[int, int]]:
        """Links (index in `english`, index in `target`) of words that translate each other, in order."""
        return links_of(*self.chances(english, target)) if english and target else []

    def chances(self, english: Words, target: Words) -> tuple[Floats, Floats, Floats, Floats]:
        """t(target | English) and t(English | target) of two texts' words, and the frequency of each word.

        Shapes: (English, target) twice, (target,), (English,).
        """
        e, f = self.english.encode(english), self.target.encode(target)
        wanted = e[:, None] * len(self.target.ids) + f[None, :]
        wanted[(e[:, None] == UNKNOWN) | (f[None, :] == UNKNOWN)] = UNKNOWN
        hit, place = find(self.keys, wanted)
        equal = EQUAL * _equal(english, target)
        share_f, share_e = self.target.share[f], self.english.share[e]

        def chance(direction: TranslationTable, given: Ints, share: Floats) -> Floats:
            seen = np.where(hit, direction.seen[place], 0.0) if len(self.keys) else 0.0
            return seen + direction.left[given] * (equal + (1 - EQUAL) * share)

        to_target = chance(self.to_target, e[:, None], share_f[None, :])
        return to_target, chance(self.to_english, f[None, :], share_e[:, None]), share_f, share_e


def _vocabulary(texts: Iterable[Words]) -> Vocabulary:
    counts = Counter(word for words in texts for word in words)
    number = np.array([*counts.values(), 1], np.float64)
    return Vocabulary({word: n for n, word in enumerate(counts)}, number / number.sum())


def _learn(
    index: WordPairs, explained: Literal["english", "target"], share: Floats, equal: Floats, words: int
) -> TranslationTable:
    """t(explained | given) after STEPS of expectation maximisation. `share`: of each pair's explained word. (P,)."""
    given = index.english if explained == "target" else index.target
    prior = EQUAL * equal + (1 - EQUAL) * share
    chance = prior + 1e-3  # at first all pairs are alike, except for frequent and identical words
    for step in range(STEPS):
        counts = expected_counts(index, chance, share, explained=explained)
        total = np.bincount(given, weights=counts, minlength=words)
        if step == STEPS - 1:
            counts = np.maximum(counts - DISCOUNT, 0.0)
        seen = counts / (total + PRIOR)[given]
        left = 1.0 - np.bincount(given, weights=seen, minlength=words)
        chance = seen + left[given] * prior
    return TranslationTable(seen, np.append(left, 1.0))


def _equal(english: Words, target: Words) -> Floats:
    """1 where both words are identical, else 0. Shape: (English, target)."""
    places: dict[str, list[int]] = {}
    for n, word in enumerate(target):
        places.setdefault(word, []).append(n)
    equal = np.zeros((len(english), len(target)))
    for n, word in enumerate(english):
        if word in places:
            equal[n, places[word]] = 1.0
    return equal


def links_of(to_target: Floats, to_english: Floats, target: Floats, english: Floats) -> list[tuple[int, int]]:
    """Links on which both directions agree, and those next to them of which one direction is sure.

    Shapes: (English, target) twice: t(f|e), t(e|f); (target,), (English,): each word's own frequency.
    """
    rows, columns = to_target.shape
    place_e, place_f = (np.arange(rows) + 0.5) / rows, (np.arange(columns) + 0.5) / columns
    near = np.exp(-DIAGONAL * np.abs(place_e[:, None] - place_f[None, :]))
    from_english = to_target * near / near.sum(axis=0, keepdims=True)
    from_english /= from_english.sum(axis=0, keepdims=True) + target[None, :] + NULL
    from_target = to_english * near / near.sum(axis=1, keepdims=True)
    from_target /= from_target.sum(axis=1, keepdims=True) + english[:, None] + NULL
    agreed = np.sqrt(from_english * from_target) >= AGREED
    linked = agreed | _grown(agreed, from_english >= GROWN) | _grown(agreed.T, from_target.T >= GROWN).T
    return [(int(i), int(j)) for i, j in np.argwhere(linked)]


def _grown(agreed: npt.NDArray[np.bool_], sure: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Sure links of columns without a link, next to an agreed link of the same row: the rest of a compound."""
    beside = np.zeros_like(agreed)
    beside[:, 1:] |= agreed[:, :-1]
    beside[:, :-1] |= agreed[:, 1:]
    return beside & sure & ~agreed.any(axis=0, keepdims=True)
