"""Checks every value of a run's configuration before a weight is loaded."""

import os
from collections.abc import Iterator
from pathlib import Path

from deepsuper.common.errors import UserError
from deepsuper.common.options import Range, check_ranges, installed
from deepsuper.config import (
    DataConfig,
    LoraConfig,
    ObjectiveConfig,
    RunConfig,
    SdrrlConfig,
    SourceConfig,
    TrainingConfig,
    Weight,
)
from deepsuper.config.recipe import option_of
from deepsuper.data.packaged import rows_path
from deepsuper.data.texts import LANGUAGES
from deepsuper.method.methods import check_objective, method_of
from deepsuper.training.check_streams import check_streams, of_stream, task_of
from deepsuper.training.freeze import blocks_in
from deepsuper.training.libraries import library_names
from deepsuper.training.streams import micro_batch_sizes, processes

FLASH = "flash_attention_2"
SCHEDULES = ("linear", "cosine", "constant", "constant_with_warmup", "polynomial", "inverse_sqrt")


def check(config: RunConfig, *, files: bool = True) -> None:
    """Raises: UserError naming the first option at fault, its value and its range. Layers: see `build_objective`.

    `files` false: the files need not exist.
    """
    check_ranges(_ranges(config))
    blocks_in(config.training.freeze_blocks)
    check_streams(config)
    sizes = micro_batch_sizes(config)
    for name, stream in config.all_streams.items():
        with of_stream(name):
            check_ranges(_objective_ranges(stream.objective))
            check_objective(stream.objective)
            _check_together(config, stream.objective, sizes[name])
    check_ranges([("training.eval_every", config.training.eval_every, *_held_out(config))])
    _check_sdrrl(config)
    for name, source in config.sources():
        _check_source(name, source)
    _check_languages(config)
    if files:
        _check_files(config)


def check_machine(config: RunConfig) -> None:
    """Raises: UserError if this machine, or the launched processes, cannot train with `config`."""
    import torch

    launched = "LOCAL_RANK" in os.environ  # set by torchrun, and by accelerate where there are several
    alone = (
        "processes to shard over (accelerate launch --config_file recipes/fsdp.yaml -m deepsuper train ...), or false"
    )
    attention, gpu = config.model.attention, torch.cuda.is_available()
    able = "a GPU, because torch has no gradient of it on processors, or sdpa or eager"
    check_ranges(
        [
            ("training.fsdp", config.training.fsdp, alone, launched or not config.training.fsdp),
            ("model.attention", attention, able, gpu or attention != "flex_attention"),
        ]
    )


def _ranges(config: RunConfig) -> Iterator[Range]:
    yield "model.name", config.model.name, "a hub name, a folder or a packaged model", bool(config.model.name.strip())
    yield "output_dir", config.output_dir, "a folder", bool(config.output_dir.strip())
    attention = config.model.attention
    usable = attention != FLASH or installed("flash_attn")
    yield "model.attention", attention, "the package flash-attn, or another attention", usable
    yield from _data_ranges(config.data)
    yield from _training_ranges(config.training)
    if config.lora is not None:
        yield from _lora_ranges(config.lora)


def _data_ranges(data: DataConfig) -> Iterator[Range]:
    yield "data.max_length", data.max_length, "at least 2 tokens", data.max_length >= 2
    if data.sdrrl is not None:
        yield from _sdrrl_ranges(data.sdrrl)


def _sdrrl_ranges(s: SdrrlConfig) -> Iterator[Range]:
    yield "data.sdrrl.temperature", s.temperature, "0 (greedy) <= temperature <= 100", 0 <= s.temperature <= 100
    yield "data.sdrrl.max_answer", s.max_answer, "at least 1 token", s.max_answer >= 1
    yield "data.sdrrl.batch_size", s.batch_size, "at least 1", s.batch_size >= 1
    yield "data.sdrrl.code_switch", s.code_switch, "a share 0 <= code_switch <= 1", 0 <= s.code_switch <= 1
    for name in ("directions", "completion"):
        values = getattr(s, name)
        yield f"data.sdrrl.{name}", values, "each at most once", len(values) == len(set(values))
    something = bool(s.directions or s.completion)
    yield "data.sdrrl.directions", s.directions, "at least one, or some completion", something
    yield "data.sdrrl.teacher", s.teacher, "a model", s.teacher is None or bool(s.teacher.strip())


def _objective_ranges(objective: ObjectiveConfig) -> Iterator[Range]:
    for name in ("lc_weight", "et_weight", "retain_weight"):
        weight: Weight = getattr(objective, name)
        yield f"objective.{name}.value", weight.value, "0 <= value <= 1000", 0 <= weight.value <= 1000
        yield f"objective.{name}.warmup", weight.warmup, "a share 0 <= warmup < 1", 0 <= weight.warmup < 1
    for name in ("layer_lc", "layer_et", "retain_layer"):
        layer = getattr(objective, name)
        yield f"objective.{name}", layer, "a layer from 1", layer is None or layer >= 1
    yield "objective.ratio", objective.ratio, "0 < ratio <= 10", 0 < objective.ratio <= 10
    every = objective.balance_every
    yield "objective.balance_every", every, "at least 1", every >= 1
    temperature, momentum = objective.temperature, objective.momentum
    yield "objective.temperature", temperature, "0 < temperature <= 100", 0 < temperature <= 100
    yield "objective.momentum", momentum, "0 <= momentum < 1", 0 <= momentum < 1


