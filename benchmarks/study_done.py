"""How long `deepsuper study run` takes to say that a grid is done: `python benchmarks/study_done.py [--cells 120]`.

Every cell is a training and an evaluation of SmolLM2-135M on the packaged rows, each with a marker of a finished job.
The floor is the time of `deepsuper study --help`, which parses and checks nothing.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from deepsuper.cli.arguments import parse_recipe
from deepsuper.config.study import StudyConfig
from deepsuper.study.run import plan_study

RECIPE = Path(__file__).parents[1] / "recipes" / "small" / "smollm2-135m.zh.tft.yaml"


def make_study(folder: Path, cells: int) -> Path:
    """A study of `cells` seeds, with the markers of all its jobs."""
    values = {
        "recipe": str(RECIPE),
        "axes": {"seed": list(range(cells))},
        "evaluate": {"benchmarks": "xcopa", "langs": "zh"},
        "output_dir": str(folder / "out"),
    }
    file = folder / "study.yaml"
    file.write_text(yaml.safe_dump(values))
    for job in plan_study(StudyConfig(**values), file, parse_recipe, lambda line: None).jobs:
        job.marker.parent.mkdir(parents=True, exist_ok=True)
        job.marker.write_text(json.dumps({"inputs": job.inputs, "seconds": 1, "peak_mib": 1}))
    return file


def seconds(*line: str) -> float:
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", "deepsuper", *line], capture_output=True, text=True, check=True)
    assert "--help" in line or "jobs are done" in done.stderr, done.stderr
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=120)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        study = make_study(Path(folder), args.cells)
        floor, taken = seconds("study", "--help"), seconds("study", "run", str(study))
    print(f"a grid of {args.cells} finished cells: {taken:.1f} s; deepsuper study --help: {floor:.1f} s")


if __name__ == "__main__":
    main()
