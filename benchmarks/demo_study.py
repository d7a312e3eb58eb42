"""The variants of deep supervision on the task of the demo: held-out F1 of each, over seeds.

    python benchmarks/demo_study.py                         zh, every variant, seeds 1 2 3 (hours on 2 cores)
    python benchmarks/demo_study.py --lang vi --seeds 1 --variants tft feature-centered
    python benchmarks/demo_study.py --report                the table of what is there already

Each training is the demo's (gemma-3-270m, packaged XQuAD rows, split by article). Each result is added to
runs/demo-study/LANG.jsonl when it is there, so a study that was stopped can be resumed. The seed decides the order of
the rows. Differences to TFT are paired by question and seed.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
from collections.abc import Iterable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from deepsuper.common.intervals import mean_interval, paired_interval
from deepsuper.config import DemoConfig, ObjectiveConfig, RunConfig
from deepsuper.demo.run import ask, load_rows, make_config
from deepsuper.training.run import train
from study import VARIANTS, Record, make_parser, run_study


def demo_parser(
    description: str | None, variants: list[str], output_dir: str, known: Iterable[str] = VARIANTS
) -> argparse.ArgumentParser:
    """The options of a study on the demo's task."""
    parser = make_parser(description, variants, output_dir, known)
    parser.add_argument("--lang", default="zh")
    parser.add_argument("--steps", type=int, default=DemoConfig.steps)
    parser.add_argument("--questions", type=int, help="evaluate on the first ones only")
    return parser


def configure(objective: ObjectiveConfig, variant: str, seed: int, args: argparse.Namespace) -> RunConfig:
    """One training of the demo with another objective."""
    demo = DemoConfig(args.lang, seed=seed, steps=args.steps)
    return make_config(demo, objective, args.output_dir / f"{args.lang}-{variant}-{seed}")


def train_and_ask(variant: str, config: RunConfig | None, args: argparse.Namespace) -> Record:
    """Trains a model, scores its answers and removes it; without `config` the base model is scored."""
    questions = load_rows(args.lang, "held_out")[: args.questions]
    name, steps = DemoConfig.model, 0
    if config is not None:
        shutil.rmtree(config.output_dir, ignore_errors=True)
        train(config, command=sys.argv)
        name, steps = str(Path(config.output_dir) / "model"), config.training.max_steps
    scored = ask(name, questions, args.lang, title=variant)
    if config is not None:
        shutil.rmtree(name)
    scores = {"f1": scored.f1, "exact_match": scored.exact_match, "in_language": scored.in_language}
    return {"steps": steps, "questions": len(questions), **scores}


def one(variant: str, seed: int, args: argparse.Namespace) -> Record:
    """The scores of one model; `variant` "untouched" is the base model."""
    config = None if variant == "untouched" else configure(VARIANTS[variant], variant, seed, args)
    return train_and_ask(variant, config, args)


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
    """The bootstrap resamples questions. The difference of a question is the mean over the seeds that both have."""
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
    args = demo_parser(__doc__, list(VARIANTS), "runs/demo-study").parse_args()
    results = args.output_dir / f"{args.lang}.jsonl"
    print(report(run_study(args, results, lambda variant, seed: one(variant, seed, args))))


if __name__ == "__main__":
    main()
