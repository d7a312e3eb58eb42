"""Two sides -> pairs of rows: by id, by order with a check, or by alignment; other rows with their reasons."""

import logging
from collections import defaultdict
from dataclasses import dataclass, field, replace

import numpy as np

from deepsuper.common.arrays import Floats
from deepsuper.common.errors import UserError
from deepsuper.config.join import Compare
from deepsuper.data.join.alignment import PairScorer, Places, align, read_words, scorer_of
from deepsuper.data.join.reordered import find_reordered
from deepsuper.data.join.side import Aside, Entry, LanguageSide
from deepsuper.data.rows import Row

log = logging.getLogger("deepsuper")
MATCHING = 0.5
"""The share of pairs by id or by order that must score as pairs: else ids or order mean something different."""
LEAST_ALIGNED = 0.05
"""The share of the smaller side's rows that an alignment must pair: any two files have a few such pairs."""
RELATED_SHARE = 0.5
"""Two sets are unrelated where an alignment pairs less than this share of the smaller side, with low scores."""
RELATED_SCORE = 0.5
"""Scores are low where their median is below this: pairs of unrelated sets score 0.3 to 0.5, true ones 0.7 or more."""
SLIP = 3
"""Consecutive pairs out of order that count as a slip: fewer may be rows that changed places."""
NO_ID = Aside("has no id", "has no id: join by alignment")
NO_MATCH = Aside("no row matches it", "no row matches it")


class NoMatch(UserError):
    """Rows with the same id, or at the same place, that do not translate each other: where, and the remedy."""


@dataclass(frozen=True)
class RowPair:
    """Two rows by their indices, how they were paired, and their score (None: there was no lexicon to score with)."""

    english: int
    target: int
    how: str
    score: float | None


@dataclass
class Pairing:
    """The pairs; row index -> reason, for rows in no pair; and how many pairs of each kind may be wrong.

    `low`: the number of pairs by id or order that score like a mismatched pair, which is below `threshold`.
    """

    pairs: list[RowPair] = field(default_factory=list)
    aside_en: dict[int, Aside] = field(default_factory=dict)
    aside_tgt: dict[int, Aside] = field(default_factory=dict)
    wrong: dict[str, float] = field(default_factory=dict)
    low: int = 0
    threshold: float | None = None


@dataclass(frozen=True)
class Sides:
    """Both sides to pair, the seed of random samples, and what of the rows is compared."""

    english: LanguageSide
    target: LanguageSide
    seed: int
    compare: Compare = "rows"

    def rows(self, english: list[int], target: list[int]) -> tuple[list[Row], list[Row]]:
        """The rows at these indices, which must be usable, with the fields to compare."""
        picked = (
            [side.entries[n].row for n in places] for side, places in ((self.english, english), (self.target, target))
        )
        changes = {"output": ""} if self.compare == "questions" else {}
        ours, theirs = ([replace(row, **changes) for row in rows if row is not None] for rows in picked)
        return ours, theirs


def pair_by_id(sides: Sides) -> Pairing:
    """Rows with the same id, where each side has it once. Raises: NoMatch where such rows do not match."""
    found = Pairing()
    ours, theirs = _places_by_key(sides.english), _places_by_key(sides.target)
    for key, places in ours.items():
        others = theirs.get(key, [])
        if len(places) == len(others) == 1:
            found.pairs.append(RowPair(places[0], others[0], "id", None))
    for mine, other, side, aside in (
        (ours, theirs, sides.target, found.aside_en),
        (theirs, ours, sides.english, found.aside_tgt),
    ):
        for key, places in mine.items():
            reason = _why_not(key, len(places), len(other.get(key, [])), side.source)
            aside.update(dict.fromkeys(places, reason) if reason else {})
    _set_unusable_aside(found, sides)
    for side, aside in ((sides.english, found.aside_en), (sides.target, found.aside_tgt)):
        aside.update({n: NO_ID for n in side.usable if side.entries[n].key is None})
    return _judged(found, sides, "their ids do not name the same rows: join with --by alignment")


def _places_by_key(side: LanguageSide) -> dict[str, list[int]]:
    places: dict[str, list[int]] = defaultdict(list)
    for n, entry in enumerate(side.entries):
        if entry.key is not None:
            places[entry.key].append(n)
    return places


