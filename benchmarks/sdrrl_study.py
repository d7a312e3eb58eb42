"""SDRRL, TFT and deep supervision on the task of the demo: held-out F1 of each, with as many tokens, over seeds.

    python benchmarks/sdrrl_study.py                          zh, seeds 1 2 3 (hours on 2 cores)
    python benchmarks/sdrrl_study.py --seeds 1 --variants tft sdrrl
    python benchmarks/sdrrl_study.py --report                 the table of what is there already

gemma-3-270m on the packaged XQuAD rows, split by article, as in demo_study.py. All methods read as many
tokens as TFT does in `--steps` steps of 8 rows: the steps of SDRRL follow from the mean length of its rows. (Deep
supervision also reads the English sides, because its terms need them.) Each result is added to
runs/sdrrl-study/LANG.jsonl when it is there, so a study that was stopped can be resumed.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from deepsuper.config import ObjectiveConfig, RunConfig, SdrrlConfig
from deepsuper.data.rows import Row
from deepsuper.data.sdrrl.run import synthesise
from deepsuper.data.templates import encode_rows
from deepsuper.demo.run import load_rows
from deepsuper.models.load import load_tokenizer
from demo_study import configure, demo_parser, report, train_and_ask
from study import FEATURE, LIGHT, LOGITS, Record, run_study

ALL = SdrrlConfig(max_answer=32, batch_size=32)
SDRRL = {
    "sdrrl": ALL,
    # Ablations: each leaves one part out.
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
    """The scores of one model; `variant` "untouched" is the base model."""
    config = None if variant == "untouched" else configure_variant(variant, seed, args)
    return train_and_ask(variant, config, args)


def configure_variant(variant: str, seed: int, args: argparse.Namespace) -> RunConfig:
    """The demo's run with one method, and as many steps as the budget of tokens allows."""
    config = configure(OTHERS.get(variant, ObjectiveConfig(method="sdrrl")), variant, seed, args)
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
    args = demo_parser(__doc__, DEFAULT, "runs/sdrrl-study", [*OTHERS, *SDRRL]).parse_args()
    results = args.output_dir / f"{args.lang}.jsonl"
    records = run_study(args, results, lambda variant, seed: one(variant, seed, args))
    print(report(records))
    print("steps:", {r["variant"]: r["steps"] for r in records})


if __name__ == "__main__":
    main()
