"""Intervals of means and of paired differences, by cases whose answer is known."""

from __future__ import annotations

import pytest

from deepsuper.common.intervals import mean_interval, paired_interval


def test_intervals_by_known_cases():
    half = mean_interval([0.0, 1.0] * 200)
    # The normal approximation: 0.5 +- 1.96 sqrt(0.25 / 400).
    assert (half.mean, half.low, half.high) == (0.5, pytest.approx(0.451, abs=0.01), pytest.approx(0.549, abs=0.01))
    assert mean_interval([0.3]).low == mean_interval([0.3]).high == 0.3
    values = [n % 7 / 7 for n in range(50)]
    shifted = paired_interval([v + 0.1 for v in values], values)
    assert shifted.low == pytest.approx(0.1) and shifted.high == pytest.approx(0.1)
    with pytest.raises(ValueError, match="as many values"):
        paired_interval([1.0], [1.0, 2.0])
    with pytest.raises(ValueError, match="at least one"):
        mean_interval([])
