"""Fitting the tuned lens of a model (`method/tuned_lens`) to its own output on English text: `layers --fit_lens`."""

from deepsuper.inside.tuned_lens.fit import Fitted, fit_lens
from deepsuper.inside.tuned_lens.run import run_fit

__all__ = ["Fitted", "fit_lens", "run_fit"]
