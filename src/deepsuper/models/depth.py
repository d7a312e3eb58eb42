"""How many blocks a model has, read from its config.json: neither torch nor transformers is imported for it."""

import json
from pathlib import Path

from deepsuper.config import ModelConfig
from deepsuper.models.packaged import PACKAGED, cached_config, check_installed

UNUSUAL = ("is_encoder_decoder", "decoder", "generator", "text_encoder")
"""Keys of configurations whose decoder only transformers can find."""


def depth_of(config: ModelConfig) -> int:
    """L: how many blocks the decoder has. Raises: UserError if the model cannot be found, or has no such number."""
    if config.name in PACKAGED and not Path(config.name).exists():
        check_installed(config.name)
        return PACKAGED[config.name].layers
    file = _config_file(config)
    layers = None if file is None else _layers_in(file)
    if layers is None:
        from deepsuper.models.load import load_config, num_layers

        return num_layers(load_config(config))
    return layers


def _config_file(config: ModelConfig) -> Path | None:
    """The config.json of a folder, or of a hub model that is already in the cache."""
    if Path(config.name).exists():
        return Path(config.name) / "config.json"
    try:
        return cached_config(config)
    except ValueError:  # not a name that the hub allows
        return None


def _layers_in(file: Path) -> int | None:
    """The number of blocks that a config.json states; None if it has to be worked out by transformers."""
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(values, dict) or any(values.get(name) for name in UNUSUAL):
        return None
    text = values.get("text_config", values)
    layers = text.get("num_hidden_layers") if isinstance(text, dict) else None
    return layers if isinstance(layers, int) else None
