"""The commands that train models, show what they would train, and merge or demonstrate the result."""

import logging
from typing import get_args

from jsonargparse import SUPPRESS, ArgumentParser, Namespace

from deepsuper.cli.arguments import (
    add_fields,
    add_resume,
    add_weights_arguments,
    field_values,
    from_values,
    model_config,
    recipe_parser,
)
from deepsuper.cli.commands import Command
from deepsuper.config import DemoConfig, MergeConfig, RunConfig
from deepsuper.config.demo import DemoLanguage


def _train_parser() -> ArgumentParser:
    parser = recipe_parser("Train a model as a recipe says. Writes a run folder.")
    add_resume(parser, "resume from the newest checkpoint in output_dir; auto: start, resume, or leave a finished run")
    return parser


def _train(parsed: Namespace, line: list[str]) -> None:
    from deepsuper.training.run import train

    folder = train(from_values(RunConfig, parsed), resume=parsed.resume, command=["deepsuper", *line])
    logging.getLogger("deepsuper").info("run folder: %s", folder)


def _show_parser() -> ArgumentParser:
    parser = recipe_parser("Print the objective of a recipe as a formula, with layers, weights and options.")
    # `train --print_config` prints this option too, and what it prints must be a valid recipe for `show`.
    add_resume(parser, SUPPRESS)
    return parser


def _show(parsed: Namespace, line: list[str]) -> None:
    from deepsuper.models.depth import depth_of
    from deepsuper.training.resolve import describe, resolve

    config = from_values(RunConfig, parsed)
    objectives = resolve(config, files=False)
    print(f"{config.method} of {config.model.name} ({depth_of(config.model)} layers)")
    print(describe(config, objectives))
    if any(stream.objective.layers == "auto" for stream in config.all_streams.values()):
        print("layers: auto: they are measured before training; those above are the paper's shares of the depth")


def _merge_parser() -> ArgumentParser:
    parser = ArgumentParser(description="Merge a LoRA adapter into its base model and write an ordinary model folder.")
    parser.add_argument("adapter", type=str, help="the adapter folder of a run")
    parser.add_argument("output", type=str, help="the model folder to write")
    add_weights_arguments(parser)
    return parser


def _merge(parsed: Namespace, line: list[str]) -> None:
    from deepsuper.models.merge import merge_adapter

    print(merge_adapter(MergeConfig(parsed.adapter, parsed.output, model_config("", parsed))))


def _demo_parser() -> ArgumentParser:
    parser = ArgumentParser(
        description="Fine-tune the packaged gemma-3-270m on parallel questions, by the translated rows alone (TFT) and "
        "with deep supervision, and compare both with the untouched model on held-out articles."
    )
    parser.add_argument("--lang", choices=get_args(DemoLanguage), default="zh", help="the target language")
    add_fields(parser, DemoConfig, but={"language", "model", "steps", "questions"})
    return parser


def _demo(parsed: Namespace, line: list[str]) -> None:
    from deepsuper.demo.run import run_demo

    run_demo(DemoConfig(language=parsed.lang, **field_values(DemoConfig, parsed)))


TRAIN = Command("train a model as a recipe says", _train_parser, _train, recipe=True)
SHOW = Command("print the objective of a recipe as a formula", _show_parser, _show, recipe=True)
MERGE = Command("merge a LoRA adapter into its base model", _merge_parser, _merge)
DEMO = Command("fine-tune a real model on real rows in ten to thirty minutes", _demo_parser, _demo)
