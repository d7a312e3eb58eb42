"""The weights in a checkpoint: an ordinary model folder, or an adapter folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from deepsuper.common.errors import UserError


def of_model(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The part of a `Supervised` module's state that belongs to its model, under the model's own names."""
    return {key.removeprefix("model."): value for key, value in state.items() if key.startswith("model.")}


def load_weights(model: Any, folder: Path) -> None:
    """Loads the weights of a checkpoint into a model, or into its adapters. Raises: UserError if they do not fit."""
    if (folder / "adapter_config.json").is_file():
        from peft import set_peft_model_state_dict

        set_peft_model_state_dict(model, load_file(folder / "adapter_model.safetensors"))
        return
    state: dict[str, torch.Tensor] = {}
    for file in sorted(folder.glob("model*.safetensors")):
        state |= load_file(file)
    missing, unexpected = model.load_state_dict(state, strict=False)
    tied = set(getattr(model, "_tied_weights_keys", None) or ())
    if unexpected or set(missing) - tied:
        raise UserError(f"{folder}: not a checkpoint of this model: {[*unexpected, *missing][:3]} differ")
