"""The commands of `deepsuper study`."""

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from jsonargparse import ArgumentParser, Namespace

from deepsuper.cli.arguments import class_parser, from_values, parse_alone, parse_recipe
from deepsuper.cli.commands import Command
from deepsuper.cli.evaluation import COMPARE, EVAL
from deepsuper.cli.inside import ALIGN, LAYERS
from deepsuper.common.errors import UserError
from deepsuper.config.study import StudyConfig

if TYPE_CHECKING:
    from deepsuper.study.run import Planned

EPILOG = "Every value of the study can be changed on the command line: --axes.seed '[1, 2]'"


def _show_parser() -> ArgumentParser:
    return _study_parser("List the cells of a study: what is done, stale or missing.")


def _show(parsed: Namespace, line: list[str]) -> None:
    from rich.console import Console

    from deepsuper.study.report import print_study

    print_study(Console(), _planned(parsed, ready=False))


def _run_parser() -> ArgumentParser:
    parser = _study_parser(
        "Run what a study lacks: train, evaluate, compare. Finished jobs are not run again, and a killed study goes on "
        "when it is run again."
    )
    meaning = "how many cores the jobs may use together (default: all)"
    parser.add_argument("--cores", type=int | None, default=None, help=meaning)
    meaning = "a profile of Snakemake that runs the jobs elsewhere, such as one for SLURM (docs/studies.md)"
    parser.add_argument("--profile", type=str, default=None, help=meaning)
    parser.add_argument("--dry_run", action="store_true", help="only print what would be run")
    parser.add_argument("--rerun_stale", action="store_true", help="run the jobs again whose inputs have changed")
    return parser


def _run(parsed: Namespace, line: list[str]) -> None:
    from deepsuper.study.run import run_study

    cores = (os.cpu_count() or 1) if parsed.cores is None else parsed.cores
    if cores < 1:
        raise UserError(f"cores: need at least 1, got {cores}")
    own = {"cores": cores, **{name: parsed[name] for name in ("profile", "dry_run", "rerun_stale")}}
    run_study(_planned(parsed), **own)


def _report_parser() -> ArgumentParser:
    parser = _study_parser(
        "Write a page of a study, finished or not: what it asks, what it has found, each cell, the answers side by "
        "side. The table of cells is written beside it as CSV."
    )
    meaning = "the page to write, which ends in .html (default: OUTPUT_DIR/report/STUDY.html)"
    parser.add_argument("--output", type=str, default=None, help=meaning)
    return parser


def _report(parsed: Namespace, line: list[str]) -> None:
    from deepsuper.study.page import write_page

    print(write_page(_planned(parsed, ready=False), parsed.output))


def _study_parser(description: str) -> ArgumentParser:
    return class_parser(StudyConfig, f"{description} {EPILOG}", "study")


def _planned(parsed: Namespace, *, ready: bool = True) -> "Planned":
    from deepsuper.study.run import plan_study

    file = Path(str(parsed.config[0])) if parsed.config else Path("study.yaml")
    return plan_study(from_values(StudyConfig, parsed), file, parse_recipe, _check_line, ready=ready)


def _check_line(line: Sequence[str]) -> None:
    """Raises: UserError in one line where a line of one of these commands cannot be read."""
    commands = {"eval": EVAL, "align": ALIGN, "layers": LAYERS, "compare": COMPARE}
    parse_alone(commands[line[0]].parser(), line[1:])


STUDY = Command(
    "run a grid of models, languages, methods and seeds",
    partial(ArgumentParser, description="A grid of runs with their evaluations and comparisons, from one YAML file."),
    commands={
        "show": Command("list the cells, and what is done", _show_parser, _show, recipe=True),
        "run": Command("run what is missing", _run_parser, _run, recipe=True),
        "report": Command("write a page of what it has found", _report_parser, _report, recipe=True),
    },
)
