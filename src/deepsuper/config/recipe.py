"""What a run is made of: frozen dataclasses, filled from YAML and dotted overrides (jsonargparse).

The docstring of a field is the help of its option, so that None is called null here, as it is written in YAML.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

Method = Literal[
    "sft", "tft", "sdrrl", "dft-logits", "dft-feature", "lc-logits", "lc-feature", "et-logits", "et-feature", "mixture"
]
CorpusKind = Literal["english", "translated", "parallel"]
"""The sides that each row of a corpus must have: the English one, the target one, or both."""
Kind = Literal["none", "logits", "feature"]
Bf16 = bool | Literal["auto"]
"""bf16 autocast; auto: where the hardware has instructions for it."""


@dataclass(frozen=True)
class ModelConfig:
    """The base model."""

    name: str
    """A hub name, a folder, or a packaged model (gemma-3-270m, smollm2-135m)."""
    revision: str | None = None
    """A branch, tag or commit of a hub model; null: its main branch."""
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    """Of the weights."""
    attention: Literal["auto", "eager", "sdpa", "flash_attention_2", "flex_attention"] = "auto"
    """The implementation in transformers; auto: transformers' choice for the model."""
    trust_remote_code: bool = False
    """Run code that comes with the model."""


@dataclass(frozen=True)
class SourceConfig:
    """Rows of one language: `path`, `path` and `path_en` joined by id, or `hub` and `split`."""

    language: str
    """Of the target side: a code such as zh."""
    path: str | None = None
    """A file of JSON lines, plain or gzip."""
    path_en: str | None = None
    """The English side, where it is a file of its own."""
    hub: str | None = None
    """A data set of the hub."""
    split: str = "train"
    """Of the data set of the hub."""
    weight: float = 1.0
    """How often each epoch goes through this source: 2 is twice, 0.5 a random half of its rows."""


Direction = Literal["en-en", "en-tgt", "tgt-en", "tgt-tgt"]
"""The language of a question and that of its answer."""
Completion = Literal["translate", "complete"]


@dataclass(frozen=True)
class SdrrlConfig:
    """The parts of SDRRL's corpus, each of which can be left out; `method: sdrrl` reads them (docs/decisions.md)."""

    distill: bool = True
    """English answers are the model's own; false: the rows' own."""
    teacher: str | None = None
    """The model that answers: a hub name, a folder, a run folder or a packaged model; null: the base model."""
    temperature: float = 0.0
    """0: greedy answers; else sampled."""
    max_answer: int = 256
    """Tokens. An answer that does not end within them is left, and the row's own taken."""
    batch_size: int = 16
    """Prompts that the model answers at a time."""
    directions: list[Direction] = field(default_factory=lambda: ["en-en", "en-tgt", "tgt-en", "tgt-tgt"])
    """The languages of question and answer; each row is taken in each."""
    code_switch: float = 0.3
    """The share of the aligned words of a question that become the other language's; 0: no such rows."""
    switch_answers: bool = False
    """Code-switched rows have switched answers too."""
    completion: list[Completion] = field(default_factory=lambda: ["translate", "complete"])
    """What parallel sentences become: instructions to translate or to complete them, in the target language."""
    sentences: str | None = None
    """A file of parallel sentences; null: the packaged FLORES-200 dev ones."""


@dataclass(frozen=True)
class DataConfig:
    """Rows, their rendering and what happens to bad ones."""

    train: list[SourceConfig]
    """The sources of the rows to train on."""
    held_out: list[SourceConfig] = field(default_factory=list)
    """The sources of rows that are not trained on, for a loss; see `training.eval_every`."""
    template: Literal["alpaca", "plain", "chat"] = "alpaca"
    """The prompt: Alpaca's, the question alone, or that of the tokenizer's chat template."""
    max_length: int = 512
    """Tokens of a prompt and its answer, which is cut there."""
    normalization: Literal["NFC", "none"] = "NFC"
    """The form of Unicode that all texts are brought into."""
    on_bad_row: Literal["error", "skip"] = "error"
    """Stop at it, or leave it out and write it to skipped.jsonl."""
    sdrrl: SdrrlConfig | None = None
    """Read by `method: sdrrl`; null: all parts as they are by default."""

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

    def files(self) -> Iterator[tuple[str, str]]:
        """The path of each local file that is read, behind the option that names it."""
        yield from self.row_files()
        if self.sdrrl is not None and self.sdrrl.sentences is not None:
            yield "data.sdrrl.sentences", self.sdrrl.sentences


@dataclass(frozen=True)
class WeightConfig:
    """The factor of a term over the run."""

    value: float = 1.0
    """The factor at its height."""
    warmup: float = 0.0
    """The share of training over which it rises from 0."""
    decay: Literal["none", "linear", "cosine"] = "none"
    """How it falls to 0 after that; none: it stays."""


