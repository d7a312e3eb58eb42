"""The objectives of a run on its model, from the configuration alone: what `deepsuper show` prints."""

from collections.abc import Mapping

from deepsuper.config import RunConfig, SdrrlConfig
from deepsuper.method.formula import formula, parts_text, trained_on
from deepsuper.method.methods import build_objective, method_of
from deepsuper.method.objective import Objective
from deepsuper.models.depth import depth_of
from deepsuper.training.check import check
from deepsuper.training.check_streams import of_stream, task_of
from deepsuper.training.freeze import check_frozen, frozen_text


def resolve(config: RunConfig, *, files: bool = True) -> dict[str, Objective]:
    """The objective of each stream; "" names the only one of a run without `streams`.

    Raises: UserError naming an option out of range, a layer or a module that the model does not have. `files` false:
    the files of rows need not exist.
    """
    check(config, files=files)
    # For all-linear there is nothing to check: peft leaves W_out and the embedding out.
    if config.lora is not None and config.lora.target_modules != "all-linear":
        from deepsuper.models.adapters import check_lora
        from deepsuper.models.load import skeleton

        check_lora(config.lora.target_modules, skeleton(config.model))
    num_layers = depth_of(config.model)
    objectives = objectives_of(config, num_layers)
    # Layers that are yet to be measured are checked afterwards.
    known = {name: o for name, o in objectives.items() if config.all_streams[name].objective.layers != "auto"}
    check_frozen(config, known, num_layers)
    return objectives


def objectives_of(config: RunConfig, num_layers: int) -> dict[str, Objective]:
    """The objective of each stream on a model of `num_layers` blocks. Raises: UserError as `build_objective` does."""
    objectives = {}
    for name, stream in config.all_streams.items():
        with of_stream(name):
            objectives[name] = build_objective(stream.objective, num_layers)
    return objectives


def describe(config: RunConfig, objectives: Mapping[str, Objective]) -> str:
    """The objectives as formulas, in the paper's symbols."""
    num_layers, parts = objectives[task_of(config)].terms["tft"].layer, []
    for name, stream in config.all_streams.items():
        method = method_of(stream.objective)
        text = formula(objectives[name], num_layers, trained_on(method))
        if method.synthesised:
            text += f"\n  {parts_text(config.data.sdrrl or SdrrlConfig())}"
        head = f"stream {name} ({stream.objective.method}; {_share(config, stream.steps)})\n" if name else ""
        parts.append(head + text)
    return "\n".join([*parts, *filter(None, [frozen_text(config, num_layers)])])


def _share(config: RunConfig, steps: int) -> str:
    """What a stream has of the steps, in words."""
    total = sum(stream.steps for stream in config.streams.values())
    if config.schedule == "joined":
        return f"in every step{f', {steps} batches' if steps > 1 else ''}"
    return f"{steps} of {total} steps"
