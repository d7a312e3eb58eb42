"""What the other commands are asked: frozen dataclasses, filled from options of the command line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from deepsuper.config.recipe import Bf16, ModelConfig

Positions = Literal["text", "inner", "all"]
"""Which tokens of a text count: its own (no special ones), those without the first of them, or all."""
CompareFormat = Literal["text", "md", "latex", "csv", "html"]
Correction = Literal["holm", "bh", "none"]
"""Of p-values for their number: Holm's, Benjamini and Hochberg's, none."""
PaperTable = Literal["llama-2-7b", "gemma-2-2b", "llama-2-7b.ablation"]
"""The base models of the paper's tables 1, 2 and 4, and its table 3 (Chinese only)."""
Criterion = Literal["entropy", "language", "alignment"]


@dataclass(frozen=True)
class LayersConfig:
    """What `deepsuper layers` reads and how: see docs/decisions.md for each option."""

    model: ModelConfig
    language: str
    data: str | None = None
    sentences: int | None = 200
    """The first ones of the text; None: all."""
    criteria: tuple[Criterion, ...] = ("entropy",)
    positions: Positions = "text"
    lens_norm: bool = True
    max_length: int = 512
    bf16: Bf16 = "auto"
    resamples: int = 300
    """Bootstrap samples of the sentences."""
    seed: int = 0


@dataclass(frozen=True)
class AlignConfig:
    """What `deepsuper align` compares: see docs/decisions.md for each option."""

    model: ModelConfig
    language: str
    tuned: str | None = None
    data: str | None = None
    sentences: int | None = 200
    """The first ones of the text; None: all."""
    layer: int | None = None
    """The layer of the t-SNE pictures; None: L."""
    layer_et: int | None = None
    """The layer j whose target state the feature loss compares with h_L of English; None: the paper's share."""
    positions: Positions = "inner"
    max_length: int = 512
    bf16: Bf16 = "auto"
    seed: int = 0


@dataclass(frozen=True)
class EvalConfig:
    """What `deepsuper eval` runs. `model` holds the options of loading; `models` the names."""

    models: tuple[str, ...]
    model: ModelConfig
    languages: tuple[str, ...]
    benchmarks: tuple[str, ...]
    profiles: tuple[str, ...] = ("paper",)
    data_dir: str | None = None
    limit: int | None = None
    batch_size: int = 16
    strict: bool = False
    backend: str = "hf"
    """A model class of lm-evaluation-harness; `backend_args` are its own, as name=value with commas."""
    backend_args: str = ""
    comet_model: str = "Unbabel/wmt22-comet-da"
    """A hub name or a checkpoint of COMET; none: translations are scored without it."""


@dataclass(frozen=True)
class CompareConfig:
    """What `deepsuper compare` sets side by side: result folders of `eval`, each FOLDER or NAME=FOLDER."""

    runs: tuple[str, ...]
    format: CompareFormat = "text"
    transpose: bool = False
    """A column for each run and a row for each benchmark and language."""
    output: str | None = None
    """The file to write; None: print."""
    picture: str | None = None
    """A PNG of the differences to the baseline."""
    baseline: str | None = None
    """A run's name or folder; None: the first run of each profile."""
    paper: PaperTable | None = None
    """Set these numbers of the paper beside the runs."""
    correction: Correction = "holm"
    resamples: int = 10_000
    seed: int = 0
