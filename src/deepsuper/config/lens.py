"""The options of `deepsuper lens`."""

from dataclasses import dataclass

from deepsuper.config.recipe import ModelConfig


@dataclass(frozen=True)
class LensConfig:
    """What `deepsuper lens` shows."""

    model: ModelConfig
    text: str
    """The text that the model reads."""
    tuned: str | None = None
    """The model after tuning, or its run folder, to show beside the first model."""
    html: str = "runs/lens.html"
    """The page to write."""
    top: int = 5
    """Tokens to list for each layer and position of the page."""
    lens_norm: bool = True
    """Apply the final norm before W_out at inner layers."""
    tuned_lens: bool = False
    """Read inner layers through the kept tuned lens of the model (`deepsuper layers MODEL --fit_lens`)."""
    max_length: int = 512
    """The largest number of tokens that the text may have."""
