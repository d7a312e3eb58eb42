"""Loading a model's configuration, tokenizer and weights from the hub, a folder or a package; saving a model folder."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from torch import nn

from deepsuper.common.errors import UserError, did_you_mean, first_line
from deepsuper.common.files import replacing
from deepsuper.config import ModelConfig
from deepsuper.models.adapters import base_of
from deepsuper.models.packaged import PACKAGED, cached_config, source_of


def load_config(config: ModelConfig) -> Any:
    """The transformers configuration, no weights. Raises: UserError where the model cannot be found."""
    from transformers import AutoConfig

    return _load(AutoConfig.from_pretrained, config)


def commit_of(config: ModelConfig) -> str | None:
    """The hub commit that `load_config` resolved `config.revision` to; None for a folder or a packaged model."""
    if source_of(config) != config.name or Path(config.name).exists():
        return None
    # The configuration's `_commit_hash` is not used: newer releases of transformers do not set it.
    cached = cached_config(config)
    return None if cached is None else cached.parent.name


def load_tokenizer(config: ModelConfig) -> Any:
    """The tokenizer; EOS is the pad token if it has none. An adapter folder without a tokenizer uses its base's."""
    from transformers import AutoTokenizer

    own = (Path(config.name) / "tokenizer_config.json").is_file()
    tokenizer = _load(AutoTokenizer.from_pretrained, config if own else base_of(config) or config)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def load_model(config: ModelConfig, *, seq2seq: bool = False) -> Any:
    """The causal language model, or the encoder-decoder, in `config.dtype`, from safetensors."""
    from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM

    attention = {} if config.attention == "auto" else {"attn_implementation": config.attention}
    return _load(
        (AutoModelForSeq2SeqLM if seq2seq else AutoModelForCausalLM).from_pretrained,
        config,
        dtype=getattr(torch, config.dtype),
        use_safetensors=True,
        **attention,
    )


def inside_run(config: ModelConfig) -> ModelConfig:
    """`config` with the model or adapter folder inside, if `config.name` is a run folder; else `config` itself."""
    for part in ("model", "adapter"):
        folder = Path(config.name) / part
        if (folder / "config.json").is_file() or (folder / "adapter_config.json").is_file():
            return replace(config, name=str(folder))
    return config


def skeleton(config: ModelConfig) -> nn.Module:
    """The causal language model on torch's meta device: all modules, no weights."""
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        model: nn.Module = AutoModelForCausalLM.from_config(
            load_config(config), trust_remote_code=config.trust_remote_code
        )
    return model


def load_merged(config: ModelConfig) -> Any:
    """The model that `config` names. For an adapter folder: its base model with the adapter's changes added."""
    base = base_of(config)
    if base is None:
        return load_model(config)
    from peft import PeftModel

    model = load_model(base)
    try:
        return PeftModel.from_pretrained(model, config.name).merge_and_unload()
    except (OSError, ValueError, SafetensorError) as error:
        raise UserError(f"{config.name}: the adapter's weights cannot be loaded ({first_line(error)})") from error


def load_for_reading(config: ModelConfig) -> Any:
    """The model, or the merged adapter, in evaluation mode; on the GPU where there is one."""
    return load_merged(config).eval().to("cuda" if torch.cuda.is_available() else "cpu")


def num_layers(config: Any) -> int:
    """The number of decoder blocks of a transformers configuration."""
    layers: int = config.get_text_config().num_hidden_layers
    return layers


def save_folder(
    model: nn.Module, tokenizer: Any, folder: Path, state_dict: dict[str, torch.Tensor] | None = None
) -> None:
    """Writes a model folder, complete or absent. `state_dict`: the weights, if gathered from several processes."""
    with replacing(folder) as aside:
        shutil.rmtree(aside, ignore_errors=True)
        model.save_pretrained(aside, state_dict=state_dict)  # type: ignore[operator]
        tokenizer.save_pretrained(aside)
        shutil.rmtree(folder, ignore_errors=True)


def _load(load: Any, config: ModelConfig, **kwargs: Any) -> Any:
    source = source_of(config)
    # Only models of the hub have revisions; a packaged model has none.
    revision = {"revision": config.revision} if config.revision is not None and source == config.name else {}
    try:
        return load(source, trust_remote_code=config.trust_remote_code, **revision, **kwargs)
    except (OSError, ValueError, SafetensorError, StrictDataclassError) as error:
        known = f"packaged models: {', '.join(PACKAGED)}{did_you_mean(config.name, PACKAGED)}"
        raise UserError(f"model.name {config.name!r} cannot be loaded: {first_line(error)} ({known})") from error
