"""`deepsuper data ...`: each command's parser beside what it calls, no logic."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentParser, Namespace

from deepsuper.doctor.config import CheckConfig
from deepsuper.evaluation.benchmarks import BENCHMARKS


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


def _check_parser() -> ArgumentParser:
    parser = ArgumentParser(
        description="Examine parallel rows: a report in the terminal and as one page, and with --fix the rows without "
        "those that have errors. Writes report.html, report.json and findings.jsonl."
    )
    parser.add_argument("files", nargs="*", type=str, help="JSON lines with both sides, plain or gzip")
    parser.add_argument("--lang", type=str, default=None, help="of the target side (default: told from the texts)")
    parser.add_argument("--fix", action="store_true", help="write NAME.kept.jsonl and NAME.removed.jsonl too")
    parser.add_argument("--reasons", type=str, default="", help="what --fix removes for (default: errors); all; commas")
    parser.add_argument("--ignore", type=str, default="", help="checks to leave out; with commas")
    meaning = "evaluation sets that no row may hold, beside the packaged ones; see `data layout`"
    parser.add_argument("--data_dir", type=str, default=None, help=meaning)
    for name, meaning in CHECK_THRESHOLDS.items():
        default = CheckConfig.__dataclass_fields__[name].default
        parser.add_argument(f"--{name}", type=type(default), default=default, help=meaning)
    parser.add_argument("--limit", type=int, default=CheckConfig.limit, help="rows of each reason on the page")
    parser.add_argument("--workers", type=int | None, default=None, help="processes (default: a core each, up to 4)")
    parser.add_argument("--strict", action="store_true", help="exit with status 1 where a row has an error")
    parser.add_argument("--output_dir", type=str, default="runs/check", help="the folder to write")
    parser.add_argument("--seed", type=int, default=CheckConfig.seed, help="of the rows that are shown")
    return parser


CHECK_THRESHOLDS = {
    "length_distance": "standard deviations from the usual ratio of lengths",
    "score_distance": "standard deviations below the usual alignment score",
    "similarity": "of near-duplicates: shared runs of words",
    "word_gram": "words in a row that an evaluation text must share",
    "character_gram": "the same, for languages without spaces",
}


def _check(parsed: Namespace, line: list[str]) -> None:
    from deepsuper.doctor.run import run_check

    names = ("fix", "data_dir", "limit", "workers", "seed", *CHECK_THRESHOLDS)
    reasons, ignore = (split_names(parsed[name]) if parsed[name] else () for name in ("reasons", "ignore"))
    options = {name: parsed[name] for name in names}
    config = CheckConfig(tuple(parsed.files), parsed.lang, reasons=reasons, ignore=ignore, **options)
    checked = run_check(config, Path(parsed.output_dir))
    if parsed.strict and any(one.flagged("error") for one in checked):
        sys.exit(1)


DATA_COMMANDS = {
    "check": DataCommand("say what is wrong with parallel rows", _check_parser, _check),
    "layout": DataCommand("print what --data_dir holds", _layout_parser, _layout),
    "convert": DataCommand("convert an official download", _convert_parser, _convert),
}
