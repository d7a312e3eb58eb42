"""The command line: parses and calls, no logic."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from jsonargparse import SUPPRESS, ArgumentParser, Namespace

from deepsuper.config import AlignConfig, EvalConfig, LayersConfig, ModelConfig, Positions, RunConfig
from deepsuper.evaluation.benchmarks import BENCHMARKS

DESCRIPTION = "Deep supervision fine-tuning: make English-centric language models good at other languages."
EVERY_BENCHMARK = tuple(BENCHMARKS)
EPILOG = "Every value of a recipe can be changed on the command line: --training.learning_rate 1e-5"


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs one command. A user's mistake ends in one line and exit status 2, an interrupt in 130."""
    # Large pages make the gradient of a big vocabulary cheaper; torch reads this when it first allocates.
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    for noisy in ("httpx", "transformers", "accelerate", "lm_eval"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    line = list(sys.argv[1:] if arguments is None else arguments)
    parsed = make_parser().parse_args(_with_config(line))
    try:
        COMMANDS[parsed.command](parsed[parsed.command], line)
    except ValueError as error:
        sys.exit(_fail(str(error), 2))
    except KeyboardInterrupt:
        sys.exit(_fail("interrupted; a run goes on with --resume", 130))
    except RuntimeError as error:
        if type(error).__name__ != "Diverged":
            raise
        sys.exit(_fail(str(error), 1))


def make_parser() -> ArgumentParser:
    """The parser of all commands."""
    parser = ArgumentParser(prog="deepsuper", description=DESCRIPTION, epilog=EPILOG, allow_abbrev=False)
    commands = parser.add_subcommands(dest="command", required=True)
    train = _recipe_parser("Train a model as a recipe says; leaves a run folder.")
    train.add_argument("--resume", action="store_true", help="go on from the newest checkpoint of output_dir")
    commands.add_subcommand("train", train, help="train a model as a recipe says")
    show = _recipe_parser("Print the objective of a recipe as a formula, with layers, weights and options.")
    # What `train --print_config` prints holds it, and is a recipe too.
    show.add_argument("--resume", action="store_true", help=SUPPRESS)
    commands.add_subcommand("show", show, help="print the objective of a recipe as a formula")
    merge = ArgumentParser(description="Add the changes of a LoRA adapter into its base model.")
    merge.add_argument("adapter", type=str, help="the adapter folder of a run")
    merge.add_argument("output", type=str, help="the model folder to write")
    commands.add_subcommand("merge", merge, help="add a LoRA adapter into its base model")
    commands.add_subcommand("layers", _layers_parser(), help="find the critical layers i and j of a model")
    commands.add_subcommand("lens", _lens_parser(), help="show what a model would say at every layer of a text")
    commands.add_subcommand("align", _align_parser(), help="measure how alike both languages' states are")
    commands.add_subcommand("eval", _eval_parser(), help="score models on benchmarks, on local or hub data")
    commands.add_subcommand("demo", _demo_parser(), help="fine-tune a real model on real rows in ten minutes")
    return parser


def _recipe_parser(description: str) -> ArgumentParser:
    parser = ArgumentParser(description=description + " " + EPILOG, allow_abbrev=False)
    parser.add_argument("--config", action="config", help="the recipe: a YAML file; RECIPE.yaml alone means the same")
    parser.add_class_arguments(RunConfig)
    return parser


def _demo_parser() -> ArgumentParser:
    parser = ArgumentParser(
        description="Fine-tune the packaged gemma-3-270m on parallel questions, by the translated rows alone (TFT) and "
        "with deep supervision, and compare both with the untouched model on held-out articles."
    )
    parser.add_argument("--lang", choices=["zh", "vi", "ar"], default="zh", help="the target language")
    parser.add_argument("--output_dir", type=str, default=None, help="the run folder (default runs/demo-LANG)")
    parser.add_argument("--seed", type=int, default=42, help="of the order of the rows")
    return parser


def _layers_parser() -> ArgumentParser:
    parser = ArgumentParser(
        description="Find the layers i and j that deep supervision needs: from the entropy of each layer on text of "
        "the target language, as in the paper, and by two independent criteria. Writes layers.json, layers.png and the "
        "lines for a recipe, layers.yaml."
    )
    _add_reading_arguments(parser, LayersConfig.sentences)
    parser.add_argument("--criteria", type=str, default="entropy", help="of entropy,language,alignment; with commas")
    _add_positions(parser, LayersConfig.positions, "tokens that count")
    parser.add_argument("--lens_norm", type=bool, default=True, help="the final norm before the head at inner layers")
    parser.add_argument("--resamples", type=int, default=300, help="bootstrap samples of the sentences")
    return parser


def _lens_parser() -> ArgumentParser:
    parser = ArgumentParser(
        description="Show the likeliest tokens of each layer and position of a text, with probability, entropy and "
        "script: in the terminal, and as one page to walk through, also with a tuned model beside its base."
    )
    parser.add_argument("model", type=str, help="a hub name, a folder, a run folder or a packaged model")
    parser.add_argument("text", type=str, help="what the model reads")
    parser.add_argument("--tuned", type=str, default=None, help="a model after tuning, or its run folder, to compare")
    parser.add_argument("--html", type=str, default="runs/lens.html", help="the page to write")
    parser.add_argument("--top", type=int, default=5, help="tokens of each cell of the page")
    parser.add_argument("--lens_norm", type=bool, default=True, help="the final norm before the head at inner layers")
    parser.add_argument("--max_length", type=int, default=512, help="tokens of the text")
    _add_weights_arguments(parser)
    return parser


def _align_parser() -> ArgumentParser:
    parser = ArgumentParser(
        description="Measure how alike the states of parallel sentences are, at each layer, in one model or before and "
        "after tuning: cosine, retrieval, CKA, t-SNE (the paper's figure 4). Writes align.json, align.png and tsne.png."
    )
    _add_reading_arguments(parser, AlignConfig.sentences)
    parser.add_argument("tuned", nargs="?", type=str, default=None, help="the model after tuning, or its run folder")
    parser.add_argument("--layer", type=int, default=None, help="the layer of the t-SNE pictures (default: the last)")
    parser.add_argument("--layer_et", type=int, default=None, help="j of equation 7 (default: the paper's share)")
    _add_positions(parser, AlignConfig.positions, "tokens that are pooled")
    return parser


def _eval_parser() -> ArgumentParser:
    parser = ArgumentParser(
        description="Score models on the paper's benchmarks with lm-evaluation-harness, zero-shot. Leaves results.json "
        "and one line for each item; what is done is not run again."
    )
    parser.add_argument("models", nargs="*", type=str, help="hub names, folders, run folders or packaged models")
    parser.add_argument("--langs", type=str, default="zh,vi,ar", help="with commas")
    parser.add_argument("--benchmarks", type=str, default=",".join(EVERY_BENCHMARK), help="with commas")
    parser.add_argument("--data_dir", type=str, default=None, help="local files (default: the hub); see --layout")
    parser.add_argument("--layout", type=bool, default=False, help="print the files that --data_dir holds, and end")
    parser.add_argument("--strict", type=bool, default=False, help="a file that is absent is an error")
    parser.add_argument("--limit", type=int | None, default=None, help="the first items of each benchmark only")
    parser.add_argument("--batch_size", type=int, default=16)
    parser.add_argument("--output_dir", type=str, default="runs/eval", help="one folder for each model in it")
    _add_weights_arguments(parser)
    return parser


def _add_reading_arguments(parser: ArgumentParser, sentences: int | None) -> None:
    """What every command that reads sentences with a model asks for."""
    parser.add_argument("model", type=str, help="a hub name, a folder, a run folder or a packaged model")
    parser.add_argument("--lang", type=str, default="zh", help="the target language: zh, vi, ar, or any with --data")
    parser.add_argument("--data", type=str, default=None, help="a file of sentences (default: packaged FLORES-200)")
    parser.add_argument("--sentences", type=int | None, default=sentences, help="how many: the first ones; null: all")
    parser.add_argument("--max_length", type=int, default=512, help="tokens of one sentence")
    _add_weights_arguments(parser)
    parser.add_argument("--bf16", type=bool, default=True, help="bf16 autocast over the weights")
    parser.add_argument("--seed", type=int, default=0, help="of the bootstrap")
    parser.add_argument("--output_dir", type=str, default=None, help="the folder to write")


def _add_positions(parser: ArgumentParser, default: str, what: str) -> None:
    meaning = f"{what}: all but special ones, all but those and the first, or all"
    parser.add_argument("--positions", choices=get_args(Positions), default=default, help=meaning)


def _add_weights_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--dtype", choices=["float32", "bfloat16", "float16"], default="float32", help="of the weights")
    parser.add_argument("--revision", type=str, default=None, help="of a hub model")
    parser.add_argument("--trust_remote_code", type=bool, default=False, help="run code that comes with the model")


def parse_recipe(line: Sequence[str]) -> RunConfig:
    """The configuration of `RECIPE.yaml --name value ...`, as `deepsuper train` reads it; nothing is checked yet."""
    parsed = make_parser().parse_args(_with_config(["show", *line]))
    return _run_config(parsed["show"])


def _with_config(line: list[str]) -> list[str]:
    """`train RECIPE.yaml ...` as `train --config RECIPE.yaml ...`."""
    if len(line) > 1 and line[0] in ("train", "show") and not line[1].startswith("-"):
        return [line[0], "--config", *line[1:]]
    return line


def _run_config(parsed: Namespace) -> RunConfig:
    fields = {name: parsed[name] for name in RunConfig.__dataclass_fields__}
    instantiated = _recipe_parser("").instantiate(Namespace(**fields))  # type: ignore[no-untyped-call]
    return RunConfig(**{name: instantiated[name] for name in fields})


def _train(parsed: Namespace, line: list[str]) -> None:
    from deepsuper.training import train

    folder = train(_run_config(parsed), resume=parsed.resume, command=["deepsuper", *line])
    logging.getLogger("deepsuper").info("run folder: %s", folder)


def _show(parsed: Namespace, line: list[str]) -> None:
    from deepsuper.training import describe, resolve

    config = _run_config(parsed)
    objective = resolve(config)
    print(f"{config.objective.method} of {config.model.name} ({objective.terms['tft'].layer} layers)")
    print(describe(config, objective))
    if config.objective.layers == "auto":
        print("layers: auto: measured before training; the ones above are the paper's shares of the depth")


def _merge(parsed: Namespace, line: list[str]) -> None:
    from deepsuper.models import merge_adapter

    print(merge_adapter(Path(parsed.adapter), Path(parsed.output)))


def _demo(parsed: Namespace, line: list[str]) -> None:
    from deepsuper.demo import run_demo

    run_demo(parsed.lang, Path(parsed.output_dir or f"runs/demo-{parsed.lang}"), seed=parsed.seed)


def _layers(parsed: Namespace, line: list[str]) -> None:
    from deepsuper.layers import run_layers

    criteria = tuple(name.strip() for name in parsed.criteria.split(","))
    options = {name: parsed[name] for name in ("positions", "lens_norm", "resamples")}
    config = LayersConfig(**_reading(parsed), criteria=criteria, **options)
    run_layers(config, Path(parsed.output_dir or f"runs/layers-{_stem(parsed.model)}-{parsed.lang}"))


def _lens(parsed: Namespace, line: list[str]) -> None:
    from deepsuper.logit_lens import run_lens

    options = {name: parsed[name] for name in ("tuned", "top", "lens_norm", "max_length")}
    run_lens(_model(parsed), parsed.text, Path(parsed.html), **options)


def _align(parsed: Namespace, line: list[str]) -> None:
    from deepsuper.align import run_align

    options = {name: parsed[name] for name in ("tuned", "layer", "layer_et", "positions")}
    config = AlignConfig(**_reading(parsed), **options)
    run_align(config, Path(parsed.output_dir or f"runs/align-{_stem(parsed.tuned or parsed.model)}-{parsed.lang}"))


def _eval(parsed: Namespace, line: list[str]) -> None:
    from deepsuper.evaluation.local import layout

    if parsed.layout:
        print(layout(), end="")
        return
    from deepsuper.evaluation.run import run_eval

    if not parsed.models:
        raise ValueError("models: need at least one hub name, folder, run folder or packaged model")
    languages, benchmarks = (tuple(n.strip() for n in parsed[name].split(",")) for name in ("langs", "benchmarks"))
    options = {name: parsed[name] for name in ("data_dir", "limit", "batch_size", "strict")}
    model = ModelConfig("", parsed.revision, parsed.dtype, trust_remote_code=parsed.trust_remote_code)
    config = EvalConfig(tuple(parsed.models), model, languages, benchmarks, **options)
    run_eval(config, Path(parsed.output_dir), ["deepsuper", *line])


def _reading(parsed: Namespace) -> dict[str, Any]:
    """The fields that every configuration of a reading command has."""
    names = ("data", "sentences", "max_length", "bf16", "seed")
    return {"model": _model(parsed), "language": parsed.lang, **{name: parsed[name] for name in names}}


def _model(parsed: Namespace) -> ModelConfig:
    return ModelConfig(parsed.model, parsed.revision, parsed.dtype, trust_remote_code=parsed.trust_remote_code)


def _stem(model: str) -> str:
    """The last part of a hub name or path."""
    return Path(model).name or "model"


def _fail(message: str, status: int) -> int:
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
    "demo": _demo,
}
