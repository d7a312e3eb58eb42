"""The options of `deepsuper merge`."""

from dataclasses import dataclass, field

from deepsuper.config.recipe import ModelConfig


@dataclass(frozen=True)
class MergeConfig:
    """What `deepsuper merge` merges. `model` holds the options of loading; its name is not used."""

    adapter: str
    """The adapter folder of a run."""
    output: str
    """The model folder to write."""
    model: ModelConfig = field(default_factory=lambda: ModelConfig(""))
