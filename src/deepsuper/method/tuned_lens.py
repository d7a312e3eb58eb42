"""The tuned lens: an affine map of each layer's states into those of layer L, before the final norm and W_out.

It is fitted to a model's own output (`inside/tuned_lens`) and frozen from then on. A map of zeros is the logit lens.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from deepsuper.common.errors import UserError, first_line
from deepsuper.common.files import replacing

FORMAT = "deepsuper tuned lens 1"


class TunedLens(nn.Module):
    """The maps of some layers of a model with `num_layers` blocks: layer -> (A, b). Shapes: (D, D), (D,).

    They are buffers that no checkpoint holds: nothing trains them, and a saved model has no trace of them. `file`:
    where they were read from.
    """

    def __init__(self, maps: Mapping[int, tuple[torch.Tensor, torch.Tensor]], num_layers: int) -> None:
        super().__init__()
        self.num_layers = num_layers
        self.file: Path | None = None
        self.layers = tuple(sorted(maps))
        for layer, (weight, bias) in maps.items():
            self.register_buffer(f"weight_{layer}", weight, persistent=False)
            self.register_buffer(f"bias_{layer}", bias, persistent=False)

    def map(self, layer: int) -> tuple[torch.Tensor, torch.Tensor]:
        """A and b of a layer. Shapes: (D, D), (D,)."""
        return self.get_buffer(f"weight_{layer}"), self.get_buffer(f"bias_{layer}")

    def translate(self, h: torch.Tensor, layer: int) -> torch.Tensor:
        """h + A h + b: what the state of `layer` says in the terms of layer L, before the final norm; at L, h itself.

        Gradient passes through it to `h`. Shapes: (..., D) -> (..., D).
        """
        if layer == self.num_layers:
            return h
        weight, bias = self.map(layer)
        return h + F.linear(h, weight.to(h.dtype), bias.to(h.dtype))


def zero_lens(num_layers: int, hidden_size: int) -> TunedLens:
    """The tuned lens that changes nothing: with it a lens is the logit lens."""
    maps = {n: (torch.zeros(hidden_size, hidden_size), torch.zeros(hidden_size)) for n in range(num_layers)}
    return TunedLens(maps, num_layers)


def save_lens(path: Path, tuned: TunedLens, about: Mapping[str, str]) -> None:
    """Writes the maps as safetensors, aside and then renamed. `about`: what the file says of itself."""
    tensors = {name: buffer.detach().float().cpu().contiguous() for name, buffer in tuned.named_buffers()}
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as aside:
        save_file(tensors, aside, {"format": FORMAT, "num_layers": str(tuned.num_layers), **about})


def read_about(path: Path) -> dict[str, str]:
    """What the file of a tuned lens says of itself. Raises: UserError where it is none, or not whole."""
    try:
        with safe_open(path, "pt") as file:
            about: dict[str, str] = file.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise UserError(f"{path}: cannot be read ({first_line(error)}): remove it, and fit the lens again") from error
    if about.get("format") != FORMAT:
        raise UserError(f"{path}: is no tuned lens ({FORMAT}): remove it, and fit the lens again")
    return about


def load_lens(path: Path, layers: Iterable[int] | None = None) -> TunedLens:
    """The maps of `layers`, or of all, from a file. Raises: UserError as `read_about` does."""
    num_layers = int(read_about(path)["num_layers"])
    wanted = range(num_layers) if layers is None else sorted({layer for layer in layers if layer < num_layers})
    with safe_open(path, "pt") as file:
        maps = {n: (file.get_tensor(f"weight_{n}"), file.get_tensor(f"bias_{n}")) for n in wanted}
    tuned = TunedLens(maps, num_layers)
    tuned.file = path
    return tuned
