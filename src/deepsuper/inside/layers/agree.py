"""What the criteria say together -> the layers i and j to use, for `deepsuper layers` and `objective.layers: auto`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from deepsuper.inside.layers.criteria import Verdict
from deepsuper.method.methods import default_layer

WIDEST = 1 / 3
"""A criterion counts only if its interval spans at most this share of the depth: a wider one agrees with any other."""
LEAST_FOUND = 0.9
"""and if it names a layer in this share of the bootstrap samples."""
SLACK = 1
"""Intervals are over sentences. What a criterion calls the layer, a start or a peak, adds this many on each side."""
ALONE = "entropy"
"""The one criterion that is used without another: the paper's. It names layers only for two clear drops."""


@dataclass(frozen=True)
class Vote:
    """The layer that a criterion names for i or for j, with its interval over sentences."""

    criterion: str
    layer: int
    low: int
    high: int

    def __str__(self) -> str:
        return f"{self.criterion} {self.layer} ({self.low} to {self.high})"


@dataclass(frozen=True)
class Agreed:
    """The layers to use. `criteria`: those that name them; none: both are the paper's shares of the depth."""

    layer_lc: int
    layer_et: int
    criteria: tuple[str, ...]
    reason: str

    @property
    def fallback(self) -> bool:
        """Whether both layers are the paper's shares of the depth."""
        return not self.criteria

    @property
    def line(self) -> str:
        """Layers and reason, in one line."""
        shares = ", the paper's shares of the depth, because" if self.fallback else ":"
        return f"i = {self.layer_lc}, j = {self.layer_et}{shares} {self.reason}"


def agree(verdicts: Sequence[Verdict], num_layers: int) -> Agreed:
    """The layers of the criteria that agree on j, else of the entropy, else the paper's shares of the depth.

    Criteria agree if their intervals, one layer wider on each side, share layers; j is the median of what they name,
    moved into the shared layers. i is named by the same criteria, and lies below j.
    """
    heard, silent = [], []
    for verdict in verdicts:
        vote, why = _vote_et(verdict, num_layers)
        if vote is None:
            silent.append(why)
        else:
            heard.append(vote)
    together = _together(heard)
    chosen = together if len(together) > 1 else [vote for vote in heard if vote.criterion == ALONE]
    reason = "; ".join([*_said_of_j(heard, chosen), *silent])
    if not chosen:
        return paper_shares(num_layers, reason)
    names = tuple(vote.criterion for vote in chosen)
    j = _shared(chosen)
    i, named_by = _early([verdict for verdict in verdicts if verdict.criterion in names], num_layers)
    moved = ", moved below j" if i >= j else ""
    return Agreed(min(i, j - 1), j, names, f"{reason}; i by {named_by}{moved}")


def agree_over_languages(languages: Mapping[str, Agreed], num_layers: int) -> Agreed:
    """One pair of layers for several languages: the median of those that name layers. i lies below j.

    Each language has one vote, whatever the number of its sentences. An even number has the lower median.
    """
    if len(languages) == 1:
        return next(iter(languages.values()))
    named = {language: agreed for language, agreed in languages.items() if not agreed.fallback}
    reason = "; ".join(
        f"{language}: " + (f"none, {a.reason}" if a.fallback else f"i = {a.layer_lc}, j = {a.layer_et}, {a.reason}")
        for language, a in languages.items()
    )
    if not named:
        return paper_shares(num_layers, reason)
    j = _median([agreed.layer_et for agreed in named.values()])
    i = min(_median([agreed.layer_lc for agreed in named.values()]), j - 1)
    criteria = dict.fromkeys(criterion for agreed in named.values() for criterion in agreed.criteria)
    return Agreed(i, j, tuple(criteria), f"the median of {len(named)} of {len(languages)} languages; {reason}")


def paper_shares(num_layers: int, reason: str) -> Agreed:
    """The paper's shares of the depth, 2/32 and 15/32."""
    return Agreed(default_layer("lc", num_layers), default_layer("et", num_layers), (), reason)


def _vote_et(verdict: Verdict, num_layers: int) -> tuple[Vote | None, str]:
    """What a criterion says of j; None with the reason if it does not count."""
    vote = _vote(verdict.criterion, verdict.layer_et, verdict.interval_et)
    if vote is None:
        return None, f"{verdict.criterion} found none ({verdict.reason})"
    if verdict.found < LEAST_FOUND:
        return None, f"{vote} does not count: it is found in only {verdict.found:.0%} of the samples"
    if not _narrow(vote, num_layers):
        return None, f"{vote} does not count: its interval is wider than {WIDEST:.0%} of the depth"
    return (vote, "") if vote.layer > 1 else (None, f"{vote} does not count: it leaves no layer for i")


def _vote(criterion: str, layer: int | None, interval: tuple[int, int] | None) -> Vote | None:
    if layer is None or interval is None:
        return None
    return Vote(criterion, layer, min(layer, interval[0]), max(layer, interval[1]))


def _narrow(vote: Vote, num_layers: int) -> bool:
    return vote.high - vote.low <= WIDEST * num_layers


def _together(votes: Sequence[Vote]) -> list[Vote]:
    """The most votes that share layers; of equally many those that are closest to each other."""
    groups = [
        group
        for size in range(len(votes), 0, -1)
        for group in combinations(votes, size)
        if max(vote.low for vote in group) - SLACK <= min(vote.high for vote in group) + SLACK
    ]
    if not groups:
        return []
    spread = [max(vote.layer for vote in group) - min(vote.layer for vote in group) for group in groups]
    best = min(range(len(groups)), key=lambda n: (-len(groups[n]), spread[n]))
    return list(groups[best])


def _early(verdicts: Sequence[Verdict], num_layers: int) -> tuple[int, str]:
    """The layer i by the criteria that are used, and which of them name it."""
    votes = [vote for v in verdicts if (vote := _vote(v.criterion, v.layer_lc, v.interval_lc)) is not None]
    votes = [vote for vote in votes if _narrow(vote, num_layers)]
    if not votes:
        return default_layer("lc", num_layers), "the paper's share, as none of these names it"
    together = _together(votes)
    if len(together) < 2:
        together = [vote for vote in votes if vote.criterion == ALONE] or votes
    return _shared(together), " and ".join(map(str, together))


def _said_of_j(heard: Sequence[Vote], chosen: Sequence[Vote]) -> list[str]:
    """What the criteria that count say of j, and which of them are used."""
    inside, others = (" and ".join(str(v) for v in heard if (v in chosen) == used) for used in (True, False))
    if not chosen:
        return [f"{others} {'is alone' if len(heard) == 1 else 'do not agree'}"] if heard else []
    first = f"{inside} agree" if len(chosen) > 1 else f"{inside}, the paper's criterion"
    return [first, *([f"not {others}"] if others else [])]


def _shared(votes: Sequence[Vote]) -> int:
    """The median of the layers, moved into the layers that all votes share."""
    low, high = max(vote.low for vote in votes) - SLACK, min(vote.high for vote in votes) + SLACK
    return min(max(_median([vote.layer for vote in votes]), low), high)


def _median(layers: Sequence[int]) -> int:
    """The lower median of two middle ones: a term at a lower layer costs less."""
    return sorted(layers)[(len(layers) - 1) // 2]
