"""The options of `deepsuper layers`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from deepsuper.config.recipe import Bf16, ModelConfig

Positions = Literal["text", "inner", "all"]
"""Which tokens of a text count: its own (no special ones), those without the first of them, or all."""
Criterion = Literal["entropy", "language", "alignment"]


@dataclass(frozen=True)
class LayersConfig:
    """What `deepsuper layers` reads and how: see docs/decisions.md for each option."""

    model: ModelConfig
    language: str
    data: str | None = None
    """A file of sentences; null: the packaged FLORES-200 ones."""
    sentences: int | None = 200
    """The first ones of the text; null: all."""
    criteria: tuple[Criterion, ...] = ("entropy",)
    positions: Positions = "text"
    """The tokens that count: all but special ones, all but those and the first, or all."""
    lens_norm: bool = True
    """The final norm before W_out at inner layers."""
    max_length: int = 512
    """Tokens of one sentence."""
    bf16: Bf16 = "auto"
    """bf16 autocast over the weights; auto: where the hardware multiplies bf16."""
    resamples: int = 300
    """Bootstrap samples of the sentences."""
    seed: int = 0
    """Of the bootstrap."""
