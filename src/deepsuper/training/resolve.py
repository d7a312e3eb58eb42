"""The objective of a run on its model, from the configuration alone: what `deepsuper show` prints."""

from __future__ import annotations

from deepsuper.config import RunConfig, SdrrlConfig
from deepsuper.method.formula import formula, parts_text, trained_on
from deepsuper.method.methods import build_objective, method_of
from deepsuper.method.objective import Objective
from deepsuper.models.depth import depth_of
from deepsuper.training.check import check


def resolve(config: RunConfig, *, files: bool = True) -> Objective:
    """The objective. Raises: UserError naming an option out of range, a layer or a module that the model does not have.

    `files` false: the files of rows need not exist.
    """
    check(config, files=files)
    # For all-linear there is nothing to check: peft leaves W_out and the embedding out.
    if config.lora is not None and config.lora.target_modules != "all-linear":
        from deepsuper.models.adapters import check_lora
        from deepsuper.models.load import skeleton

        check_lora(config.lora.target_modules, skeleton(config.model))
    return build_objective(config.objective, depth_of(config.model))


def describe(config: RunConfig, objective: Objective) -> str:
    """The objective as a formula, in the paper's symbols."""
    method = method_of(config.objective)
    text = formula(objective, objective.terms["tft"].layer, trained_on(method))
    return f"{text}\n  {parts_text(config.data.sdrrl or SdrrlConfig())}" if method.synthesised else text
