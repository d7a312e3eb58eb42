"""Mistakes in the options of `deepsuper eval`, found before any weight is loaded."""

import os
from pathlib import Path

from deepsuper.common.errors import UserError, did_you_mean
from deepsuper.common.languages import meant_code
from deepsuper.common.options import check_ranges
from deepsuper.config import EvalConfig, ModelConfig
from deepsuper.evaluation.benchmarks import BENCHMARKS, PROFILES, file_language
from deepsuper.evaluation.harness import backend


def check_eval(config: EvalConfig) -> None:
    """Raises: UserError naming the first option out of range, before a weight is loaded."""
    languages = sorted({file_language(variant) for benchmark in BENCHMARKS.values() for variant in benchmark.tasks})
    for option, given, known in (
        ("benchmarks", config.benchmarks, list(BENCHMARKS)),
        ("langs", config.languages, languages),
        ("profile", config.profiles, list(PROFILES)),
    ):
        for name in given:
            if name not in known:
                meant = meant_code(name) if option == "langs" else None
                near = did_you_mean(meant or name, known)
                raise UserError(f"{option}: need some of {','.join(known)}, got {name!r}{near}")
    names = [folder_name(name) for name in config.models]
    twice = next((name for name in names if names.count(name) > 1), None)
    named = all("=" in part for part in config.backend_args.split(",") if part)
    check_ranges(
        [
            ("limit", config.limit, "at least 1", config.limit is None or config.limit >= 1),
            ("batch_size", config.batch_size, "at least 1", config.batch_size >= 1),
            ("backend_args", config.backend_args, "name=value with commas", named),
            ("models", twice, "names that end differently, because each is a folder of output_dir", twice is None),
        ]
    )
    if config.data_dir is not None and not Path(config.data_dir).is_dir():
        raise UserError(f"data_dir: no such folder {config.data_dir!r} (from {Path.cwd()})")
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise UserError("eval runs in one process: start it without accelerate launch or torchrun, once per GPU")
    backend(config.backend)
    if config.backend != EvalConfig.backend and config.engine != EvalConfig.engine:
        raise UserError(f"engine: backend {config.backend!r} has its own: leave out --engine, got {config.engine!r}")
    if config.backend != EvalConfig.backend:
        usual = ModelConfig(name="")
        for option in ("revision", "dtype", "trust_remote_code"):
            if (value := getattr(config.model, option)) != getattr(usual, option):
                raise UserError(
                    f"{option}: backend {config.backend!r} loads the model itself: give it as --backend_args "
                    f"{option}={value}, as that backend calls it"
                )


def folder_name(model: str) -> str:
    """The folder of a model's results in `output_dir`: the last part of its name, or of the folder that it names."""
    path = Path(model)
    return path.resolve().name if path.is_dir() else path.name
