"""Choosing the critical layers i and j: entropy (the paper's way), language of the lens's words, alignment."""

from deepsuper.inside.layers.run import run_layers
from deepsuper.inside.layers.select import LayersReport, select_layers

__all__ = ["LayersReport", "run_layers", "select_layers"]
