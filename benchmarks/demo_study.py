"""Which variant of deep supervision earns its place in the demo: held-out F1 of each, over seeds.

    python benchmarks/demo_study.py                         zh, every variant, seeds 1 2 3 (hours on 2 cores)
    python benchmarks/demo_study.py --lang vi --seeds 1 --variants tft feature-centered
    python benchmarks/demo_study.py --report                the table of what is there already

Each training is the demo's (gemma-3-270m, packaged XQuAD rows, split by article). Results are added to
runs/demo-study/LANG.jsonl one by one: a study that was stopped goes on where it was. A seed orders the rows; the
differences to TFT are paired by question and seed.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from deepsuper.common.intervals import mean_interval, paired_interval
from deepsuper.demo.dataset import load_rows
from deepsuper.demo.run import MODEL, STEPS, ask, make_config
from deepsuper.training.run import train
from study import VARIANTS, Record, make_parser, run_study


def one(variant: str, seed: int, args: argparse.Namespace) -> Record:
    """Trains and scores one model; `variant` "untouched" is the base model."""
    held_out = load_rows(args.lang, "held_out")[: args.questions]
    name = MODEL
    if variant != "untouched":
        folder = args.output_dir / f"{args.lang}-{variant}-{seed}"
        shutil.rmtree(folder, ignore_errors=True)
        config = make_config(VARIANTS[variant], args.lang, folder, seed=seed, steps=args.steps)
        train(config, command=["benchmarks/demo_study.py"])
        name = str(folder / "model")
    scored = ask(name, held_out, args.lang, title=variant)
    if variant != "untouched":
        shutil.rmtree(folder / "model")
    return {
        "steps": args.steps,
        "questions": len(held_out),
        "f1": scored.f1,
        "exact_match": scored.exact_match,
        "in_language": scored.in_language,
    }


def report(records: list[Record]) -> str:
    """A Markdown table: mean over seeds, each seed, and the paired difference to TFT with its interval."""
    lines = [
        "| variant | seeds | F1 | F1 of each seed | exact match | in language | F1 less TFT (95%) |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    tft = {r["seed"]: r for r in records if r["variant"] == "tft"}
    for variant in dict.fromkeys(r["variant"] for r in records):
        mine = [r for r in records if r["variant"] == variant]
        f1s = [100 * statistics.mean(r["f1"]) for r in mine]
        spoken = [100.0 * flag for r in mine for flag in r["in_language"] if flag is not None]
        exact = 100 * mean_interval([v for r in mine for v in r["exact_match"]]).mean
        lines.append(
            f"| {variant} | {len(mine)} | {statistics.mean(f1s):.1f} | {', '.join(f'{f:.1f}' for f in f1s)} "
            f"| {exact:.1f} | {statistics.mean(spoken or [0.0]):.1f} | {_difference(mine, tft)} |"
        )
    return "\n".join(lines)


def _difference(mine: list[Record], tft: dict[int, Record]) -> str:
    """Questions are what is resampled: each is the mean of its differences over the seeds that both have."""
    pairs = [
        (r["f1"], tft[r["seed"]]["f1"]) for r in mine if r["seed"] in tft and r["variant"] not in ("tft", "untouched")
    ]
    if not pairs:
        return ""
    ours = [statistics.mean(values) for values in zip(*(a for a, _ in pairs), strict=True)]
    theirs = [statistics.mean(values) for values in zip(*(b for _, b in pairs), strict=True)]
    interval = paired_interval(ours, theirs)
    return f"{100 * interval.mean:+.1f} ({100 * interval.low:+.1f} to {100 * interval.high:+.1f})"


def main() -> None:
    parser = make_parser(__doc__, list(VARIANTS), "runs/demo-study")
    parser.add_argument("--lang", default="zh")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--questions", type=int, help="evaluate on the first ones only")
    args = parser.parse_args()
    results = args.output_dir / f"{args.lang}.jsonl"
    print(report(run_study(args, results, lambda variant, seed: one(variant, seed, args))))


if __name__ == "__main__":
    main()
