"""Differences of two runs on the same items: paired bootstrap, McNemar's exact test, correction for many tests."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from deepsuper.config import CompareConfig, Correction
from deepsuper.evaluation.measures import CELLS, Clusters, Measure, Numbers, draw

Test = Literal["McNemar", "bootstrap", "items and seeds"]
"""The last is the bootstrap of runs of several seeds."""


@dataclass(frozen=True)
class OverSeeds:
    """The value of each seed, the 95% t interval of their mean, and the two-sided p-value of its t-test against 0."""

    values: tuple[float, ...]
    low: float
    high: float
    p: float | None


@dataclass(frozen=True)
class Difference:
    """Run minus baseline with its 95% interval. `p` is two-sided; `p_corrected`: for all tests of the comparison;
    `seeds`: where one of the two is of several, with the differences of the run's seeds.
    """

    mean: float
    low: float
    high: float
    p: float
    test: Test
    p_corrected: float | None = None
    seeds: OverSeeds | None = None
    clusters: int | None = None
    """How many clusters of items were drawn; None: single items were."""

    @property
    def significant(self) -> bool:
        """Whether the corrected p is below 0.05."""
        return self.p_corrected is not None and self.p_corrected < 0.05


def difference(
    measure: Measure,
    run: Numbers,
    base: Numbers,
    test: Test,
    config: CompareConfig,
    clusters: Clusters | None = None,
) -> Difference:
    """The paired difference of a score. Shapes: (N, S), (N, S); row n is the same item in both.

    McNemar's test takes items as independent, so that those in clusters are tested by the bootstrap.
    """
    draws = drawn_differences(measure, run, base, clusters, resamples=config.resamples, seed=config.seed)
    low, high = np.quantile(draws, (0.025, 0.975))
    test = test if clusters is None else "bootstrap"
    p = mcnemar(run[:, 0], base[:, 0]) if test == "McNemar" else bootstrap_p(draws, run, base, clusters)
    gained = measure.score(run) - measure.score(base)
    return Difference(gained, float(low), float(high), p, test, clusters=count_of(clusters))


def count_of(clusters: Clusters | None) -> int | None:
    """How many clusters there are."""
    return None if clusters is None else int(clusters.max()) + 1


def drawn_differences(
    measure: Measure,
    run: Numbers,
    base: Numbers,
    clusters: Clusters | None = None,
    *,
    resamples: int,
    seed: int,
) -> NDArray[np.float64]:
    """The difference in each resample of the items. Both runs have the same items, in order. Shape: (resamples,).

    Clusters of items are drawn whole, so that the number of items differs between resamples.
    """
    rng, count = np.random.default_rng(seed), len(run)
    if run.shape[1] == 1 and clusters is not None:
        items, sums = np.bincount(clusters), np.bincount(clusters, weights=(run - base)[:, 0])
        drawn = rng.multinomial(len(items), np.full(len(items), 1 / len(items)), resamples)
        return np.asarray((drawn @ sums) / (drawn @ items))
    if run.shape[1] == 1:
        # A mean depends only on how often each value is drawn: the same distribution, but much less to draw.
        values, times = np.unique((run - base)[:, 0], return_counts=True)
        most = max(1, CELLS // len(values))
        sizes = [min(most, resamples - start) for start in range(0, resamples, most)]
        return np.concatenate([rng.multinomial(count, times / count, size) @ values / count for size in sizes])
    if count == 1:
        return np.full(resamples, measure.score(run) - measure.score(base))

    def gained(rows: NDArray[np.int64]) -> float:
        return measure.score(run[rows]) - measure.score(base[rows])

    return np.asarray(draw(gained, count, clusters, resamples=resamples, seed=seed).bootstrap_distribution)


def bootstrap_p(draws: NDArray[np.float64], run: Numbers, base: Numbers, clusters: Clusters | None = None) -> float:
    """Twice the share of resamples on the other side of 0. One is added to the count, so that p is never 0.

    p is at least 2^(1 - m), the smallest p of an exact paired test when m items, or clusters, differ.
    """
    other_side = min(int((draws <= 0).sum()), int((draws >= 0).sum()))
    apart = (run != base).any(axis=1)
    differing = int(apart.sum()) if clusters is None else len(np.unique(clusters[apart]))
    return min(1.0, max(2 * (1 + other_side) / (1 + len(draws)), 2.0 ** (1 - differing)))


def mcnemar(run: NDArray[np.float64], base: NDArray[np.float64]) -> float:
    """The p-value of McNemar's exact test: a two-sided sign test on the items that only one of the runs has right."""
    gained, lost = int((run > base).sum()), int((run < base).sum())
    return float(stats.binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0


def corrected(p: Sequence[float], correction: Correction) -> list[float]:
    """The p-values corrected for their number, in order."""
    if not p or correction == "none":
        return list(p)
    if correction == "bh":
        return [float(value) for value in stats.false_discovery_control(p, method="bh")]
    order = np.argsort(p, kind="stable")
    stepped = np.asarray(p)[order] * np.arange(len(p), 0, -1)
    holm = np.empty(len(p))
    holm[order] = np.minimum(1.0, np.maximum.accumulate(stepped))
    return [float(value) for value in holm]
