"""A study that is killed at random moments ends as one that ran through.

    python benchmarks/study_kills.py [--kills 10]

Two methods, two languages and two seeds of a tiny random model, trained, evaluated and compared. The study is run once
to its end; then again in another folder, where all its processes are killed after a random time, again and again.
Compared are the losses, the answers and the tables, byte for byte, and whether a finished job was run a second time.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

import yaml

sys.path[:0] = [str(Path(__file__).parents[1] / "tests" / name) for name in ("common", "models", "study", "training")]

from deepsuper.common.files import write_json_lines
from deepsuper.training.run_folder import dump
from running import results, start
from runs import make_run

LANGUAGES = ("zh", "vi")


def write_study(folder: Path, name: str, seeds: list[int]) -> Path:
    """A study of `folder`'s tiny model that writes into `folder`/`name`."""
    file = folder / f"{name}.yaml"
    values = {
        "recipe": "recipe.yaml",
        "axes": {"language": list(LANGUAGES), "method": ["tft", "lc-logits"], "seed": seeds},
        "options": {"data.train.language": "{language}", "data.held_out": [], "objective.layer_et": None},
        "overrides": [{"where": {"method": "tft"}, "options": {"objective.layer_lc": None}}],
        "evaluate": {"benchmarks": "xcopa", "langs": "{language}", "data_dir": str(folder / "data")},
        "compare": {"baseline": {"method": "tft"}, "resamples": 200},
        "name": "study",
        "output_dir": str(folder / name),
    }
    file.write_text(yaml.safe_dump({k: v for k, v in values.items() if v}, sort_keys=False))
    return file


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    args = parser.parse_args()
    rng = random.Random(args.seed)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        (folder / "recipe.yaml").write_text(dump(make_run(folder, max_steps=6, save_every=2)))
        for language in LANGUAGES:
            rows = [
                {"id": n, "premise": "abc", "choice1": "de", "choice2": "fg", "question": "cause", "label": n % 2}
                for n in range(4)
            ]
            (folder / "data" / "xcopa").mkdir(parents=True, exist_ok=True)
            write_json_lines(folder / "data" / "xcopa" / f"{language}.jsonl", rows)
        whole, killed = (write_study(folder, name, args.seeds) for name in ("whole", "killed"))
        began = time.monotonic()
        assert start(whole).wait() == 0, (folder / "said.txt").read_text()
        seconds = time.monotonic() - began
        done: dict[Path, int] = {}
        for kill in range(args.kills):
            process = start(killed)
            time.sleep(rng.uniform(0.1, 1.2) * seconds / args.kills + 5)
            ended = process.poll() is not None
            if not ended:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            now = {file: file.stat().st_mtime_ns for file in (folder / "killed" / "done").rglob("*.json")}
            assert all(now[file] == written for file, written in done.items()), "a finished job was run again"
            done = now
            print(
                f"kill {kill + 1}: {len(done)} jobs are done" + (", the study had ended" if ended else ""), flush=True
            )
        assert start(killed).wait() == 0, (folder / "said.txt").read_text()
        assert all(file.stat().st_mtime_ns == written for file, written in done.items()), "a finished job was run again"
        expected, found = results(folder / "whole"), results(folder / "killed")
        assert {name: text.replace("killed/", "whole/") for name, text in found.items()} == expected
        jobs = len(list((folder / "killed" / "done").rglob("*.json")))
    told = f"{len(expected)} files of losses, items and tables are equal byte for byte"
    print(f"{args.kills} kills, {jobs} jobs: {told}")


if __name__ == "__main__":
    main()
