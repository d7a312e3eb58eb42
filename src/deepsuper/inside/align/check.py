"""What `deepsuper align` refuses before any weight is loaded."""

from deepsuper.common.errors import UserError
from deepsuper.common.options import check_ranges
from deepsuper.config import AlignConfig, ModelConfig
from deepsuper.data.texts import Texts
from deepsuper.inside.check import sentence_ranges
from deepsuper.models.adapters import base_of
from deepsuper.models.load import load_config, num_layers


def check_align(config: AlignConfig, texts: Texts, sources: list[ModelConfig]) -> None:
    """Raises: UserError naming the first option out of range."""
    check_ranges(sentence_ranges(config))
    if len(texts.target) < 4:
        raise UserError(f"{texts.source}: need at least 4 sentences to compare, got {len(texts.target)}")
    depths = [num_layers(load_config(base_of(source) or source)) for source in sources]
    if len(set(depths)) > 1:
        raise UserError(f"tuned {config.tuned!r}: has {depths[1]} layers, {config.model.name!r} has {depths[0]}")
    for name in ("layer", "layer_et"):
        layer = getattr(config, name)
        if layer is not None and not 0 <= layer <= depths[0]:
            raise UserError(f"{name}: need 0 <= {name} <= {depths[0]}, got {layer}")