def _why_not(key: str, mine: int, others: int, source: str) -> Aside | None:
    repeated = "the id is there several times"
    if mine > 1:
        return Aside(repeated, f"id {key[:80]!r} is {mine} times on this side: need each id once")
    if others > 1:
        return Aside(repeated, f"id {key[:80]!r} is {others} times in {source}: need each id once")
    return None if others else Aside("the id is missing on the other side", f"id {key[:80]!r} is not in {source}")


def pair_by_order(sides: Sides, aligned: tuple[Places, PairScorer | None] | None = None) -> Pairing:
    """Row n with row n. `aligned`: the result of `align_sides`, where it is known already.

    Raises: NoMatch where the row counts differ, or naming the first place where the order slips.
    """
    english, target = sides.english, sides.target
    if len(english.entries) != len(target.entries):
        raise NoMatch(
            f"{english.source} has {len(english.entries)} rows, {target.source} {len(target.entries)}: "
            "rows in order need as many on both sides: join with --by alignment"
        )
    places, scorer = align_sides(sides) if aligned is None else aligned
    if scorer is not None:
        _check_order(sides, places, scorer)
    found = Pairing(pairs=[RowPair(n, n, "order", None) for n in range(len(english.entries))])
    _set_unusable_aside(found, sides)
    return _judged(found, sides, "the rows are in another order: join with --by alignment", scorer)


def _check_order(sides: Sides, places: Places, scorer: PairScorer) -> None:
    usable_en, usable_tgt = sides.english.usable, sides.target.usable
    sure = scorer.scores(places) >= scorer.confidence.threshold
    if sure.sum() < MATCHING * len(usable_en):
        return  # not a slip: there is no order at all, which the scores will show
    off = 0
    for n, ((i, j), good) in enumerate(zip(places, sure, strict=True)):
        off = off + 1 if good and usable_en[i] != usable_tgt[j] else 0
        if off == SLIP:
            first_en, first_tgt = (
                usable[k] for usable, k in zip((usable_en, usable_tgt), places[n - SLIP + 1], strict=True)
            )
            raise NoMatch(
                f"{sides.english.entries[first_en].where}: belongs to {sides.target.entries[first_tgt].where}, "
                f"row {first_en + 1} to row {first_tgt + 1}: the order slips there: join with --by alignment"
            )


def _set_unusable_aside(found: Pairing, sides: Sides) -> None:
    """Removes pairs with an unusable row, and sets their rows aside with the reason."""
    for side, aside in ((sides.english, found.aside_en), (sides.target, found.aside_tgt)):
        aside.update({n: entry.problem for n, entry in enumerate(side.entries) if entry.problem is not None})
    kept = []
    for pair in found.pairs:
        ours, theirs = sides.english.entries[pair.english], sides.target.entries[pair.target]
        if ours.row is not None and theirs.row is not None:
            kept.append(pair)
        elif ours.row is not None:
            found.aside_en[pair.english] = _without_partner(theirs)
        elif theirs.row is not None:
            found.aside_tgt[pair.target] = _without_partner(ours)
    found.pairs = kept


def _without_partner(partner: Entry) -> Aside:
    assert partner.problem is not None, "the partner cannot be used"
    kind = "its partner cannot be used"
    return Aside(kind, f"{kind}: {partner.where}: {partner.problem.message}")


def _judged(found: Pairing, sides: Sides, otherwise: str, scorer: PairScorer | None = None) -> Pairing:
    """The pairs with their scores. Raises: NoMatch with the text `otherwise` where too few of them score as pairs."""
    if not found.pairs:
        return found
    english, target = [pair.english for pair in found.pairs], [pair.target for pair in found.pairs]
    places = [(n, n) for n in range(len(found.pairs))]
    if scorer is None:
        scorer = scorer_of(read_words(*sides.rows(english, target), sides.target.language), places, sides.seed)
    else:
        numbers = [{place: n for n, place in enumerate(side.usable)} for side in (sides.english, sides.target)]
        places = [(numbers[0][i], numbers[1][j]) for i, j in zip(english, target, strict=True)]
    if scorer is None:
        log.warning("%d pairs are too few to learn from: whether they match was not checked", len(found.pairs))
        return found
    scores = scorer.scores(places)
    matching = float((scores >= scorer.confidence.threshold).mean())
    if matching < MATCHING:
        first = found.pairs[int(np.argmax(scores < scorer.confidence.threshold))]
        raise NoMatch(
            f"{sides.english.entries[first.english].where} and {sides.target.entries[first.target].where}: only "
            f"{matching:.0%} of the rows score as translations: {otherwise}"
        )
    found.pairs = [replace(pair, score=round(float(s), 3)) for pair, s in zip(found.pairs, scores, strict=True)]
    found.low = int((scores < scorer.confidence.threshold).sum())
    found.threshold = scorer.confidence.threshold
    return found


