"""What the other commands are asked: frozen dataclasses, whose fields are options with their docstrings as help."""

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
    """A file of sentences; null: the packaged FLORES-200 ones."""
    sentences: int | None = 200
    """The first ones of the text; null: all."""
    criteria: tuple[Criterion, ...] = ("entropy",)
    positions: Positions = "text"
    """The tokens that count: all but special ones, all but those and the first, or all."""
    lens_norm: bool = True
    """The final norm before W_out at inner layers."""
    max_length: int = 512
    """Tokens of one sentence."""
    bf16: Bf16 = "auto"
    """bf16 autocast over the weights; auto: where the hardware multiplies bf16."""
    resamples: int = 300
    """Bootstrap samples of the sentences."""
    seed: int = 0
    """Of the bootstrap."""


@dataclass(frozen=True)
class AlignConfig:
    """What `deepsuper align` compares: see docs/decisions.md for each option."""

    model: ModelConfig
    language: str
    tuned: str | None = None
    data: str | None = None
    """A file of sentences; null: the packaged FLORES-200 ones."""
    sentences: int | None = 200
    """The first ones of the text; null: all."""
    layer: int | None = None
    """The layer of the t-SNE pictures; null: L."""
    layer_et: int | None = None
    """The layer j whose target state the feature loss compares with h_L of English; null: the paper's share."""
    positions: Positions = "inner"
    """The tokens that are pooled: all but special ones, all but those and the first, or all."""
    max_length: int = 512
    """Tokens of one sentence."""
    bf16: Bf16 = "auto"
    """bf16 autocast over the weights; auto: where the hardware multiplies bf16."""
    seed: int = 0
    """Of the t-SNE pictures."""


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
    backend: str = "hf"
    """A model class of lm-evaluation-harness: hf, vllm, ..."""
    backend_args: str = ""
    """The backend's own options, as name=value with commas."""
    comet_model: str = "Unbabel/wmt22-comet-da"
    """A hub name or checkpoint for translations, scored where `make comet` was run; none: without."""


@dataclass(frozen=True)
class CompareConfig:
    """What `deepsuper compare` sets side by side: result folders of `eval`, each FOLDER or NAME=FOLDER."""

    runs: tuple[str, ...]
    format: CompareFormat = "text"
    """Of what is printed or written."""
    transpose: bool = False
    """A column for each run and a row for each benchmark and language."""
    output: str | None = None
    """The file to write; null: print."""
    picture: str | None = None
    """A PNG of the differences to the baseline, with their intervals."""
    baseline: str | None = None
    """A run's name or folder; null: the first run of each profile."""
    paper: PaperTable | None = None
    """The numbers of the paper to set beside the runs."""
    correction: Correction = "holm"
    """Of the p-values for their number: Holm, Benjamini and Hochberg, none."""
    resamples: int = 10_000
    """Bootstrap samples of the items."""
    seed: int = 0
    """Of the bootstrap."""
