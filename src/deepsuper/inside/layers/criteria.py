"""Three independent ways to find the critical layers, each with its interval over sentences and its reason."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from deepsuper.common.arrays import Floats
from deepsuper.common.scripts import BYTES
from deepsuper.inside.layers.drops import LayerChoice, choose, largest_fall
from deepsuper.inside.layers.measure import Curves
from deepsuper.inside.similarity import centered, retrieved
from deepsuper.inside.vocabulary import ENGLISH, TARGET

Sample = npt.NDArray[np.intp]
Pair = tuple[int | None, int | None]


@dataclass(frozen=True)
class Verdict:
    """The layers i and j by one criterion. `found`: the share of bootstrap samples in which it finds layers.

    `near_et`: if the criterion finds no layer j, the layer where the curve is closest to one; for comparison only.
    """

    criterion: str
    layer_lc: int | None
    layer_et: int | None
    interval_lc: tuple[int, int] | None
    interval_et: tuple[int, int] | None
    found: float
    settled: int | None
    reason: str
    near_et: int | None = None
    evidence: dict[str, Any] = field(default_factory=dict)


def _verdict(
    criterion: str, pick: Callable[[Sample], Pair], count: int, samples: Sequence[Sample], **said: Any
) -> Verdict:
    """The layers by all sentences, their 95% intervals over samples, and the number of sentences that suffices."""
    i, j = pick(np.arange(count))
    picked = [pick(sample) for sample in samples]
    intervals = []
    for n, here in enumerate((i, j)):
        layers = [pair[n] for pair in picked if pair[n] is not None]
        low_high = np.percentile(np.array(layers or [here or 0], dtype=int), [2.5, 97.5], method="inverted_cdf")
        intervals.append((int(low_high[0]), int(low_high[1])) if here is not None else None)
    found = float(np.mean([pair[1] is not None for pair in picked])) if picked else float(j is not None)
    return Verdict(criterion, i, j, intervals[0], intervals[1], found, _settled(pick, count), **said)


def _settled(pick: Callable[[Sample], Pair], count: int) -> int | None:
    """The smallest number of sentences from which on the layers do not change, tried in steps of about a quarter."""
    counts, n = [], 2
    while n < count:
        counts.append(n)
        n = max(n + 1, n * 5 // 4)
    counts.append(count)
    pairs = [pick(np.arange(n)) for n in counts]
    last_other = max((k for k, pair in enumerate(pairs) if pair != pairs[-1]), default=-1)
    return counts[last_other + 1] if last_other + 1 < len(counts) - 1 or len(counts) == 1 else None


def by_entropy(
    curves: Curves, samples: Sequence[Sample], resampled: Floats | None = None
) -> tuple[Verdict, LayerChoice]:
    """The paper's criterion: the end of the first drop and the start of the second.

    `resampled`: the mean entropy of each sample, if it is computed already.
    """
    resampled = curves.resampled_entropy(samples) if resampled is None else resampled
    errors = resampled.std(axis=0) if len(samples) > 1 else None

    def pick(sample: Sample) -> Pair:
        choice = choose(curves.mean_entropy(sample), errors)
        return choice.layer_lc, choice.layer_et

    choice = choose(curves.mean_entropy(), errors)
    evidence = {
        "noise": choice.noise,
        "drops": [{"start": d.start, "end": d.end, "nats": d.size, "over_noise": d.signal} for d in choice.drops],
    }
    near = None if choice.found else _start_of_fall(curves.mean_entropy(), choice)
    count = len(curves.tokens)
    return _verdict("entropy", pick, count, samples, reason=choice.reason, near_et=near, evidence=evidence), choice


def _start_of_fall(curve: Floats, choice: LayerChoice) -> int | None:
    if choice.drops:
        return max(choice.drops, key=lambda drop: drop.size).start
    start, end = largest_fall(curve)
    return start if end > start else None


LEAST_ENGLISH = 0.05
"""A pivot has at least this probability of English words, and twice that of the first and of the last layer."""


def by_language(curves: Curves, samples: Sequence[Sample]) -> Verdict:
    """The pivot: j is the inner layer with most English, i the first layer around it with at least half as much."""
    english = curves.groups.index(ENGLISH)

    def pick(sample: Sample) -> Pair:
        return _peak(curves.mean_mass(sample)[:, english])

    mass = curves.mean_mass()
    i, j = pick(np.arange(len(curves.tokens)))
    reason = "no inner layer predicts more English than the first and the last layer"
    if j is not None:
        target = mass[:, curves.groups.index(TARGET)] + mass[:, curves.groups.index(BYTES)]
        after = [layer for layer in range(j, len(mass)) if target[layer] > mass[layer, english]]
        reason = (
            f"English words are likeliest at layer {j} ({mass[j, english]:.0%}) and half as likely from layer {i} on; "
            + (f"the target language is ahead from layer {after[0]} on" if after else "they stay ahead")
        )
    return _verdict("language", pick, len(curves.tokens), samples, reason=reason)


def _peak(english: Floats) -> Pair:
    """The first layer of the range around the inner peak with at least half of its mass, and the peak."""
    j = int(english[1:-1].argmax()) + 1
    if english[j] < max(LEAST_ENGLISH, 2.0 * english[0], 2.0 * english[-1]):
        return None, None
    i = j
    while i > 1 and english[i - 1] >= english[j] / 2.0:
        i -= 1
    return i, j


def without_english() -> Verdict:
    """The alignment of sentences that have no English beside them: it names no layer."""
    return Verdict("alignment", None, None, None, None, 0.0, None, "there is no English beside the sentences")


def by_alignment(english: npt.NDArray[Any], target: npt.NDArray[Any], samples: Sequence[Sample]) -> Verdict:
    """The first inner layer whose retrieval accuracy is within a standard error of the best: the languages meet.

    It gives j only. Shapes: (n, L + 1, D) pooled states. Retrieval is among all sentences; samples redraw queries.
    """
    hits = np.stack(
        [
            (retrieved(en, tgt) + retrieved(tgt, en)) / 2.0
            for en, tgt in (
                (centered(english[:, layer]), centered(target[:, layer])) for layer in range(english.shape[1])
            )
        ],
        axis=1,
    )

    def pick(sample: Sample) -> Pair:
        return None, _first_best(hits[sample])

    accuracy = hits.mean(axis=0)
    j = _first_best(hits)
    best = int(accuracy[1:-1].argmax()) + 1
    reason = f"retrieval is best at layer {best}: {accuracy[best]:.2f}; layer {j} is as good: {accuracy[j]:.2f}"
    return _verdict("alignment", pick, len(hits), samples, reason=reason, evidence={"retrieval": accuracy.tolist()})


def _first_best(hits: Floats) -> int:
    """The first inner layer within one standard error of the best one (Breiman's rule). Shape: (n, L + 1)."""
    accuracy = hits.mean(axis=0)
    best = int(accuracy[1:-1].argmax()) + 1
    error = hits[:, best].std() / np.sqrt(len(hits))
    return int(np.flatnonzero(accuracy[1:-1] >= accuracy[best] - error)[0]) + 1
