"""The commands that look inside a model: `layers`, `lens`, `align` and `dose`."""

from pathlib import Path
from typing import Any, get_args

from jsonargparse import ArgumentParser, Namespace

from deepsuper.cli.arguments import (
    add_fields,
    add_weights_arguments,
    field_values,
    from_values,
    model_config,
    recipe_parser,
    split_names,
)
from deepsuper.cli.commands import Command
from deepsuper.common.errors import UserError
from deepsuper.config import AlignConfig, DoseConfig, LayersConfig, LensConfig, ReadingName, RunConfig

FIT_LENS = "fit the tuned lens of the model to English text, FLORES-200's or that of --data, keep it, and end"


def _layers_parser() -> ArgumentParser:
    parser = ArgumentParser(
        description="Find the layers i and j that deep supervision needs, from the entropy of each layer on text of "
        "the target language, as in the paper, and by two other criteria, and the layers on which these agree. Writes "
        "layers.json, layers.png and layers.yaml, the lines to copy into a recipe. --fit_lens fits the tuned lens of "
        "the model instead."
    )
    _add_reading_arguments(parser)
    parser.add_argument(
        "--criteria",
        type=str,
        default=None,
        help="one or more of entropy,language,alignment, with commas; null: all, as `objective.layers: auto`. "
        "Alignment needs an English sentence beside each",
    )
    parser.add_argument("--fit_lens", action="store_true", help=FIT_LENS)
    add_fields(parser, LayersConfig, but={"model", "language", "criteria", "fit_lens"})
    return parser


def _layers(parsed: Namespace, line: list[str]) -> None:
    from deepsuper.inside.layers import run_layers

    criteria = None if parsed.criteria is None else split_names(parsed.criteria)
    config = LayersConfig(**{**_reading(LayersConfig, parsed), "criteria": criteria})
    if config.fit_lens:
        from deepsuper.inside.tuned_lens import run_fit

        run_fit(config)
        return
    run_layers(config, Path(parsed.output_dir or f"runs/layers-{_stem(parsed.model)}-{parsed.lang}"))


def _lens_parser() -> ArgumentParser:
    parser = ArgumentParser(
        description="Show the likeliest next tokens at each layer and position of a text, with probability, entropy "
        "and script, in the terminal and as an interactive page. A tuned model can be shown beside its base."
    )
    parser.add_argument("model", type=str, help="a hub name, a folder, a run folder or a packaged model")
    parser.add_argument("text", type=str, help="the text that the model reads")
    add_fields(parser, LensConfig, but={"model", "text"})
    add_weights_arguments(parser)
    return parser


def _lens(parsed: Namespace, line: list[str]) -> None:
    from deepsuper.inside.logit_lens import run_lens

    run_lens(LensConfig(**{**field_values(LensConfig, parsed), "model": model_config(parsed.model, parsed)}))


def _align_parser() -> ArgumentParser:
    parser = ArgumentParser(
        description="Measure how alike the states of parallel sentences are, at each layer, in one model or before and "
        "after tuning: cosine, retrieval, CKA, t-SNE (the paper's figure 4); and the loss of the English sentences. "
        "Writes align.json, align.png and tsne.png."
    )
    _add_reading_arguments(parser)
    parser.add_argument("tuned", nargs="?", type=str, default=None, help="the model after tuning, or its run folder")
    add_fields(parser, AlignConfig, but={"model", "language", "tuned"})
    return parser


def _align(parsed: Namespace, line: list[str]) -> None:
    from deepsuper.inside.align import run_align

    config = AlignConfig(**_reading(AlignConfig, parsed))
    run_align(config, Path(parsed.output_dir or f"runs/align-{_stem(parsed.tuned or parsed.model)}-{parsed.lang}"))


def _dose_parser() -> ArgumentParser:
    parser = recipe_parser(
        "Measure how strong each term of a recipe is before a run: the norm of its gradient over the task's, and the "
        "cosine between the two, on the recipe's rows. Writes dose.json, dose.png and dose.yaml, the weights to copy "
        "into the recipe, into output_dir, which can still be trained into."
    )
    names = ",".join(get_args(ReadingName))
    parser.add_argument("--readings", type=str, default=None, help=f"also measure all, or some of {names}, with commas")
    parser.add_argument(
        "--layers", type=str, default=None, help="the layers of --readings, such as 1,8,12, or all (default: all)"
    )
    add_fields(parser, DoseConfig, but={"readings", "layers"})
    return parser


def _dose(parsed: Namespace, line: list[str]) -> None:
    from deepsuper.training.dose import run_dose

    readings = split_names(parsed.readings) if parsed.readings else ()
    readings = get_args(ReadingName) if readings == ("all",) else readings
    own = {**field_values(DoseConfig, parsed), "readings": readings, "layers": _layer_numbers(parsed.layers)}
    run_dose(DoseConfig(**own), from_values(RunConfig, parsed))


def _layer_numbers(text: str | None) -> tuple[int, ...] | None:
    """The numbers of `--layers`; None for all. Raises: UserError where one is no number."""
    if text is None or text == "all":
        return None
    names = split_names(text)
    for name in names:
        if not name.isdecimal():
            raise UserError(f"layers: need numbers with commas, such as 1,8,12, or all, got {name!r}")
    return tuple(sorted(int(name) for name in names))


def _add_reading_arguments(parser: ArgumentParser) -> None:
    """Adds the arguments that `layers` and `align` share."""
    parser.add_argument("model", type=str, help="a hub name, a folder, a run folder or a packaged model")
    parser.add_argument("--lang", type=str, default="zh", help="the target language: zh, vi, ar, or any with --data")
    parser.add_argument("--output_dir", type=str, default=None, help="the folder to write")
    add_weights_arguments(parser)


def _reading(config: type[Any], parsed: Namespace) -> dict[str, Any]:
    return {**field_values(config, parsed), "model": model_config(parsed.model, parsed), "language": parsed.lang}


def _stem(model: str) -> str:
    """The last part of a hub name or path."""
    return Path(model).name or "model"


LAYERS = Command("find the critical layers i and j of a model", _layers_parser, _layers)
LENS = Command("show what a model would say at every layer of a text", _lens_parser, _lens)
ALIGN = Command("measure how alike both languages' states are", _align_parser, _align)
DOSE = Command("measure how strong each term of a recipe is", _dose_parser, _dose, recipe=True)
