"""The options of `deepsuper dose`."""

from dataclasses import dataclass
from typing import Literal

ReadingName = Literal["raw", "centered", "contrastive", "centered-contrastive", "lc-logits", "et-logits"]
"""A way to read a layer: four distances of pooled states, each for both terms, and the lens for each term."""


@dataclass(frozen=True)
class DoseConfig:
    """What `deepsuper dose` measures beside the terms of the recipe, and on how many rows."""

    readings: tuple[ReadingName, ...] = ()
    """Empty: the terms of the recipe alone."""
    layers: tuple[int, ...] | None = None
    """The layers that each reading is taken at; null: all, 1..L."""
    batches: int = 4
    """The number of micro-batches of the recipe's rows; mean and spread are over them."""
    ratio: float = 0.2
    """The share of the task's gradient that the printed weights give each term."""