def _training_ranges(t: TrainingConfig) -> Iterator[Range]:
    yield "training.learning_rate", t.learning_rate, "0 < learning_rate <= 1", 0 < t.learning_rate <= 1
    for name in ("batch_size", "micro_batch_size", "log_every", "chunk_mib"):
        yield f"training.{name}", getattr(t, name), "at least 1", getattr(t, name) >= 1
    yield "training.epochs", t.epochs, "0 < epochs <= 10000", 0 < t.epochs <= 10000
    yield "training.max_steps", t.max_steps, "-1 (by epochs) or at least 1", t.max_steps == -1 or t.max_steps >= 1
    yield "training.schedule", t.schedule, f"one of {', '.join(SCHEDULES)}", t.schedule in SCHEDULES
    yield "training.warmup_ratio", t.warmup_ratio, "0 <= warmup_ratio < 1", 0 <= t.warmup_ratio < 1
    yield "training.weight_decay", t.weight_decay, "0 <= weight_decay < 1", 0 <= t.weight_decay < 1
    yield "training.max_grad_norm", t.max_grad_norm, "0 (no clipping) or more", 0 <= t.max_grad_norm < float("inf")
    yield "training.seed", t.seed, "0 <= seed < 2**32", 0 <= t.seed < 2**32
    for name in ("grad_norms_every", "eval_every", "save_every"):
        yield f"training.{name}", getattr(t, name), "0 (never) or more", getattr(t, name) >= 0
    limit = t.save_total_limit
    yield "training.save_total_limit", limit, "none (keep all) or at least 1", limit is None or limit >= 1
    yield from library_names(t)


def _lora_ranges(lora: LoraConfig) -> Iterator[Range]:
    yield "lora.r", lora.r, "at least 1", lora.r >= 1
    yield "lora.alpha", lora.alpha, "at least 1", lora.alpha >= 1
    yield "lora.dropout", lora.dropout, "0 <= dropout < 1", 0 <= lora.dropout < 1
    yield "lora.target_modules", lora.target_modules, "all-linear or at least one name", bool(lora.target_modules)


def _check_together(config: RunConfig, objective: ObjectiveConfig, micro_batch: int) -> None:
    """Raises: UserError if options of an objective, the model and the training contradict each other."""
    method = method_of(objective)
    kinds = {method.lc, method.et}
    conditional = "logits" in kinds and objective.alignment == "conditional"
    learns = "feature" in kinds and not objective.detach_english
    retains = objective.retain != "none" and method.english_text == "query"
    if conditional:
        reason = "objective.alignment: conditional"
    elif learns or retains:
        reason = "objective.detach_english: false" if learns else f"objective.retain: {objective.retain}"
    else:
        reason = f"training.packing: {config.training.packing}"
    tree = conditional or learns or retains or config.training.packing == "packed"
    maskable = f"sdpa, eager or flex_attention, because texts of one pass are masked from each other ({reason})"
    compares = "feature" in kinds and (objective.similarity == "contrastive" or objective.center == "batch")
    several = "at least 2 rows over all processes, because a row is compared with the others (objective.%s)" % (
        "similarity: contrastive" if objective.similarity == "contrastive" else "center: batch"
    )
    check_ranges(
        [
            ("model.attention", config.model.attention, maskable, not tree or config.model.attention != FLASH),
            ("training.micro_batch_size", micro_batch, several, not compares or micro_batch * processes() >= 2),
        ]
    )


def _held_out(config: RunConfig) -> tuple[str, bool]:
    """What `training.eval_every` needs, and whether it is so."""
    return "0 (never) where there is no data.held_out", not config.training.eval_every or bool(config.data.held_out)


def _check_sdrrl(config: RunConfig) -> None:
    if config.streams or config.objective.method != "sdrrl":
        if config.data.sdrrl is not None:
            raise UserError(f"data.sdrrl is read by method: sdrrl, got method: {config.objective.method}")
        return
    parts = config.data.sdrrl or SdrrlConfig()
    languages = {source.language for source in config.data.train}
    unpackaged = sorted(languages - set(LANGUAGES))
    if parts.completion and parts.sentences is None and unpackaged:
        raise UserError(
            f"data.sdrrl.completion: no parallel sentences are packaged for {unpackaged[0]!r} (there are "
            f"{', '.join(LANGUAGES)}): give a file with data.sdrrl.sentences, or set data.sdrrl.completion to []"
        )
    if "zh" in languages and (parts.code_switch or parts.completion) and not installed("rjieba"):
        raise UserError("data.sdrrl: Chinese words need the package rjieba: pip install 'deepsuper[data]'")


def _check_source(name: str, source: SourceConfig) -> None:
    if (source.path is None) == (source.hub is None):
        raise UserError(f"{name}: need either path or hub, got path {source.path!r}, hub {source.hub!r}")
    if source.path_en is not None and source.path is None:
        raise UserError(f"{name}.path_en {source.path_en!r}: need path beside it, to join by id")
    if not 0 < source.weight <= 1000:
        raise UserError(f"{name}.weight: need 0 < weight <= 1000, got {source.weight!r}")
    if not source.language.strip():
        raise UserError(f"{name}.language: need a language code such as zh, got {source.language!r}")


def _check_languages(config: RunConfig) -> None:
    task = config.all_streams[task_of(config)]
    trained = list(dict.fromkeys(source.language for source in task.train))
    for n, source in enumerate(config.data.held_out):
        if source.language not in trained:
            raise UserError(
                f"data.held_out[{n}].language: need a language of {option_of(task_of(config), 'data')}train "
                f"({', '.join(trained)}), got {source.language!r}"
            )


def _check_files(config: RunConfig) -> None:
    for name, path in config.files():
        if not rows_path(path, name).is_file():
            raise UserError(f"{name}: no such file {path!r} (from {Path.cwd()})")
