"""What a run is made of: frozen dataclasses, filled from YAML and dotted overrides (jsonargparse)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

Method = Literal[
    "sft", "tft", "sdrrl", "dft-logits", "dft-feature", "lc-logits", "lc-feature", "et-logits", "et-feature", "mixture"
]
Kind = Literal["none", "logits", "feature"]
Positions = Literal["text", "inner", "all"]
"""Which tokens of a text count: its own (no special ones), those without the first of them, or all."""
Bf16 = bool | Literal["auto"]
"""bf16 autocast; auto: where the hardware has instructions for it."""
CompareFormat = Literal["text", "md", "latex", "csv", "html"]
Correction = Literal["holm", "bh", "none"]
"""Of p-values for their number: Holm's, Benjamini and Hochberg's, none."""
PaperTable = Literal["llama-2-7b", "gemma-2-2b", "llama-2-7b.ablation"]
"""The base models of the paper's tables 1, 2 and 4, and its table 3 (Chinese only)."""


@dataclass(frozen=True)
class ModelConfig:
    """The base model. `name` is a hub name, a folder, or a packaged model (gemma-3-270m, smollm2-135m)."""

    name: str
    revision: str | None = None
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    attention: Literal["auto", "eager", "sdpa", "flash_attention_2", "flex_attention"] = "auto"
    trust_remote_code: bool = False


@dataclass(frozen=True)
class SourceConfig:
    """Rows of one language: `path` (JSON lines), `path` and `path_en` joined by id, or `hub` and `split`.

    `weight` is how often each epoch goes through this source: 2 is twice, 0.5 half of its rows.
    """

    language: str
    path: str | None = None
    path_en: str | None = None
    hub: str | None = None
    split: str = "train"
    weight: float = 1.0


Direction = Literal["en-en", "en-tgt", "tgt-en", "tgt-tgt"]
"""The language of a question and that of its answer."""
Completion = Literal["translate", "complete"]


@dataclass(frozen=True)
class SdrrlConfig:
    """The parts of SDRRL's corpus, each of which can be left out; `method: sdrrl` reads them (docs/decisions.md)."""

    distill: bool = True
    """English answers are the model's own; false: the rows' own."""
    teacher: str | None = None
    """The model that answers: a hub name, a folder, a run folder or a packaged model; None: the base model."""
    temperature: float = 0.0
    """0: greedy answers; else sampled."""
    max_answer: int = 256
    """Tokens. An answer that does not end within them is left, and the row's own taken."""
    batch_size: int = 16
    directions: list[Direction] = field(default_factory=lambda: ["en-en", "en-tgt", "tgt-en", "tgt-tgt"])
    code_switch: float = 0.3
    """The share of the aligned words of a question that become the other language's; 0: no such rows."""
    switch_answers: bool = False
    """Code-switched rows have switched answers too."""
    completion: list[Completion] = field(default_factory=lambda: ["translate", "complete"])
    """What parallel sentences become: instructions to translate or to complete them, in the target language."""
    sentences: str | None = None
    """A file of parallel sentences; None: the packaged FLORES-200 dev ones."""


@dataclass(frozen=True)
class DataConfig:
    """Rows, their rendering and what happens to bad ones."""

    train: list[SourceConfig]
    held_out: list[SourceConfig] = field(default_factory=list)
    template: Literal["alpaca", "plain", "chat"] = "alpaca"
    max_length: int = 512
    normalization: Literal["NFC", "none"] = "NFC"
    on_bad_row: Literal["error", "skip"] = "error"
    sdrrl: SdrrlConfig | None = None
    """Read by `method: sdrrl`; None: all parts as they are by default."""

    def sources(self) -> Iterator[tuple[str, SourceConfig]]:
        """Each source of rows, behind the option that names it."""
        for part, sources in (("train", self.train), ("held_out", self.held_out)):
            for n, source in enumerate(sources):
                yield f"data.{part}[{n}]", source

    def row_files(self) -> Iterator[tuple[str, str]]:
        """The path of each local file of rows, behind the option that names it."""
        for name, source in self.sources():
            for option, path in (("path", source.path), ("path_en", source.path_en)):
                if path is not None:
                    yield f"{name}.{option}", path


@dataclass(frozen=True)
class WeightConfig:
    """The factor of a term: it rises from 0 over the first `warmup` share of training, then decays to 0 if told to."""

    value: float = 1.0
    warmup: float = 0.0
    decay: Literal["none", "linear", "cosine"] = "none"


@dataclass(frozen=True)
class ObjectiveConfig:
    """The method and each option where the paper is silent (docs/decisions.md). `lc` and `et` are read by `mixture`."""

    method: Method = "dft-logits"
    lc: Kind = "none"
    et: Kind = "none"
    layer_lc: int | None = None
    layer_et: int | None = None
    layers: Literal["proportion", "auto"] = "proportion"
    """Where `layer_lc` or `layer_et` is not given: the paper's shares of the depth, or measured before training."""
    lc_weight: WeightConfig = field(default_factory=WeightConfig)
    et_weight: WeightConfig = field(default_factory=WeightConfig)
    alignment: Literal["conditional", "positional"] = "conditional"
    pooling: Literal["mean", "last"] = "mean"
    similarity: Literal["cosine", "centered", "contrastive"] = "cosine"
    detach_english: bool = True
    train_head_et: bool = False
    lens_norm: bool = True
    temperature: float = 0.05
    momentum: float = 0.99


@dataclass(frozen=True)
class LoraConfig:
    """Low-rank adapters instead of full tuning (peft). `merge`: also write the merged model."""

    r: int = 16
    alpha: int = 32
    dropout: float = 0.0
    target_modules: list[str] | Literal["all-linear"] = "all-linear"
    merge: bool = False


@dataclass(frozen=True)
class TrainingConfig:
    """The loop (transformers.Trainer). Rates and lengths in optimizer steps."""

    learning_rate: float = 2e-5
    batch_size: int = 8
    """Rows in one optimizer step, over all processes and accumulated micro-batches."""
    micro_batch_size: int = 8
    """Rows in one forward pass of one process."""
    epochs: float = 3.0
    max_steps: int = -1
    schedule: str = "cosine"
    warmup_ratio: float = 0.03
    weight_decay: float = 0.0
    max_grad_norm: float = 1.0
    seed: int = 42
    bf16: Bf16 = "auto"
    """bf16 autocast over weights of `model.dtype`; auto: where the hardware multiplies bf16."""
    gradient_checkpointing: bool = False
    log_every: int = 10
    grad_norms_every: int = 0
    """Log the norm of each weighted term's gradient at its own supervised state every N steps; 0: never.

    Where several of these steps lie between two logs: the root of the mean of their squares."""
    eval_every: int = 0
    save_every: int = 0
    save_total_limit: int | None = 2
    optimizer: str = "adamw_torch_fused"
    report_to: list[str] = field(default_factory=list)
    fsdp: bool = False
    chunk_mib: int = 192
    """Largest piece of logits that a cross-entropy holds at a time, in MiB."""


@dataclass(frozen=True)
class RunConfig:
    """One run: what `deepsuper train RECIPE.yaml` reads."""

    model: ModelConfig
    data: DataConfig
    objective: ObjectiveConfig = field(default_factory=ObjectiveConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    lora: LoraConfig | None = None
    output_dir: str = "runs/latest"


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
