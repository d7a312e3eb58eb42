"""The options of `deepsuper eval`."""

from dataclasses import dataclass
from typing import Literal

from deepsuper.config.recipe import ModelConfig


@dataclass(frozen=True)
class EvalConfig:
    """What `deepsuper eval` runs. `model` holds the options of loading; `models` the names."""

    models: tuple[str, ...]
    model: ModelConfig
    languages: tuple[str, ...]
    benchmarks: tuple[str, ...]
    profiles: tuple[str, ...] = ("paper",)
    data_dir: str | None = None
    """Local files, as `data layout` lists them; null: the hub."""
    limit: int | None = None
    """The first items of each benchmark only; null: all."""
    batch_size: int = 16
    """Items in one pass of a model."""
    strict: bool = False
    engine: Literal["auto", "own", "harness"] = "auto"
    """What runs the model of backend hf: this project's engine or the harness's, with equal answers; auto: own, on CUDA
    harness.
    """
    backend: str = "hf"
    """A model class of lm-evaluation-harness: hf, vllm, ..."""
    backend_args: str = ""
    """The backend's own options, as name=value with commas."""
    comet_model: str = "Unbabel/wmt22-comet-da"
    """A hub name or checkpoint for translations, scored where `make comet` was run; none: without."""
