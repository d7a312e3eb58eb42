"""The options of a run: frozen dataclasses, filled from a YAML file and the command line (jsonargparse).

The docstring of a field is the help text of its option. None is called null there, as in YAML.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from deepsuper.config.objective import ObjectiveConfig

Bf16 = bool | Literal["auto"]
"""bf16 autocast; auto: if the hardware has instructions for it."""


@dataclass(frozen=True)
class ModelConfig:
    """The base model."""

    name: str
    """A hub name, a folder, or a packaged model (gemma-3-270m, smollm2-135m)."""
    revision: str | None = None
    """The branch, tag or commit of a hub model; null: the main branch."""
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    """The data type of the weights."""
    attention: Literal["auto", "eager", "sdpa", "flash_attention_2", "flex_attention"] = "auto"
    """The attention implementation in transformers; auto: the default of transformers for the model."""
    trust_remote_code: bool = False
    """Run the Python code that comes with a hub model."""


@dataclass(frozen=True)
class SourceConfig:
    """Rows of one language: from `path`, from `path` and `path_en`, or from `hub` and `split`."""

    language: str
    """The language code of the target side, such as zh."""
    path: str | None = None
    """A JSON Lines file, plain or gzip, or packaged rows such as packaged:xquad.zh.train."""
    path_en: str | None = None
    """A separate file with the English side; its rows are joined with those of `path` by id."""
    hub: str | None = None
    """The name of a data set on the Hugging Face hub."""
    split: str = "train"
    """The split of the hub data set."""
    weight: float = 1.0
    """How often each epoch uses this source: 2 is twice, 0.5 is a random half of its rows."""


LanguagePair = Literal["en-en", "en-tgt", "tgt-en", "tgt-tgt"]
"""The language of a question, then that of its answer."""
Completion = Literal["translate", "complete"]


@dataclass(frozen=True)
class SdrrlConfig:
    """The parts of the SDRRL corpus, for `method: sdrrl`. Each part can be left out (docs/decisions.md)."""

    distill: bool = True
    """Use English answers that the model generates; false: the answers in the rows."""
    teacher: str | None = None
    """The model that answers: a hub name, a folder, a run folder or a packaged model; null: the base model."""
    temperature: float = 0.0
    """The sampling temperature of the answers; 0: greedy decoding."""
    max_answer: int = 256
    """The length limit of a generated answer in tokens. If an answer reaches it, the answer in the row is used."""
    batch_size: int = 16
    """How many prompts are answered in one batch."""
    directions: list[LanguagePair] = field(default_factory=lambda: ["en-en", "en-tgt", "tgt-en", "tgt-tgt"])
    """The languages of question and answer; every row is used once in each."""
    code_switch: float = 0.3
    """The share of the aligned words of a question that are replaced by their translation; 0: no code-switched rows."""
    switch_answers: bool = False
    """Code-switch the answers of these rows too."""
    completion: list[Completion] = field(default_factory=lambda: ["translate", "complete"])
    """The instructions, in the target language, that are made from parallel sentences."""
    sentences: str | None = None
    """A file of parallel sentences; null: the packaged sentences of FLORES-200 dev."""


@dataclass(frozen=True)
class DataConfig:
    """The rows, their prompt and what to do with bad rows."""

    train: list[SourceConfig] = field(default_factory=list)
    """The sources of the training rows; a recipe with `streams` names them there instead."""
    held_out: list[SourceConfig] = field(default_factory=list)
    """The sources of the rows for the held-out loss; see `training.eval_every`."""
    template: Literal["alpaca", "plain", "chat"] = "alpaca"
    """The prompt: that of Alpaca, the question alone, or the chat template of the tokenizer."""
    max_length: int = 512
    """The length limit of prompt and answer together, in tokens. A longer answer is truncated."""
    normalization: Literal["NFC", "none"] = "NFC"
    """The Unicode normalization of all texts."""
    on_bad_row: Literal["error", "skip"] = "error"
    """Stop at a bad row, or leave it out and write it to skipped.jsonl."""
    sdrrl: SdrrlConfig | None = None
    """For `method: sdrrl`; null: all parts with their defaults."""


@dataclass(frozen=True)
class LoraConfig:
    """Low-rank adapters (peft) instead of full fine-tuning."""

    r: int = 16
    """The rank of the adapters."""
    alpha: int = 32
    """The output of an adapter is multiplied by alpha / r."""
    dropout: float = 0.0
    """The dropout of an adapter's input."""
    target_modules: list[str] | Literal["all-linear"] = "all-linear"
    """The names of the modules that get adapters; all-linear: all linear modules except W_out."""
    merge: bool = False
    """Also write the base model with the adapter merged into it."""


