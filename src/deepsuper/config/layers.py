"""The options of `deepsuper layers`."""

from dataclasses import dataclass
from typing import Literal, get_args

from deepsuper.config.recipe import Bf16, ModelConfig

Positions = Literal["text", "inner", "all"]
Criterion = Literal["entropy", "language", "alignment"]
CRITERIA: tuple[Criterion, ...] = get_args(Criterion)


@dataclass(frozen=True)
class LayersConfig:
    """What `deepsuper layers` reads, and how. See docs/decisions.md for each option."""

    model: ModelConfig
    language: str
    data: str | None = None
    """A file of sentences; null: the packaged FLORES-200 sentences."""
    sentences: int | None = 200
    """Use only the first N sentences; null: all."""
    criteria: tuple[Criterion, ...] | None = None
    """null: all three, alignment only if the sentences have their English beside them."""
    positions: Positions = "text"
    """The tokens that count: text (no special tokens), inner (also without the first token), or all."""
    lens_norm: bool = True
    """Apply the final norm before W_out at inner layers."""
    tuned_lens: bool = False
    """Read entropy and words through the kept tuned lens of the model."""
    max_length: int = 512
    """The largest number of tokens of a sentence; the rest is cut off."""
    bf16: Bf16 = "auto"
    """Run the model under bf16 autocast; auto: if the hardware supports bf16."""
    resamples: int = 300
    """The number of bootstrap samples of the sentences."""
    seed: int = 0
    """The seed of the bootstrap, and of the fit of a lens."""
    fit_lens: bool = False
    """Fit the tuned lens of the model to English text (`data`: a file of it), keep it for later runs, and end."""
    lens_steps: int = 80
    """For `fit_lens`: steps of gradient descent after least squares."""