@dataclass(frozen=True)
class ObjectiveConfig:
    """The method and each option where the paper is silent (docs/decisions.md)."""

    method: Method = "dft-logits"
    """The corpus and the terms of the loss; mixture: TFT and the terms that `lc` and `et` say."""
    lc: Kind = "none"
    """The term at the early layer i; read by `mixture`."""
    et: Kind = "none"
    """The term at the middle layer j; read by `mixture`."""
    layer_lc: int | None = None
    """i; null: what `layers` says."""
    layer_et: int | None = None
    """j; null: what `layers` says."""
    layers: Literal["proportion", "auto"] = "proportion"
    """Where `layer_lc` or `layer_et` is not given: the paper's shares of the depth, or measured before training."""
    lc_weight: WeightConfig = field(default_factory=WeightConfig)
    et_weight: WeightConfig = field(default_factory=WeightConfig)
    alignment: Literal["conditional", "positional"] = "conditional"
    """Of logits: the English text follows x^tgt, or position t of the target text predicts English token t."""
    pooling: Literal["mean", "last"] = "mean"
    """Of features: the mean over the query's tokens, or its last token."""
    similarity: Literal["cosine", "centered", "contrastive"] = "cosine"
    """Of features: the cosine, that less each language's mean, or against the micro-batch's other rows."""
    detach_english: bool = True
    """Of features: no gradient into the English side."""
    train_head_et: bool = False
    """W_out learns from an et term of logits too."""
    lens_norm: bool = True
    """The final norm before W_out at an inner layer."""
    temperature: float = 0.05
    """Of `similarity: contrastive`."""
    momentum: float = 0.99
    """Of the running means of `similarity: centered`."""


@dataclass(frozen=True)
class LoraConfig:
    """Low-rank adapters instead of full tuning (peft)."""

    r: int = 16
    """The rank."""
    alpha: int = 32
    """What an adapter adds is multiplied by alpha / r."""
    dropout: float = 0.0
    """The share of an adapter's input that is dropped."""
    target_modules: list[str] | Literal["all-linear"] = "all-linear"
    """The names of the modules that get adapters; all-linear: all linear ones but W_out."""
    merge: bool = False
    """Also write the merged model."""


@dataclass(frozen=True)
class TrainingConfig:
    """The loop (transformers.Trainer). Rates and lengths in optimizer steps."""

    learning_rate: float = 2e-5
    """At its height."""
    batch_size: int = 8
    """Rows in one optimizer step, over all processes and accumulated micro-batches."""
    micro_batch_size: int = 8
    """Rows in one forward pass of one process."""
    epochs: float = 3.0
    """Passes over the rows of all sources."""
    max_steps: int = -1
    """The length of the run in place of `epochs`; -1: by epochs."""
    schedule: str = "cosine"
    """Of the learning rate: linear, cosine, constant, constant_with_warmup, polynomial or inverse_sqrt."""
    warmup_ratio: float = 0.03
    """The share of the steps over which the learning rate rises from 0."""
    weight_decay: float = 0.0
    """What a step takes off each weight, as a share, is this times the learning rate."""
    max_grad_norm: float = 1.0
    """A longer gradient is scaled down to this norm; 0: none is."""
    seed: int = 42
    """Of all that is drawn: the order of the rows, those that a weight leaves out, dropout."""
    bf16: Bf16 = "auto"
    """bf16 autocast over weights of `model.dtype`; auto: where the hardware multiplies bf16."""
    gradient_checkpointing: bool = False
    """Recompute activations in the backward pass: less memory, more time."""
    log_every: int = 10
    """Steps from one log of the losses to the next."""
    grad_norms_every: int = 0
    """Log the norm of each weighted term's gradient at its own supervised state every N steps; 0: never.

    Where several of these steps lie between two logs: the root of the mean of their squares."""
    eval_every: int = 0
    """Steps from one loss of `data.held_out` to the next; 0: at the end only."""
    save_every: int = 0
    """Steps from one checkpoint, which --resume goes on from, to the next; 0: none."""
    save_total_limit: int | None = 2
    """How many checkpoints are kept, the newest ones; null: all."""
    optimizer: str = "adamw_torch_fused"
    """Its name in transformers."""
    report_to: list[str] = field(default_factory=list)
    """Trackers by their names in transformers, such as tensorboard and wandb."""
    fsdp: bool = False
    """Shard weights, gradients and moments over the processes of `accelerate launch`."""
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
    """Adapters to train; null: the whole model is trained."""
    output_dir: str = "runs/latest"
    """The run folder to write."""
