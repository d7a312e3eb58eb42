"""The options of `deepsuper align`."""

from dataclasses import dataclass

from deepsuper.config.layers import Positions
from deepsuper.config.recipe import Bf16, ModelConfig


@dataclass(frozen=True)
class AlignConfig:
    """What `deepsuper align` compares. See docs/decisions.md for each option."""

    model: ModelConfig
    language: str
    tuned: str | None = None
    data: str | None = None
    """A file of sentences; null: the packaged FLORES-200 sentences."""
    sentences: int | None = 200
    """Use only the first N sentences; null: all."""
    layer: int | None = None
    """The layer of the t-SNE pictures; null: the last one, L."""
    layer_et: int | None = None
    """The layer j whose target state is compared with h_L of English (eq. 7); null: the paper's share of the depth."""
    positions: Positions = "inner"
    """The tokens to pool: text (no special tokens), inner (also without the first token), or all."""
    max_length: int = 512
    """The largest number of tokens of a sentence; the rest is cut off."""
    bf16: Bf16 = "auto"
    """Run the model under bf16 autocast; auto: if the hardware supports bf16."""
    seed: int = 0
    """The seed of the t-SNE pictures."""
