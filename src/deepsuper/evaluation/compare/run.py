"""`deepsuper compare`: runs of `deepsuper eval` -> the paper's tables, with uncertainty and tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

from rich.console import Console

from deepsuper.common.errors import UserError
from deepsuper.common.files import write_text
from deepsuper.common.outputs import check_file
from deepsuper.common.ranges import check_ranges
from deepsuper.config import CompareConfig, Correction, PaperTable
from deepsuper.evaluation.compare.formats import FORMATS, print_text
from deepsuper.evaluation.compare.pictures import draw_differences
from deepsuper.evaluation.compare.runs import Run, by_profile, find_runs
from deepsuper.evaluation.compare.tables import Comparison, build


def check_compare(config: CompareConfig) -> None:
    """Raises: UserError naming the first option out of range, before a file is read."""
    corrections, papers = get_args(Correction), get_args(PaperTable)
    picture, csv = config.picture, config.format == "csv"
    check_ranges(
        [
            ("runs", config.runs, "at least one folder that `deepsuper eval` wrote", len(config.runs) > 0),
            ("format", config.format, f"one of {', '.join(FORMATS)}", config.format in FORMATS),
            ("paper", config.paper, f"one of {', '.join(papers)}", config.paper is None or config.paper in papers),
            ("correction", config.correction, f"one of {', '.join(corrections)}", config.correction in corrections),
            ("resamples", config.resamples, "100 to 1000000", 100 <= config.resamples <= 1_000_000),
            ("seed", config.seed, "0 <= seed < 2**32", 0 <= config.seed < 2**32),
            (
                "transpose",
                config.transpose,
                "none with csv, which has a row for each score",
                not (config.transpose and csv),
            ),
            ("picture", picture, "a file that ends in .png", picture is None or picture.lower().endswith(".png")),
        ]
    )
    for option in ("output", "picture"):
        if (path := getattr(config, option)) is not None:
            check_file(option, Path(path))


def run_compare(config: CompareConfig) -> Comparison:
    """Prints or writes the comparison, and returns it. Raises: UserError naming option, or file and line, at fault."""
    check_compare(config)
    runs = find_runs(config.runs)
    comparison = build(
        groups_of(runs, config.baseline),
        paper=config.paper,
        correction=config.correction,
        resamples=config.resamples,
        seed=config.seed,
    )
    comparison = replace(comparison, transposed=config.transpose)
    if config.picture is not None and not any(comparison.differences()):
        baselines = " or ".join(comparison.baselines)
        raise UserError(f"picture {config.picture}: no run can be compared with {baselines}: nothing to draw")
    _write(comparison, config)
    if config.picture is not None:
        Path(config.picture).parent.mkdir(parents=True, exist_ok=True)
        draw_differences(Path(config.picture), comparison)
    return comparison


def groups_of(runs: Sequence[Run], baseline: str | None) -> list[tuple[Run, list[Run]]]:
    """Baselines, each with the runs to compare with it: the asked one with all, else the first of each profile with
    those of its profile. `baseline`: a run's name, or as the user gave it. Raises: UserError with the names.
    """
    if baseline is None:
        return by_profile(runs)
    for run in runs:
        if baseline in (run.name, run.given) or (run.given is not None and Path(baseline) == run.folder):
            return [(run, list(runs))]
    raise UserError(f"baseline: need one of {', '.join(run.name for run in runs)}, got {baseline!r}")


def _write(comparison: Comparison, config: CompareConfig) -> None:
    if config.output is not None:
        Path(config.output).parent.mkdir(parents=True, exist_ok=True)
        write_text(Path(config.output), FORMATS[config.format](comparison))
    elif config.format == "text":
        print_text(Console(highlight=False), comparison)
    else:
        print(FORMATS[config.format](comparison), end="")
