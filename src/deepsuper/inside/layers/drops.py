"""The two drops of an entropy curve -> the critical layers i and j. The paper's section on layer selection."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import ruptures

from deepsuper.common.arrays import Floats

LEAST_SHARE = 0.15
"""A fall is a drop only if it is at least this share of the curve's range,"""
LEAST_SIGNAL = 4.0
"""and at least this multiple of the noise of the difference of two points."""
REST = 0.5
"""Between two drops the curve may move by at most this share of the smaller drop. A third drop has the same limit."""
PENALTY = 8.0
"""The cost of a knot, in noise variances times log n. BIC would give 2, for the two parameters position and slope. At
least twice that is needed: lines through noisy points leave twice the residual of lines that are fitted freely."""


@dataclass(frozen=True)
class Drop:
    """A steady fall by `size` nats from layer `start` to layer `end`. `signal`: its size divided by its noise."""

    start: int
    end: int
    size: float
    signal: float


@dataclass(frozen=True)
class LayerChoice:
    """Layers i and j, or neither, with the reason and all drops of the curve. `fit`: the curve as joined lines."""

    layer_lc: int | None
    layer_et: int | None
    drops: tuple[Drop, ...]
    noise: float
    reason: str
    fit: tuple[float, ...]

    @property
    def found(self) -> bool:
        """Whether the curve has the paper's shape."""
        return self.layer_lc is not None


def choose(curve: Sequence[float] | Floats, standard_errors: Sequence[float] | Floats | None = None) -> LayerChoice:
    """Layers i and j of a curve over layers 0..L: the end of the first drop, and the start of the second after a rest.

    `standard_errors` (nats): those of the curve's points, if known. A curve without two clear drops gives no layers,
    and the reason says what it has instead.
    """
    values = np.asarray(curve, dtype=float)
    noise = noise_of(values, standard_errors)
    fit = _skeleton(values, noise)
    drops = find_drops(values, fit, noise)
    pair, reason = _clear_pair(values, drops)
    i, j = (pair[0].end, pair[1].start) if pair else (None, None)
    return LayerChoice(i, j, drops, noise, reason, tuple(fit.tolist()))


def noise_of(values: Floats, standard_errors: Sequence[float] | Floats | None = None) -> float:
    """The standard deviation of a point, in nats: around the line of its neighbours, or of sampling if that is larger.

    The first is estimated by the median of the second differences, which a few knots hardly change.
    """
    wiggle = float(np.median(np.abs(np.diff(values, 2)))) / 0.6745 / np.sqrt(6.0)
    sampling = 0.0 if standard_errors is None else float(np.median(np.asarray(standard_errors, dtype=float)))
    return float(max(wiggle, sampling))


def find_drops(values: Floats, fit: Floats, noise: float) -> tuple[Drop, ...]:
    """The steady falls of a curve that are large enough: falling parts of its fitted lines, joined."""
    slopes = np.diff(fit)
    least = max(LEAST_SHARE * float(np.ptp(values)), LEAST_SIGNAL * noise * np.sqrt(2.0))
    # A slope that needs more than half of the depth to become a drop counts as a rest.
    falling = slopes < -2.0 * least / len(slopes)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], falling, [False]]).astype(int)))
    drops = []
    for start, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        size = float(fit[start] - fit[end])
        if size >= least:
            drops.append(Drop(start, end, size, float(size / max(noise * np.sqrt(2.0), 1e-9))))
    return tuple(drops)


def largest_fall(values: Floats) -> tuple[int, int]:
    """The start and end of the largest uninterrupted fall; the same layer twice if nothing falls."""
    best, start = (0, 0), 0
    for layer in range(1, len(values)):
        if values[layer] >= values[layer - 1]:
            start = layer
        elif values[start] - values[layer] > values[best[0]] - values[best[1]]:
            best = (start, layer)
    return best


def _clear_pair(values: Floats, drops: Sequence[Drop]) -> tuple[tuple[Drop, Drop] | None, str]:
    """The two drops of the paper, or none, and the reason."""
    if len(drops) < 2:
        if drops:
            return None, f"the curve has one drop, from layer {drops[0].start} to {drops[0].end}: need two"
        start, end = largest_fall(values)
        return None, (
            f"no drop stands out of the curve's noise: need two (its largest fall, from layer {start} to {end}, is by "
            f"{values[start] - values[end]:.2f} nats)"
        )
    largest = sorted(drops, key=lambda drop: -drop.size)
    first, second = sorted(largest[:2], key=lambda drop: drop.start)
    smaller = largest[1].size
    if len(drops) > 2 and largest[2].size > REST * smaller:
        sizes = ", ".join(f"{drop.size:.2f} nats from layer {drop.start} to {drop.end}" for drop in drops)
        return None, f"the curve has {len(drops)} drops of like size ({sizes}): need two"
    between = values[first.end : second.start + 1]
    moved = float(np.ptp(between))
    if moved > REST * smaller:
        return None, (
            f"from layer {first.end} to {second.start}, between its drops, the entropy moves by {moved:.2f} nats: "
            f"need a rest, at most {REST * smaller:.2f}"
        )
    return (first, second), "two drops with a rest between them"


def _skeleton(values: Floats, noise: float) -> Floats:
    """The curve as a few joined lines: knots by PELT, then moved and fitted by least squares. Shape: (L + 1,)."""
    return _fitted(values, _settle(values, _knots(values, noise)))


class _JoinedLines(ruptures.base.BaseCost):  # type: ignore[misc]
    """Squared distance of a segment from the line through its last point and that of the segment before."""

    model, min_size = "joined lines", 1

    def fit(self, signal: Floats) -> "_JoinedLines":
        self.signal = signal
        return self

    def error(self, start: int, end: int) -> float:
        points = self.signal[max(start - 1, 0) : end, 0]
        return float(np.square(points - np.linspace(points[0], points[-1], len(points))).sum())


def _knots(values: Floats, noise: float) -> list[int]:
    penalty = PENALTY * noise**2 * np.log(len(values)) + 1e-12
    search = ruptures.Pelt(custom_cost=_JoinedLines(), min_size=1, jump=1).fit(values.reshape(-1, 1))
    ends: list[int] = search.predict(pen=penalty)
    return [end - 1 for end in ends[:-1] if end > 1]


def _fitted(values: Floats, knots: Sequence[int]) -> Floats:
    x = np.arange(len(values), dtype=float)
    basis = np.column_stack([np.ones_like(x), x, *(np.maximum(0.0, x - knot) for knot in knots)])
    solution: Floats = basis @ np.linalg.lstsq(basis, values, rcond=None)[0]
    return solution


def _settle(values: Floats, knots: list[int]) -> list[int]:
    """The knots, moved by one layer at a time while the fit improves: PELT fixes each line at two noisy points."""

    def residue(places: Sequence[int]) -> float:
        return float(np.square(values - _fitted(values, places)).sum())

    best, moved = residue(knots), True
    while moved:
        moved = False
        for n in range(len(knots)):
            for step in (-1, 1):
                places = [knot + step if m == n else knot for m, knot in enumerate(knots)]
                inside = places[0] > 0 and places[-1] < len(values) - 1
                if not inside or any(a >= b for a, b in pairwise(places)):
                    continue
                here = residue(places)
                if here < best * (1.0 - 1e-9) - 1e-12:
                    best, knots, moved = here, places, True
    return knots
