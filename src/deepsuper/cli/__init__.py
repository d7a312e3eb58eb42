"""The command line: parses and calls, no logic. It stands on all rooms; read `main` first."""

from __future__ import annotations

import itertools
import logging
import os
import re
import sys
from argparse import ArgumentError
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jsonargparse import Namespace

from deepsuper.cli.arguments import expand_home, field_values, from_values, model_config, split_names
from deepsuper.cli.data import DATA_COMMANDS, run_data
from deepsuper.cli.messages import explain
from deepsuper.cli.parsers import make_parser
from deepsuper.common.errors import UserError
from deepsuper.config import AlignConfig, CompareConfig, EvalConfig, LayersConfig, RunConfig

OPTION = re.compile(r"^--[A-Za-z][\w.-]*")


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs one command. A user's mistake ends in one line and exit status 2, an interrupt in 130.

    Every other exception is a bug: it keeps its traceback, and ends with 1.
    """
    # Large pages make the gradient of a big vocabulary cheaper; torch reads this when it first allocates.
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    for noisy in ("httpx", "httpx2", "openai", "transformers", "accelerate", "lm_eval"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    line = list(sys.argv[1:] if arguments is None else arguments)
    try:
        parsed = _parse(line)
        COMMANDS[parsed.command](parsed[parsed.command], line)
    except UserError as error:
        sys.exit(_fail(str(error), error.exit_status))
    except KeyboardInterrupt:
        sys.exit(_fail("interrupted; train goes on with --resume, eval and data translate when run again", 130))


def parse_recipe(line: Sequence[str]) -> RunConfig:
    """The configuration of `RECIPE.yaml --name value ...`, as `deepsuper train` reads it; nothing is checked yet."""
    return from_values(RunConfig, _parse(["show", *line])["show"])


def _parse(line: Sequence[str]) -> Namespace:
    """The values of a command line. Raises: UserError in one line where it cannot be read."""
    try:
        parsed: Namespace = make_parser().parse_args(_with_config(list(line)))
        expand_home(parsed)
        return parsed
    except ArgumentError as error:
        message = explain(str(error))
    if ": need " not in message:
        command = itertools.takewhile(lambda word: word in COMMANDS or word in DATA_COMMANDS, line[:2])
        message += f" (see {' '.join(['deepsuper', *command])} --help)"
    raise UserError(message)


def _with_config(given: list[str]) -> list[str]:
    """`train RECIPE.yaml ...` as `train --config RECIPE.yaml ...`, and so for all commands that take recipes.

    Options have underscores, as transformers' and the harness's have; with dashes (`--data-dir`) they are known too.
    """
    line = [OPTION.sub(lambda found: "--" + found[0][2:].replace("-", "_"), word) for word in given]
    for command in (["train"], ["show"], ["data", "sdrrl"], ["data", "mix"]):
        rest = line[len(command) :]
        if line[: len(command)] == command and rest and not rest[0].startswith("-"):
            return [*command, "--config", *rest]
    return line


def _train(parsed: Namespace, line: list[str]) -> None:
    from deepsuper.training.run import train

    folder = train(from_values(RunConfig, parsed), resume=parsed.resume, command=["deepsuper", *line])
    logging.getLogger("deepsuper").info("run folder: %s", folder)


def _show(parsed: Namespace, line: list[str]) -> None:
    from deepsuper.training.run import describe, resolve

    config = from_values(RunConfig, parsed)
    objective = resolve(config, files=False)
    print(f"{config.objective.method} of {config.model.name} ({objective.terms['tft'].layer} layers)")
    print(describe(config, objective))
    if config.objective.layers == "auto":
        print("layers: auto: measured before training; the ones above are the paper's shares of the depth")


def _merge(parsed: Namespace, line: list[str]) -> None:
    from deepsuper.models.load import merge_adapter

    print(merge_adapter(Path(parsed.adapter), Path(parsed.output), model_config("", parsed)))


def _demo(parsed: Namespace, line: list[str]) -> None:
    from deepsuper.demo import run_demo

    run_demo(parsed.lang, Path(parsed.output_dir or f"runs/demo-{parsed.lang}"), seed=parsed.seed)


def _layers(parsed: Namespace, line: list[str]) -> None:
    from deepsuper.inside.layers import run_layers

    config = LayersConfig(**{**_reading(LayersConfig, parsed), "criteria": split_names(parsed.criteria)})
    run_layers(config, Path(parsed.output_dir or f"runs/layers-{_stem(parsed.model)}-{parsed.lang}"))


def _lens(parsed: Namespace, line: list[str]) -> None:
    from deepsuper.inside.logit_lens import run_lens

    options = {name: parsed[name] for name in ("tuned", "top", "lens_norm", "max_length")}
    run_lens(model_config(parsed.model, parsed), parsed.text, Path(parsed.html), **options)


def _align(parsed: Namespace, line: list[str]) -> None:
    from deepsuper.inside.align import run_align

    config = AlignConfig(**_reading(AlignConfig, parsed))
    run_align(config, Path(parsed.output_dir or f"runs/align-{_stem(parsed.tuned or parsed.model)}-{parsed.lang}"))


def _eval(parsed: Namespace, line: list[str]) -> None:
    from deepsuper.evaluation.run import run_eval

    if not parsed.models:
        raise UserError("models: need at least one hub name, folder, run folder or packaged model")
    own = field_values(EvalConfig, parsed)
    own |= {"models": tuple(parsed.models), "model": model_config("", parsed), "languages": split_names(parsed.langs)}
    own |= {"benchmarks": split_names(parsed.benchmarks), "profiles": split_names(parsed.profile)}
    run_eval(EvalConfig(**own), Path(parsed.output_dir), ["deepsuper", *line])


def _compare(parsed: Namespace, line: list[str]) -> None:
    from deepsuper.evaluation.compare import run_compare

    run_compare(CompareConfig(**{**field_values(CompareConfig, parsed), "runs": tuple(parsed.runs)}))


def _reading(config: type[Any], parsed: Namespace) -> dict[str, Any]:
    """The fields of a reading command's configuration."""
    return {**field_values(config, parsed), "model": model_config(parsed.model, parsed), "language": parsed.lang}


def _stem(model: str) -> str:
    """The last part of a hub name or path."""
    return Path(model).name or "model"


def _fail(message: str, status: int) -> int:
    # An open progress bar would stand before the message on its line, and be drawn again below it.
    if "tqdm" in sys.modules:
        for bar in list(sys.modules["tqdm"].tqdm._instances):
            bar.close()
    print(f"deepsuper: error: {message}", file=sys.stderr)
    return status


COMMANDS: dict[str, Any] = {
    "train": _train,
    "show": _show,
    "merge": _merge,
    "layers": _layers,
    "lens": _lens,
    "align": _align,
    "eval": _eval,
    "compare": _compare,
    "data": run_data,
    "demo": _demo,
}
