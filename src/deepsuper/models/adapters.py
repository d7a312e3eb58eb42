"""LoRA adapters: which modules can have one, adding them to a model, and the base model that an adapter belongs to."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from deepsuper.common.errors import UserError
from deepsuper.config import LoraConfig, ModelConfig


def check_lora(modules: Iterable[str], model: nn.Module) -> None:
    """Raises: UserError naming the first target module that cannot have an adapter, and the modules that can.

    W_out cannot: the losses read its weight directly, without an adapter. Neither can an embedding tied to W_out: its
    adapter would change W_out only when it is merged.
    """
    weights = {name: getattr(module, "weight", None) for name, module in model.named_modules()}
    head = model.get_output_embeddings().weight  # type: ignore[operator]
    known = {name for name, weight in weights.items() if weight is not None and weight is not head}
    for wanted in modules:
        # As peft matches names: `wanted` is the whole name of a module, or its last parts.
        named = {n for n, weight in weights.items() if weight is not None and f".{n}".endswith(f".{wanted}")}
        if named and named <= known:
            continue
        usable = ", ".join(sorted({name.rpartition(".")[2] for name in known if "norm" not in name}))
        read = ", which is (or is tied to) the output embeddings: the losses read them without an adapter"
        raise UserError(
            f"lora.target_modules: need modules of the model ({usable}), got {wanted!r}{read if named else ''}"
        )


def add_lora(model: Any, config: LoraConfig, revision: str | None = None) -> Any:
    """`model` with low-rank adapters (peft) and frozen weights. The adapters record `revision` of the base model."""
    from peft import LoraConfig as PeftConfig
    from peft import get_peft_model

    adapters = PeftConfig(
        r=config.r,
        lora_alpha=config.alpha,
        lora_dropout=config.dropout,
        target_modules=config.target_modules,
        task_type="CAUSAL_LM",
    )
    return get_peft_model(model, adapters, revision=revision)


@contextmanager
def without_adapters(model: Any) -> Iterator[None]:
    """Within it `model` is its base model, without dropout. Afterwards it is as it was.

    peft marks the adapters as trainable when it enables them again, also those that were frozen. Its `disable_adapter`
    does the same, and lists the state of every layer first, which doubles the time.
    """
    trained = {name: parameter.requires_grad for name, parameter in model.named_parameters()}
    training = [module for module in model.modules() if module.training]
    for module in training:
        module.training = False
    try:
        model.base_model.disable_adapter_layers()
        yield
    finally:
        model.base_model.enable_adapter_layers()
        for module in training:
            module.training = True
        for name, parameter in model.named_parameters():
            if parameter.requires_grad != trained[name]:
                parameter.requires_grad_(trained[name])


def base_of(config: ModelConfig) -> ModelConfig | None:
    """The base of an adapter folder, at its revision unless `config` names one; None for a model. Raises: UserError."""
    from peft import PeftConfig

    file = Path(config.name) / "adapter_config.json"
    if not file.is_file():
        return None
    try:
        base = PeftConfig.from_pretrained(config.name)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UserError(f"{file}: is not the configuration of an adapter ({error}): copy it again") from error
    if not base.base_model_name_or_path:
        raise UserError(f"{file}: base_model_name_or_path is missing: write the name of the base model there")
    return replace(config, name=str(base.base_model_name_or_path), revision=config.revision or base.revision)
