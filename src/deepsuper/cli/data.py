"""`deepsuper data ...`: each command's parser beside what it calls, no logic."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from jsonargparse import ArgumentParser, Namespace

from deepsuper.evaluation.benchmarks import BENCHMARKS
from deepsuper.pairing import By, Compare, JoinConfig, Sentences
from deepsuper.sets import READERS


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


def _sdrrl_parser() -> ArgumentParser:
    from deepsuper.cli.parsers import recipe_parser  # which itself lists these commands

    parser = recipe_parser("Show the rows that a recipe with method sdrrl trains on: examples of each part, counts.")
    parser.add_argument("--output", type=str | None, default=None, help="a file to write all rows to, as JSON lines")
    return parser


def _sdrrl(parsed: Namespace, line: list[str]) -> None:
    from deepsuper.cli.parsers import run_config
    from deepsuper.sdrrl import run_synthesis

    run_synthesis(run_config(parsed), None if parsed.output is None else Path(parsed.output))
def _join_parser() -> ArgumentParser:
    parser = ArgumentParser(description="Pair the rows of one set in English and in another language.")
    source = "a file (JSON array, JSON lines or two columns, plain or gzip), a folder, or a hub name"
    parser.add_argument("--en", type=str, required=True, help=f"the English side: {source}")
    parser.add_argument("--tgt", type=str, required=True, help="the other side, likewise")
    parser.add_argument("--lang", type=str, required=True, help="its language: zh, vi, ar ...")
    parser.add_argument(
        "--output", type=str, required=True, help="the .jsonl file to write; *.aside.jsonl gets the rest"
    )
    how = "how rows find each other; auto: the surest way"
    parser.add_argument("--by", choices=get_args(By), default="auto", help=how)
    for side in ("en", "tgt"):
        formats, subset = ["auto", *READERS], "the subset of a hub data set, such as zh"
        parser.add_argument(
            f"--format_{side}", choices=formats, default="auto", help="what the set is; auto: by its fields"
        )
        parser.add_argument(f"--subset_{side}", type=str | None, default=None, help=subset)
    parser.add_argument("--split", type=str, default="train", help="the split of a hub data set")
    made = "of sentences: rows that ask for a translation, or the sentences"
    parser.add_argument("--sentences", choices=get_args(Sentences), default="translate", help=made)
    compared = "what is compared; questions: where each language has answers of its own"
    parser.add_argument("--compare", choices=get_args(Compare), default="rows", help=compared)
    parser.add_argument("--seed", type=int, default=0, help="of the rows that are drawn to compare with")
    return parser


def _join(parsed: Namespace, line: list[str]) -> None:
    from deepsuper.pairing.run import run_join

    names = [name for name in JoinConfig.__dataclass_fields__ if name != "language"]
    run_join(JoinConfig(language=parsed.lang, **{name: parsed[name] for name in names}), ["deepsuper", *line])


DATA_COMMANDS = {
    "layout": DataCommand("print what --data_dir holds", _layout_parser, _layout),
    "sdrrl": DataCommand("show what method sdrrl trains on", _sdrrl_parser, _sdrrl),
    "convert": DataCommand("convert an official download", _convert_parser, _convert),
    "join": DataCommand("pair the rows of one set in two languages", _join_parser, _join),
}
