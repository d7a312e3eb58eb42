"""SDRRL beside TFT and deep supervision on the demo's task: held-out F1 of each, with the same tokens, over seeds.

    python benchmarks/sdrrl_study.py                          zh, seeds 1 2 3 (hours on 2 cores)
    python benchmarks/sdrrl_study.py --seeds 1 --variants tft sdrrl
    python benchmarks/sdrrl_study.py --report                 the table of what is there already

gemma-3-270m on the packaged XQuAD rows, split by article, as in demo_study.py. The budget is the number of tokens that
TFT reads in `--steps` steps of 8 rows: SDRRL gets as many steps as its rows, longer or shorter on average, take for it.
(Deep supervision reads the English sides beside them, as its terms need.) Results are added one by one to
runs/sdrrl-study/LANG.jsonl: a study that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from deepsuper.config import ObjectiveConfig, RunConfig, SdrrlConfig
from deepsuper.data.rows import Row
from deepsuper.data.sdrrl.run import synthesise
from deepsuper.data.templates import encode_rows
from deepsuper.demo.dataset import load_rows
from deepsuper.demo.run import MODEL, STEPS, ask, make_config
from deepsuper.models.load import load_tokenizer
from deepsuper.training.run import train
from demo_study import report
from study import FEATURE, LIGHT, LOGITS, Record, make_parser, run_study

ALL = SdrrlConfig(max_answer=32, batch_size=32)
SDRRL = {
    "sdrrl": ALL,
    # Its ablation: one part less.
    "sdrrl-gold": replace(ALL, distill=False),
    "sdrrl-no-switch": replace(ALL, code_switch=0.0),
    "sdrrl-no-completion": replace(ALL, completion=[]),
    "sdrrl-unmixed": replace(ALL, directions=["en-en", "tgt-tgt"]),
    "sdrrl-target-only": replace(ALL, directions=["tgt-tgt"]),
}
OTHERS = {
    "tft": ObjectiveConfig(method="tft"),
    "feature": FEATURE,
    "logits-light": replace(LOGITS, lc_weight=LIGHT, et_weight=LIGHT),
}
DEFAULT = ["tft", "sdrrl", "feature", "logits-light"]


def one(variant: str, seed: int, args: argparse.Namespace) -> Record:
    """Trains and scores one model; `variant` "untouched" is the base model."""
    held_out = load_rows(args.lang, "held_out")[: args.questions]
    name, steps = MODEL, 0
    folder = args.output_dir / f"{args.lang}-{variant}-{seed}"
    if variant != "untouched":
        config = configure(variant, folder, seed, args)
        steps = config.training.max_steps
        shutil.rmtree(folder, ignore_errors=True)
        train(config, command=["benchmarks/sdrrl_study.py"])
        name = str(folder / "model")
    scored = ask(name, held_out, args.lang, title=variant)
    if variant != "untouched":
        shutil.rmtree(folder / "model")
    scores = {"f1": scored.f1, "exact_match": scored.exact_match, "in_language": scored.in_language}
    return {"steps": steps, "questions": len(held_out), **scores}


def configure(variant: str, folder: Path, seed: int, args: argparse.Namespace) -> RunConfig:
    """The demo's run with one method, and as many steps as the budget of tokens allows."""
    objective = OTHERS.get(variant, ObjectiveConfig(method="sdrrl"))
    config = make_config(objective, args.lang, folder, seed=seed, steps=args.steps)
    if variant in OTHERS:
        return config
    config = replace(config, data=replace(config.data, sdrrl=SDRRL[variant]))
    share = tokens_a_row(load_rows(args.lang, "train"), config) / tokens_a_row(synthesise(config).rows, config)
    return replace(config, training=replace(config.training, max_steps=round(args.steps * share)))


def tokens_a_row(rows: list[Row], config: RunConfig) -> float:
    """The mean number of tokens of a row's target side, question and answer."""
    encoded = encode_rows(rows, load_tokenizer(config.model), config.data, "translated").rows
    return statistics.mean(len(row.tgt.query) + len(row.tgt.response) for row in encoded)


def main() -> None:
    parser = make_parser(__doc__, DEFAULT, "runs/sdrrl-study", [*OTHERS, *SDRRL])
    parser.add_argument("--lang", default="zh")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--questions", type=int, help="evaluate on the first ones only")
    args = parser.parse_args()
    results = args.output_dir / f"{args.lang}.jsonl"
    records = run_study(args, results, lambda variant, seed: one(variant, seed, args))
    print(report(records))
    print("steps:", {r["variant"]: r["steps"] for r in records})


if __name__ == "__main__":
    main()
