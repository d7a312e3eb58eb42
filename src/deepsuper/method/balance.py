"""Weights that follow the gradients: each term's weighted gradient is a given share of the task's. No torch.

A weight of 1 says little: the gradient of one term is a thousandth of the task's, that of another fifty times as large
(docs/results.md). A ratio says how much a term moves the model.
"""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from deepsuper.config.objective import ObjectiveConfig

if TYPE_CHECKING:
    from deepsuper.method.gradients import GradientShare

CAP = 1e6
"""The largest factor. A term that needs a larger one has next to no gradient, and most of that is rounding."""
KEPT = 0.5
"""The share of the old value in the exponential mean of the logarithm of a ratio."""
FARTHEST = math.log(2.0)
"""How far the mean may lie from the newest measurement, so that a gradient that jumps is not overdosed for long."""


class Balance:
    """The factor of each term's weight, from the measured ratios of its gradient's norm to the task's.

    The first measurement sets a term's mean. A gradient that is 0 or not finite changes no factor.
    """

    def __init__(self, ratio: float = ObjectiveConfig.ratio, every: int = ObjectiveConfig.balance_every) -> None:
        self.ratio, self.every = ratio, every
        self._means: dict[str, float] = {}
        self._latest: dict[str, tuple[float, float]] = {}
        self._warned: set[str] = set()

    def factor(self, name: str) -> float:
        """What the weight of a term is multiplied by; 1 before the first measurement, and for the task."""
        if name not in self._means:
            return 1.0
        return math.exp(min(self._wanted(name), math.log(CAP)))

    def _wanted(self, name: str) -> float:
        """The logarithm of the factor without the cap."""
        return math.log(self.ratio) - self._means[name]

    def update(self, shares: Mapping[str, "GradientShare"]) -> list[str]:
        """Takes one measurement of the unweighted gradients, and returns the warnings that were not given before."""
        warnings = {}
        for name, share in shares.items():
            ratio = share.ratio
            self._latest[name] = (ratio, share.cosine)
            if not (math.isfinite(ratio) and ratio > 0.0):
                kept = f"{self.factor(name):.3g}"
                warnings[f"{name}: unusable"] = (
                    f"term {name}: its gradient over the blocks, or the task's, is 0 or not finite: "
                    f"the factor of its weight stays {kept}"
                )
                continue
            now = math.log(ratio)
            mean = KEPT * self._means.get(name, now) + (1.0 - KEPT) * now
            self._means[name] = min(max(mean, now - FARTHEST), now + FARTHEST)
            if self._wanted(name) > math.log(CAP):
                warnings[f"{name}: capped"] = (
                    f"term {name}: its gradient over the blocks is {ratio:.3g} of the task's: "
                    f"the factor of its weight is {CAP:g}, the largest there is"
                )
        new = [text for kind, text in warnings.items() if kind not in self._warned]
        self._warned |= warnings.keys()
        return new

    def take_latest(self) -> dict[str, tuple[float, float]]:
        """The unweighted ratio and the cosine of each term's gradient, if measured since the last call."""
        latest, self._latest = self._latest, {}
        return latest

    def state(self) -> dict[str, tuple[float, float, float]]:
        """Mean, ratio and cosine of each term; NaN for what is not there."""
        none = math.nan
        names = sorted({*self._means, *self._latest})
        return {name: (self._means.get(name, none), *self._latest.get(name, (none, none))) for name in names}

    def load_state(self, state: Mapping[str, Sequence[float]]) -> None:
        """Continues from what `state` returned."""
        self._means = {name: mean for name, (mean, _, _) in state.items() if not math.isnan(mean)}
        self._latest = {name: (ratio, cosine) for name, (_, ratio, cosine) in state.items() if not math.isnan(cosine)}
