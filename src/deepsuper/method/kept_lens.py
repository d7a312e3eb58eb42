"""Where the tuned lens of a model is kept: in the cache folder, in a file that is named by the model's weights."""

from collections.abc import Iterable
from pathlib import Path

from torch import nn

from deepsuper.common.errors import UserError
from deepsuper.common.files import cache_folder
from deepsuper.config import ModelConfig
from deepsuper.method.objective import Objective
from deepsuper.method.tuned_lens import TunedLens, load_lens, read_about
from deepsuper.models.adapters import base_of
from deepsuper.models.anatomy import text_config
from deepsuper.models.fingerprint import fingerprint, shape_name
from deepsuper.models.load import load_config


def lens_folder() -> Path:
    """The folder of all tuned lenses."""
    return cache_folder() / "tuned-lens"


def lens_path(model: nn.Module) -> Path:
    """The file that keeps the tuned lens of a model: its kind and size, and the hash of its weights."""
    return lens_folder() / f"{shape_name(text_config(model))}-{fingerprint(model)}.safetensors"


def check_kept(source: ModelConfig, option: str) -> None:
    """Raises: UserError naming `option` where no lens of a model of this kind and size is kept. It needs no weights.

    Whether a lens belongs to the weights is told by `kept_lens`.
    """
    config = load_config(base_of(source) or source)
    if not any(lens_folder().glob(f"{shape_name(config)}-*.safetensors")):
        raise UserError(f"{option}: no tuned lens is kept for {source.name}: make it with {command_for(source)}")


def kept_lens(model: nn.Module, source: ModelConfig, option: str, layers: Iterable[int] | None = None) -> TunedLens:
    """The kept lens of `model`, on its device, with the maps of `layers` or of all.

    Raises: UserError naming `option` where there is none for these weights, or the file is of another model.
    """
    path = lens_path(model)
    if not path.is_file():
        raise UserError(
            f"{option}: the tuned lenses in {path.parent} are of other weights than those of {source.name}: "
            f"make its own with {command_for(source)}"
        )
    config, about = text_config(model), read_about(path)
    if about.get("weights") != fingerprint(model):
        raise UserError(
            f"{option}: {path} is of another model, {about.get('model')}: make the lens of {source.name} with "
            f"{command_for(source)}"
        )
    tuned = load_lens(path, layers)
    sizes = {tuple(tuned.map(layer)[0].shape) for layer in tuned.layers}
    if tuned.num_layers != config.num_hidden_layers or sizes - {(config.hidden_size, config.hidden_size)}:
        raise UserError(
            f"{option}: {path} has maps of another shape than {source.name}: make them again with {command_for(source)}"
        )
    return tuned.to(next(model.parameters()).device)


def lens_for(model: nn.Module, source: ModelConfig, objectives: Iterable[Objective]) -> TunedLens | None:
    """The maps that the terms of a run read their layers through; None if no term does. Raises: as `kept_lens` does."""
    layers = frozenset[int]().union(*(objective.translated for objective in objectives))
    return kept_lens(model, source, "objective.lens", layers) if layers else None


def command_for(source: ModelConfig) -> str:
    """The command that fits and keeps the lens of a model."""
    revision = f" --revision {source.revision}" if source.revision is not None else ""
    return f"`deepsuper layers {source.name} --fit_lens{revision}`"
