"""Scores and differences of runs of several seeds: intervals over items and seeds, and t-tests over seeds.

Items are drawn with replacement. Seeds are too few for that: drawn so, five of them give intervals of 63% of the width
of the t interval, and two that agree always "differ" from 0. So the mean over seeds is moved by draws of Student's t
with the seeds' own standard error instead. Without noise of the items this is the t interval, and without noise of the
seeds the bootstrap over items. The seeds' standard error holds noise of the items too, which then counts twice.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from deepsuper.common.intervals import Interval, share_interval
from deepsuper.config import CompareConfig
from deepsuper.evaluation.compare.paired import (
    Difference,
    OverSeeds,
    Test,
    bootstrap_p,
    count_of,
    difference,
    drawn_differences,
)
from deepsuper.evaluation.measures import MEASURES, Clusters, Measure, Numbers, RowsScore, draw

Draws = NDArray[np.float64]
EQUAL = 1e-12
"""A standard error up to this is rounding: the seeds do not vary."""


def pooled_score(
    measure: Measure, seeds: Numbers, values: Sequence[float], config: CompareConfig, clusters: Clusters | None = None
) -> tuple[Interval, OverSeeds]:
    """The mean over seeds of a score, with its interval over items and seeds, and the interval over seeds alone.

    `seeds`: NaN where an item does not count; `values`: the score of each seed. Shapes: (K, N, S), (K,).
    """
    # A score ends at 0 and 1, but not that of COMET, which is a model's.
    ends = (-np.inf, np.inf) if measure is MEASURES["comet"] else (0.0, 1.0)
    over = over_seeds(values, [values])
    over = replace(over, low=float(np.clip(over.low, *ends)), high=float(np.clip(over.high, *ends)))
    if measure.binary and np.ptp(seeds[~np.isnan(seeds)]) == 0.0:  # a bootstrap of equal answers is too sure
        same = share_interval(seeds[0][~np.isnan(seeds[0])].astype(bool).tolist())
        return Interval(float(np.mean(values)), same.low, same.high, same.stderr), over
    items = _score_draws(measure, seeds, values, config, clusters)
    low, high = np.quantile(items + _seed_draws([values], config), (0.025, 0.975)).clip(*ends)
    stderr = float(np.hypot(items.std(), stats.sem(values)))
    return Interval(float(np.mean(values)), float(low), float(high), stderr), over


def difference_of(
    measure: Measure,
    run: Numbers,
    base: Numbers,
    test: Test,
    config: CompareConfig,
    clusters: Clusters | None = None,
) -> Difference:
    """The paired difference of a score. `test`: of single seeds. Shapes: (K, N, S), (M, N, S); n is the same item.

    With as many seeds in both, seed k is paired with seed k.
    """
    if len(run) == len(base) == 1:
        return difference(measure, run[0], base[0], test, config, clusters)
    mine, its = ([measure.score(seed) for seed in each] for each in (run, base))
    paired = len(run) == len(base)
    values = list(np.subtract(mine, its)) if paired else [score - float(np.mean(its)) for score in mine]
    groups = [values] if paired else [mine, its]
    if run.shape[2] == 1:
        means = run.mean(axis=0), base.mean(axis=0)
        draws = drawn_differences(measure, *means, clusters, resamples=config.resamples, seed=config.seed)
    else:

        def gained(rows: NDArray[np.int64]) -> float:
            return _mean(measure, run, rows) - _mean(measure, base, rows)

        draws = _drawn(gained, run.shape[1], config, clusters)
    draws = draws + _seed_draws(groups, config)
    low, high = np.quantile(draws, (0.025, 0.975))
    p = bootstrap_p(draws, run.mean(axis=0), base.mean(axis=0), clusters)
    over = over_seeds(values, groups)
    mean, drawn = float(np.mean(values)), count_of(clusters)
    return Difference(mean, float(low), float(high), p, "items and seeds", seeds=over, clusters=drawn)


def over_seeds(values: Sequence[float], groups: Sequence[Sequence[float]]) -> OverSeeds:
    """The mean of the seeds' values with its t interval, and the p-value of a t-test against 0.

    `groups`: the numbers whose mean, or whose two means' difference, this is. Two make it Welch's test; one with a
    single number is taken as it is. p is None where the seeds do not vary, but for a mean of 0.
    """
    mean, told = float(np.mean(values)), tuple(float(value) for value in values)
    error, freedom = _error(groups)
    if error == 0.0:
        return OverSeeds(told, mean, mean, 1.0 if abs(mean) < EQUAL else None)
    half = float(stats.t.ppf(0.975, freedom)) * error
    return OverSeeds(told, mean - half, mean + half, float(2 * stats.t.sf(abs(mean) / error, freedom)))


def _seed_draws(groups: Sequence[Sequence[float]], config: CompareConfig) -> Draws:
    """How far the mean over seeds, or the difference of two, may be off. Shape: (resamples,)."""
    error, freedom = _error(groups)
    rng = np.random.default_rng([config.seed, 1])  # not the stream that draws the items
    return error * rng.standard_t(freedom, config.resamples)


def _error(groups: Sequence[Sequence[float]]) -> tuple[float, float]:
    """The standard error over seeds and its degrees of freedom, by Welch for two groups; 0 where no seed varies."""
    several = [group for group in groups if len(group) > 1]
    errors = np.array([stats.sem(group) for group in several])
    error = float(np.sqrt((errors**2).sum()))
    if error < EQUAL:
        return 0.0, 1.0
    return error, error**4 / float((errors**4 / [len(group) - 1 for group in several]).sum())


def _score_draws(
    measure: Measure, seeds: Numbers, values: Sequence[float], config: CompareConfig, clusters: Clusters | None
) -> Draws:
    """The mean over seeds of a score in each resample of the items. Shape: (resamples,)."""
    if seeds.shape[2] > 1:
        return _drawn(lambda rows: _mean(measure, seeds, rows), seeds.shape[1], config, clusters)
    # What each item adds to the mean: exact where all items count, else its linear approximation.
    counts = ~np.isnan(seeds)
    apart = np.nan_to_num(seeds - np.reshape(values, (-1, 1, 1)))
    added = (apart * seeds.shape[1] / counts.sum(axis=1, keepdims=True)).mean(axis=0)
    zeros = np.zeros_like(added)
    drawn = drawn_differences(measure, added, zeros, clusters, resamples=config.resamples, seed=config.seed)
    return float(np.mean(values)) + drawn


def _drawn(score: RowsScore, count: int, config: CompareConfig, clusters: Clusters | None) -> Draws:
    if count == 1:
        return np.full(config.resamples, score(np.arange(1)))
    drawn = draw(score, count, clusters, resamples=config.resamples, seed=config.seed)
    return np.asarray(drawn.bootstrap_distribution)


def _mean(measure: Measure, seeds: Numbers, rows: NDArray[np.int64]) -> float:
    """The mean over seeds of the score of some items."""
    return float(np.mean([measure.score(seed[rows]) for seed in seeds]))
