"""`deepsuper compare`: runs of `deepsuper eval` -> the paper's tables, with uncertainty and tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from rich.console import Console

from deepsuper.checks import check_ranges
from deepsuper.compare.formats import FORMATS, print_text
from deepsuper.compare.pictures import draw_differences
from deepsuper.compare.runs import Run, find_runs
from deepsuper.compare.tables import Comparison, build
from deepsuper.config import CompareConfig, Correction, PaperTable
from deepsuper.run_folder import write_text


def check_compare(config: CompareConfig) -> None:
    """Raises: ValueError naming the first option out of range, before a file is read."""
    corrections, papers = get_args(Correction), get_args(PaperTable)
    picture = config.picture
    check_ranges(
        [
            ("runs", config.runs, "at least one folder that `deepsuper eval` wrote", len(config.runs) > 0),
            ("format", config.format, f"one of {', '.join(FORMATS)}", config.format in FORMATS),
            ("paper", config.paper, f"one of {', '.join(papers)}", config.paper is None or config.paper in papers),
            ("correction", config.correction, f"one of {', '.join(corrections)}", config.correction in corrections),
            ("resamples", config.resamples, "100 to 1000000", 100 <= config.resamples <= 1_000_000),
            ("seed", config.seed, "0 <= seed < 2**32", 0 <= config.seed < 2**32),
            ("picture", picture, "a file that ends in .png", picture is None or picture.lower().endswith(".png")),
        ]
    )


def run_compare(config: CompareConfig) -> Comparison:
    """Prints or writes the comparison, and returns it. Raises: ValueError naming option, or file and line, at fault."""
    check_compare(config)
    runs = find_runs(config.runs)
    comparison = build(
        runs,
        find_baseline(runs, config.baseline),
        paper=config.paper,
        correction=config.correction,
        resamples=config.resamples,
        seed=config.seed,
    )
    if config.picture is not None and not any(comparison.differences()):
        raise ValueError(
            f"picture {config.picture}: no run can be compared with {comparison.baseline}: nothing to draw"
        )
    _write(comparison, config)
    if config.picture is not None:
        _parent(Path(config.picture))
        draw_differences(Path(config.picture), comparison)
    return comparison


def find_baseline(runs: Sequence[Run], asked: str | None) -> Run:
    """The run by its name or as the user gave it; the first without. Raises: ValueError with the names."""
    if asked is None:
        return runs[0]
    for run in runs:
        if asked in (run.name, run.given) or (run.given is not None and Path(asked) == run.folder):
            return run
    raise ValueError(f"baseline: need one of {', '.join(run.name for run in runs)}, got {asked!r}")


def _write(comparison: Comparison, config: CompareConfig) -> None:
    if config.output is not None:
        _parent(Path(config.output))
        write_text(Path(config.output), FORMATS[config.format](comparison))
    elif config.format == "text":
        print_text(Console(highlight=False), comparison)
    else:
        print(FORMATS[config.format](comparison), end="")


def _parent(path: Path) -> None:
    if path.is_dir():
        raise ValueError(f"{path}: is a folder: need the name of a file")
    path.parent.mkdir(parents=True, exist_ok=True)