@dataclass(frozen=True)
class TrainingConfig:
    """The training loop (transformers.Trainer). A step is an optimizer step."""

    learning_rate: float = 2e-5
    """The highest learning rate of the schedule."""
    batch_size: int = 8
    """The number of rows in one step, over all processes and accumulated micro-batches."""
    micro_batch_size: int = 8
    """The number of rows in one forward pass of one process."""
    packing: Literal["none", "packed"] = "none"
    """packed: rows of a micro-batch share sequences, without seeing each other. The losses are the same; there is less
    padding to compute."""
    epochs: float = 3.0
    """How many times the rows of all sources are used."""
    max_steps: int = -1
    """The number of steps, instead of `epochs`; -1: use `epochs`."""
    schedule: str = "cosine"
    """The learning rate schedule: linear, cosine, constant, constant_with_warmup, polynomial or inverse_sqrt."""
    warmup_ratio: float = 0.03
    """The share of the steps in which the learning rate rises from 0."""
    weight_decay: float = 0.0
    """The weight decay of the optimizer."""
    max_grad_norm: float = 1.0
    """Gradients are clipped to this norm; 0: no clipping."""
    seed: int = 42
    """The random seed of the row order, of the rows that a source's weight selects, and of dropout."""
    bf16: Bf16 = "auto"
    """bf16 autocast, with weights in `model.dtype`; auto: if the hardware supports it."""
    gradient_checkpointing: bool = False
    """Recompute activations in the backward pass, which takes less memory and more time."""
    log_every: int = 10
    """Log the losses every N steps."""
    grad_norms_every: int = 0
    """Measure, every N steps, the gradient norm of each weighted term at the state that it supervises; 0: never.

    If several of these steps fall between two logs, the root mean square is logged."""
    eval_every: int = 0
    """Measure the loss on `data.held_out` every N steps; 0: only at the end."""
    save_every: int = 0
    """Save a checkpoint every N steps, from which --resume continues; 0: never."""
    save_total_limit: int | None = 2
    """How many of the newest checkpoints are kept; null: all."""
    freeze_blocks: str | int | None = None
    """Blocks that do not train, counted from 1, such as 1-6 or 1-4,8-9; with `lora`: their adapters; null: none."""
    optimizer: str = "adamw_torch_fused"
    """The name of an optimizer in transformers."""
    report_to: list[str] = field(default_factory=list)
    """Experiment trackers, by their names in transformers, such as tensorboard and wandb."""
    fsdp: bool = False
    """Shard weights, gradients and optimizer states over the processes of `accelerate launch`."""
    chunk_mib: int = 192
    """The largest piece of logits that a cross-entropy holds at a time, in MiB."""


@dataclass(frozen=True)
class StreamConfig:
    """One of several streams of a run: its rows, what is learnt from them, and its share of the steps."""

    train: list[SourceConfig]
    """The sources of the stream's rows."""
    objective: ObjectiveConfig = field(default_factory=ObjectiveConfig)
    steps: int = 1
    """How many steps of each round train on this stream."""
    batch_size: int | None = None
    """The number of the stream's rows in one of its steps; null: `training.batch_size`."""


StreamSchedule = Literal["alternate", "joined"]


@dataclass(frozen=True)
class RunConfig:
    """One run, as `deepsuper train RECIPE.yaml` reads it."""

    model: ModelConfig
    data: DataConfig = field(default_factory=DataConfig)
    objective: ObjectiveConfig = field(default_factory=ObjectiveConfig)
    streams: dict[str, StreamConfig] = field(default_factory=dict)
    """Several streams by name, each with `train`, `objective`, `steps` and `batch_size`, instead of `data.train` and
    `objective`. The first one that learns answers is the task."""
    schedule: StreamSchedule = "alternate"
    """For `streams`: each step trains on one stream, in turn; joined: each step trains on all of them."""
    training: TrainingConfig = field(default_factory=TrainingConfig)
    lora: LoraConfig | None = None
    """Train adapters; null: train the whole model."""
    output_dir: str = "runs/latest"
    """The run folder that is written."""

    @property
    def all_streams(self) -> dict[str, StreamConfig]:
        """The streams by name: one without a name, of `data.train` and `objective`, unless the recipe has `streams`."""
        return self.streams or {"": StreamConfig(self.data.train, self.objective)}

    @property
    def method(self) -> str:
        """The method, or those of the streams."""
        return " + ".join(stream.objective.method for stream in self.all_streams.values())

    def sources(self) -> Iterator[tuple[str, SourceConfig]]:
        """Pairs of an option and the source of rows that it names."""
        lists = {f"{option_of(name, 'data')}train": stream.train for name, stream in self.all_streams.items()}
        for option, sources in {**lists, "data.held_out": self.data.held_out}.items():
            for n, source in enumerate(sources):
                yield f"{option}[{n}]", source

    def row_files(self) -> Iterator[tuple[str, str]]:
        """Pairs of an option and the local file of rows that it names."""
        for name, source in self.sources():
            for option, path in (("path", source.path), ("path_en", source.path_en)):
                if path is not None:
                    yield f"{name}.{option}", path

    def files(self) -> Iterator[tuple[str, str]]:
        """Pairs of an option and the local file that it names: rows and parallel sentences."""
        yield from self.row_files()
        if self.data.sdrrl is not None and self.data.sdrrl.sentences is not None:
            yield "data.sdrrl.sentences", self.data.sdrrl.sentences


def option_of(stream: str, group: str) -> str:
    """What the options of a stream begin with: `streams.NAME.`, or those of `group` where the run has one stream."""
    return f"streams.{stream}." if stream else f"{group}."
