"""Confidence intervals: of means and paired differences by the bootstrap, of shares by Wilson's score."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from deepsuper.common.errors import UserError


@dataclass(frozen=True)
class Interval:
    """A score, its 95% confidence interval and its standard error."""

    mean: float
    low: float
    high: float
    stderr: float | None = None


def mean_interval(values: Sequence[float], *, resamples: int = 2000, seed: int = 0) -> Interval:
    """The mean of `values` with a percentile bootstrap interval. Raises: UserError for no values."""
    if len(values) == 0:
        raise UserError("need at least one value for a mean")
    data = np.asarray(values, dtype=float)
    if len(data) == 1 or np.ptp(data) == 0.0:
        return Interval(float(data.mean()), float(data.mean()), float(data.mean()), 0.0)
    rng = np.random.default_rng(seed)
    drawn = stats.bootstrap((data,), np.mean, n_resamples=resamples, method="percentile", rng=rng)
    low, high = drawn.confidence_interval
    return Interval(float(data.mean()), float(low), float(high), float(stats.sem(data)))


def share_interval(values: Sequence[bool]) -> Interval:
    """The share of true values with Wilson's interval, wide even if all are equal. Raises: UserError for no values."""
    if len(values) == 0:
        raise UserError("need at least one value for a share")
    count, share = len(values), sum(values) / len(values)
    found = stats.binomtest(sum(values), count).proportion_ci(method="wilson")
    stderr = float(np.sqrt(share * (1.0 - share) / max(1, count - 1)))
    return Interval(share, min(share, float(found.low)), max(share, float(found.high)), stderr)


def paired_interval(a: Sequence[float], b: Sequence[float], *, resamples: int = 2000, seed: int = 0) -> Interval:
    """The mean of `a - b`, question by question. Raises: UserError where they have different lengths."""
    if len(a) != len(b):
        raise UserError(f"need as many values on both sides, got {len(a)} and {len(b)}")
    return mean_interval(np.subtract(a, b).tolist(), resamples=resamples, seed=seed)
