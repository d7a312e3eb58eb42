"""A run's model with its objectives: loaded, given adapters, frozen in part and tested."""

import logging
from typing import Any

from torch import nn

from deepsuper.config import RunConfig
from deepsuper.method.kept_lens import lens_for
from deepsuper.method.self_tests import check_lens, check_tree
from deepsuper.method.supervised import Supervised
from deepsuper.models.adapters import add_lora
from deepsuper.models.load import load_model
from deepsuper.training.freeze import check_frozen, freeze
from deepsuper.training.prepare import Prepared, is_main

log = logging.getLogger("deepsuper")


def load_supervised(config: RunConfig, prepared: Prepared) -> Supervised:
    """The model that is trained. Raises: UserError if it cannot be supervised, or no lens is kept for its weights."""
    check_frozen(config, prepared.objectives, prepared.num_layers)
    model = load_model(config.model)
    # Before the adapter is added: the lens belongs to the weights that the run starts from.
    tuned = lens_for(model, config.model, prepared.objectives.values())
    model = made_trainable(model, config)
    supervised = Supervised(
        model,
        prepared.objectives,
        chunk_mib=config.training.chunk_mib,
        languages=prepared.languages,
        untrained=_untrained(config, prepared),
        tuned=tuned,
    )
    check_lens(supervised)
    check_tree(supervised)
    if config.training.gradient_checkpointing:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    return supervised


def made_trainable(model: Any, config: RunConfig) -> Any:
    """The model with the adapters and the frozen blocks of a run."""
    if config.training.gradient_checkpointing:
        model.config.use_cache = False
    if config.lora is not None:
        model = add_lora(model, config.lora, config.model.revision)
        if config.training.gradient_checkpointing:
            model.enable_input_require_grads()
    freeze(model, config)
    return model


def _untrained(config: RunConfig, prepared: Prepared) -> nn.Module | None:
    """A frozen copy of the model, where a term retains what it was and there are no adapters to leave out."""
    if config.lora is not None or not any(objective.retained for objective in prepared.objectives.values()):
        return None
    copy: nn.Module = load_model(config.model).requires_grad_(False).eval()
    if is_main():
        size = sum(parameter.nbytes for parameter in copy.parameters()) / 2**30
        log.info("objective.retain: a frozen copy of the model takes %.2f GiB in each process", size)
    return copy
