"""`deepsuper data ...`: each command's parser beside what it calls, no logic."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentParser, Namespace

from deepsuper.evaluation.benchmarks import BENCHMARKS
from deepsuper.mixing.config import MixConfig


@dataclass(frozen=True)
class DataCommand:
    """One command: its line in the list of commands, its parser, and what runs with its values and its whole line."""

    help: str
    parser: Callable[[], ArgumentParser]
    run: Callable[[Namespace, list[str]], None]


def add_data_commands(parser: ArgumentParser) -> None:
    """Adds all commands of `deepsuper data` to its parser, which must be a command of its own before."""
    commands = parser.add_subcommands(dest="action", required=True)
    for name, command in DATA_COMMANDS.items():
        commands.add_subcommand(name, command.parser(), help=command.help)


def run_data(parsed: Namespace, line: list[str]) -> None:
    """Runs the command of `deepsuper data` that was asked for."""
    DATA_COMMANDS[parsed.action].run(parsed[parsed.action], line)


def split_names(text: str) -> tuple[Any, ...]:
    """`a, b` as a tuple."""
    return tuple(name.strip() for name in text.split(","))


def _layout_parser() -> ArgumentParser:
    return ArgumentParser(description="Print the files that --data_dir holds, their fields, and where to get them.")


def _layout(parsed: Namespace, line: list[str]) -> None:
    from deepsuper.evaluation.local import layout

    print(layout(), end="")


def _convert_parser() -> ArgumentParser:
    parser = ArgumentParser(description="Write the files of --data_dir from a benchmark's official download.")
    parser.add_argument("benchmark", choices=list(BENCHMARKS), help="which one it is")
    parser.add_argument("source", type=str, help="the file, folder or archive as downloaded")
    parser.add_argument("--data_dir", type=str, required=True, help="the folder to write to")
    parser.add_argument("--langs", type=str, default="zh,vi,ar", help="with commas")
    return parser


def _convert(parsed: Namespace, line: list[str]) -> None:
    from deepsuper.evaluation.official import convert

    written = convert(parsed.benchmark, Path(parsed.source), Path(parsed.data_dir), split_names(parsed.langs))
    for path, rows in written.items():
        print(f"{path}: {rows} rows")


def mix_parser() -> ArgumentParser:
    """The parser of a recipe of `deepsuper data mix`: every field of `MixConfig` is an option."""
    parser = ArgumentParser(
        description="Mix the rows of several files and languages, shuffled, in constant memory: weights, temperature, "
        "caps, a seed. Writes a file for each language, data.yaml for `deepsuper train`, skipped.jsonl and "
        "manifest.json. Every value of the recipe can be changed on the command line: --temperature 2",
        allow_abbrev=False,
    )
    parser.add_argument("--config", action="config", help="the recipe: a YAML file; RECIPE.yaml alone means the same")
    parser.add_class_arguments(MixConfig)
    return parser


def _mix(parsed: Namespace, line: list[str]) -> None:
    from deepsuper.mixing.run import run_mix

    fields = {name: parsed[name] for name in MixConfig.__dataclass_fields__}
    instantiated = mix_parser().instantiate(Namespace(**fields))  # type: ignore[no-untyped-call]
    run_mix(MixConfig(**{name: instantiated[name] for name in fields}), ["deepsuper", *line])


DATA_COMMANDS = {
    "layout": DataCommand("print what --data_dir holds", _layout_parser, _layout),
    "convert": DataCommand("convert an official download", _convert_parser, _convert),
    "mix": DataCommand("mix files and languages as a recipe says", mix_parser, _mix),
}
