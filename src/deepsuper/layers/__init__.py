"""Choosing the critical layers i and j: entropy (the paper's way), language of the lens's words, alignment."""

from deepsuper.layers.run import LayersReport, run_layers, select_layers

__all__ = ["LayersReport", "run_layers", "select_layers"]