def align_sides(sides: Sides) -> tuple[Places, PairScorer | None]:
    """The monotone pairs of the usable rows, as indices among those; and what scores them."""
    rows = sides.rows(sides.english.usable, sides.target.usable)
    return align(read_words(*rows, sides.target.language), sides.seed)


def pair_by_alignment(sides: Sides, aligned: tuple[Places, PairScorer | None] | None = None) -> Pairing:
    """Rows in the same order, some missing on either side; then rows that are out of order.

    Raises: NoMatch where hardly any of the pairs score as translations.
    """
    places, scorer = align_sides(sides) if aligned is None else aligned
    usable_en, usable_tgt = sides.english.usable, sides.target.usable
    found = Pairing()
    _set_unusable_aside(found, sides)
    if scorer is None:
        log.warning("%d rows are too few to learn from: paired by lengths, names and numbers alone", len(usable_en))
        found.pairs = [RowPair(usable_en[i], usable_tgt[j], "alignment", None) for i, j in places]
    else:
        _accept(found, sides, places, scorer)
    for side, aside, paired in (
        (sides.english, found.aside_en, {pair.english for pair in found.pairs}),
        (sides.target, found.aside_tgt, {pair.target for pair in found.pairs}),
    ):
        aside.update({n: NO_MATCH for n in side.usable if n not in paired and n not in aside})
    return found


def _accept(found: Pairing, sides: Sides, places: Places, scorer: PairScorer) -> None:
    """Adds the aligned pairs that score as translations and the reordered pairs; sets the others aside."""
    usable_en, usable_tgt = sides.english.usable, sides.target.usable
    scores, threshold = scorer.scores(places), scorer.confidence.threshold
    good = scores >= threshold
    taken = [place for place, fine in zip(places, good, strict=True) if fine]
    fewest = min(len(usable_en), len(usable_tgt))
    if len(taken) < max(MATCHING * len(places), LEAST_ALIGNED * fewest):
        raise NoMatch(
            f"{sides.english.source} and {sides.target.source}: only {len(taken)} of {fewest} rows could be aligned by "
            "what they say: are these two languages of one set, in the same order?"
        )
    rest_en = sorted(set(range(len(usable_en))) - {i for i, _ in taken})
    rest_tgt = sorted(set(range(len(usable_tgt))) - {j for _, j in taken})
    moved = find_reordered(scorer, rest_en, rest_tgt, [i for i, _ in taken], sides.seed)
    _check_related(sides, np.append(scores[good], moved.scores), fewest)
    pairs = [*((i, j, "alignment", s) for (i, j), s in zip(taken, scores[good], strict=True))]
    pairs += [(i, j, "moved", s) for (i, j), s in zip(moved.pairs, moved.scores, strict=True)]
    found.pairs = [RowPair(usable_en[i], usable_tgt[j], how, round(float(s), 3)) for i, j, how, s in sorted(pairs)]
    found.wrong = {
        "alignment": min(float(len(taken)), scorer.confidence.wrong_above(scores[~good])),
        "moved": moved.wrong,
    }
    found.threshold = threshold
    paired = {i for i, *_ in pairs}, {j for _, j, *_ in pairs}
    for (i, j), score in zip(places, scores, strict=True):
        ours, theirs = sides.english.entries[usable_en[i]], sides.target.entries[usable_tgt[j]]
        if i not in paired[0]:
            found.aside_en[usable_en[i]] = _too_low(score, theirs, threshold)
        if j not in paired[1]:
            found.aside_tgt[usable_tgt[j]] = _too_low(score, ours, threshold)


def _too_low(score: float, other: Entry, threshold: float) -> Aside:
    return Aside("the score is too low", f"scores {score:.2f} with {other.where}: below {threshold:.2f}")


def _check_related(sides: Sides, scores: Floats, fewest: int) -> None:
    """Raises: NoMatch where few rows were paired, and those score hardly better than mismatched ones."""
    usual = float(np.median(scores)) if len(scores) else 0.0
    if len(scores) < RELATED_SHARE * fewest and usual < RELATED_SCORE:
        raise NoMatch(
            f"{sides.english.source} and {sides.target.source} hardly belong together: only {len(scores)} of {fewest} "
            f"rows could be paired, and those usually score {usual:.2f} (pairs of one set: 0.7 or more): "
            "are these two languages of one set, in the same order?"
        )
