"""The options of `deepsuper align`."""

from __future__ import annotations

from dataclasses import dataclass

from deepsuper.config.layers import Positions
from deepsuper.config.recipe import Bf16, ModelConfig


@dataclass(frozen=True)
class AlignConfig:
    """What `deepsuper align` compares: see docs/decisions.md for each option."""

    model: ModelConfig
    language: str
    tuned: str | None = None
    data: str | None = None
    """A file of sentences; null: the packaged FLORES-200 ones."""
    sentences: int | None = 200
    """The first ones of the text; null: all."""
    layer: int | None = None
    """The layer of the t-SNE pictures; null: L."""
    layer_et: int | None = None
    """The layer j whose target state the feature loss compares with h_L of English; null: the paper's share."""
    positions: Positions = "inner"
    """The tokens that are pooled: all but special ones, all but those and the first, or all."""
    max_length: int = 512
    """Tokens of one sentence."""
    bf16: Bf16 = "auto"
    """bf16 autocast over the weights; auto: where the hardware multiplies bf16."""
    seed: int = 0
    """Of the t-SNE pictures."""
