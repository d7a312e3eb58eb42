"""The variants of deep supervision on Alpaca rows with their translation: held-out loss of each, over seeds.

    python benchmarks/alpaca_study.py --data data/alpaca.zh.jsonl.gz            on a GPU: one epoch each
    python benchmarks/alpaca_study.py --data data/alpaca.zh.jsonl.gz --max_steps 100 --seeds 1   for a few cores

gemma-3-270m, Alpaca's prompts, a batch of 32. Every 20th row is held out. The study compares
the loss on the target answer (eq. 3) in nats per token, which every variant has. The loss of the untouched model is
measured by the same code. Each result is added to runs/alpaca-study/results.jsonl when it is there.
"""

from __future__ import annotations

import argparse
import gzip
import shutil
import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from deepsuper.config import DataConfig, ModelConfig, ObjectiveConfig, RunConfig, SourceConfig, TrainingConfig
from deepsuper.training.arguments import make_arguments
from deepsuper.training.prepare import prepare
from deepsuper.training.run import make_trainer, train
from deepsuper.training.run_folder import RunFolder
from study import VARIANTS, Record, make_parser, run_study

CHOSEN = ["tft", "logits", "feature", "feature-centered", "logits-light", "logits-positional-light"]
HELD_OUT_EVERY = 20


def split(data: Path, folder: Path, limit: int | None) -> dict[str, str]:
    """Writes the two parts of `data` into `folder`; every 20th line is held out. Returns part -> file."""
    folder.mkdir(parents=True, exist_ok=True)
    with gzip.open(data) if data.suffix == ".gz" else data.open("rb") as file:
        lines = file.readlines()[:limit]
    parts = {
        "train": [line for n, line in enumerate(lines) if n % HELD_OUT_EVERY],
        "held_out": lines[::HELD_OUT_EVERY],
    }
    files = {part: folder / f"{part}.jsonl" for part in parts}
    for part, file in files.items():
        file.write_bytes(b"".join(parts[part]))
    return {part: str(file) for part, file in files.items()}


def make_config(objective: ObjectiveConfig, folder: Path, seed: int, args: argparse.Namespace) -> RunConfig:
    """One run of the study."""
    sources = {part: [SourceConfig(language=args.lang, path=path)] for part, path in args.parts.items()}
    return RunConfig(
        model=ModelConfig(name=args.model),
        data=DataConfig(train=sources["train"], held_out=sources["held_out"], max_length=512, on_bad_row="skip"),
        objective=objective,
        training=TrainingConfig(
            learning_rate=args.learning_rate,
            batch_size=args.batch_size,
            micro_batch_size=args.micro_batch_size,
            epochs=1.0,
            max_steps=args.max_steps,
            seed=seed,
        ),
        output_dir=str(folder),
    )


def one(variant: str, seed: int, args: argparse.Namespace) -> Record:
    """Trains one model and returns its held-out loss; "untouched" is the base model."""
    folder = RunFolder(args.output_dir / f"{variant}-{seed}")
    shutil.rmtree(folder.path, ignore_errors=True)
    config = make_config(VARIANTS["tft" if variant == "untouched" else variant], folder.path, seed, args)
    if variant == "untouched":
        prepared = prepare(config)
        folder.path.mkdir(parents=True)
        metrics = make_trainer(config, prepared, make_arguments(config, folder), folder).evaluate()
    else:
        train(config, command=["benchmarks/alpaca_study.py"])
        metrics = [r for r in folder.read_metrics() if "eval_loss_tft" in r][-1]
        shutil.rmtree(folder.model)
    return {"held_out_loss": metrics["eval_loss_tft"]}


def report(records: list[Record]) -> str:
    """A Markdown table: mean over seeds, each seed, and the mean and range of its differences to TFT's seed."""
    lines = [
        "| variant | seeds | held-out loss | of each seed | less TFT (range over seeds) |",
        "| --- | --- | --- | --- | --- |",
    ]
    tft = {r["seed"]: r["held_out_loss"] for r in records if r["variant"] == "tft"}
    for variant in dict.fromkeys(r["variant"] for r in records):
        losses = {r["seed"]: r["held_out_loss"] for r in records if r["variant"] == variant}
        gaps = [loss - tft[seed] for seed, loss in losses.items() if seed in tft and variant != "tft"]
        against = f"{statistics.mean(gaps):+.4f} ({min(gaps):+.4f} to {max(gaps):+.4f})" if gaps else ""
        each = ", ".join(f"{loss:.4f}" for loss in losses.values())
        lines.append(f"| {variant} | {len(losses)} | {statistics.mean(losses.values()):.4f} | {each} | {against} |")
    return "\n".join(lines)


def main() -> None:
    parser = make_parser(__doc__, CHOSEN, "runs/alpaca-study")
    parser.add_argument("--data", type=Path, required=True, help="Alpaca with its translation, one JSON object a line")
    parser.add_argument("--lang", default="zh")
    parser.add_argument("--model", default="gemma-3-270m")
    parser.add_argument("--batch_size", type=int, default=32)
    parser.add_argument("--micro_batch_size", type=int, default=8)
    parser.add_argument("--learning_rate", type=float, default=1e-5)
    parser.add_argument("--max_steps", type=int, default=-1)
    parser.add_argument("--rows", type=int, help="only the first rows of the file")
    args = parser.parse_args()
    args.parts = split(args.data, args.output_dir, args.rows)
    print(report(run_study(args, args.output_dir / "results.jsonl", lambda variant, seed: one(variant, seed, args))))


if __name__ == "__main__":
    main()
