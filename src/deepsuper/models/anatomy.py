"""The parts of a transformers model: its decoder, its blocks, its configuration."""

from typing import Any

from torch import nn

from deepsuper.common.errors import UserError

NORMS = ("norm", "final_layernorm", "final_layer_norm", "ln_f", "final_norm", "layer_norm", "norm_f")


def base_model(model: nn.Module) -> Any:
    """The transformers model itself, without a peft wrapper."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model  # type: ignore[operator]


def find_decoder(model: nn.Module) -> Any:
    """The transformers decoder, without its head. Raises: UserError where the model has none."""
    base = base_model(model)
    if not hasattr(base, "get_decoder"):
        raise UserError(f"no decoder layers found in {type(base).__name__}: deepsuper needs a causal language model")
    return base.get_decoder()


def find_blocks(model: nn.Module) -> nn.ModuleList:
    """The decoder's blocks. Raises: UserError where the decoder has no list of num_hidden_layers modules."""
    decoder = find_decoder(model)
    length = text_config(model).num_hidden_layers
    for child in decoder.children():
        if isinstance(child, nn.ModuleList) and len(child) == length:
            return child
    raise UserError(
        f"no list of {length} decoder blocks found in {type(decoder).__name__}: deepsuper needs a decoder model"
    )


def text_config(model: nn.Module) -> Any:
    """The configuration of the decoder, also inside a multimodal model."""
    return base_model(model).config.get_text_config()
