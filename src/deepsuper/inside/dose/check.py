"""What `deepsuper dose` refuses before any weight is loaded."""

from collections.abc import Mapping
from typing import get_args

from deepsuper.common.errors import UserError, did_you_mean
from deepsuper.common.options import check_ranges
from deepsuper.config import DoseConfig, ReadingName, RunConfig
from deepsuper.config.recipe import option_of
from deepsuper.inside.dose.candidates import DISTANCES
from deepsuper.method.methods import method_of

COMPARING = tuple(name for name in DISTANCES if name != "raw")
"""The readings that compare a row with the others of its batch."""
LENS = ("lc-logits", "et-logits")


def check_dose(config: DoseConfig, recipe: RunConfig) -> None:
    """Raises: UserError naming the first option out of range, or what the recipe has no gradient of."""
    known = get_args(ReadingName)
    for name in config.readings:
        if name not in known:
            raise UserError(f"readings: need all, or some of {', '.join(known)}, got {name}{did_you_mean(name, known)}")
    check_ranges(
        [
            ("batches", config.batches, "at least 1", config.batches >= 1),
            ("ratio", config.ratio, "0 < ratio <= 10", 0.0 < config.ratio <= 10.0),
        ]
    )
    _check_recipe(config, recipe)
    if config.readings:
        _check_readings(config, recipe)


def _check_recipe(config: DoseConfig, recipe: RunConfig) -> None:
    methods = {name: method_of(stream.objective) for name, stream in recipe.all_streams.items()}
    if any(method.synthesised for method in methods.values()):
        raise UserError("objective.method sdrrl: its rows are made in a run: measure another one, such as tft")
    if not config.readings and all((m.lc, m.et) == ("none", "none") for m in methods.values()):
        raise UserError(f"objective.method {recipe.method}: has no term beside the task: add --readings all")
    if not config.readings and config.layers is not None:
        raise UserError("layers: the layers of --readings; those of the recipe's terms are its own: add --readings all")
    for name, stream in recipe.all_streams.items():
        if stream.objective.layers == "auto":
            option = option_of(name, "objective").removesuffix("objective.") + "objective."
            raise UserError(
                f"{option}layers auto: a run measures its layers first: find them with deepsuper layers, then set "
                "layer_lc and layer_et"
            )


def _check_readings(config: DoseConfig, recipe: RunConfig) -> None:
    stream = reading_stream(recipe)
    if method_of(recipe.all_streams[stream].objective).corpus == "pairs" and set(config.readings) & set(LENS):
        raise UserError(f"readings: {', '.join(LENS)} need rows with answers, and those of streams.{stream} have none")


def reading_stream(recipe: RunConfig) -> str:
    """The stream whose rows the readings are taken on. Raises: UserError where none has rows in both languages.

    It is the first that reads the English side; without one, the only stream, if it trains on a translation.
    """
    methods = {name: method_of(stream.objective) for name, stream in recipe.all_streams.items()}
    for name, method in methods.items():
        if method.corpus in ("parallel", "pairs"):
            return name
    if not recipe.streams and methods[""].corpus == "translated":
        return ""
    raise UserError(f"readings: need rows in both languages, and objective.method {recipe.method} has none: read tft")


def check_depth(config: DoseConfig, num_layers: int) -> None:
    """Raises: UserError naming the first layer that the model does not have."""
    for layer in config.layers or ():
        if not 1 <= layer <= num_layers:
            raise UserError(f"layers: need layers from 1 to {num_layers}, or all, got {layer}")


def check_sizes(config: DoseConfig, sizes: Mapping[str, int], stream: str) -> None:
    """Raises: UserError where a reading compares rows, and a micro-batch of `stream` has one alone."""
    several = f"at least 2 for {', '.join(COMPARING)}: they compare the rows of a micro-batch"
    enough = sizes[stream] >= 2 or not set(config.readings) & set(COMPARING)
    check_ranges([("training.micro_batch_size", sizes[stream], several, enough)])


def check_rows(config: DoseConfig, rows: int, size: int) -> None:
    """Raises: UserError where the rows of a stream do not fill the batches."""
    if config.batches * size > rows:
        raise UserError(
            f"batches: need at most {rows // size} of training.micro_batch_size {size}, as there are {rows} rows, "
            f"got {config.batches}"
        )
