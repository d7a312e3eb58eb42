"""Shared by the studies: the variants of deep supervision, and a loop over variants and seeds that can be resumed."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from deepsuper.config import ObjectiveConfig, WeightConfig

LIGHT = WeightConfig(0.1)
LOGITS = ObjectiveConfig(method="dft-logits")
FEATURE = ObjectiveConfig(method="dft-feature")
VARIANTS = {
    "tft": ObjectiveConfig(method="tft"),
    # The paper's terms read literally: eq. 8 with weights 1.
    "logits": LOGITS,
    "feature": FEATURE,
    # What earlier trials suggest instead.
    "feature-centered": replace(FEATURE, center="running"),
    "logits-light": replace(LOGITS, lc_weight=LIGHT, et_weight=LIGHT),
    # Other options that the paper leaves open.
    "logits-positional": replace(LOGITS, alignment="positional"),
    "logits-positional-light": replace(LOGITS, alignment="positional", lc_weight=LIGHT, et_weight=LIGHT),
    "feature-contrastive": replace(FEATURE, similarity="contrastive"),
    "feature-centered-light": replace(FEATURE, center="running", lc_weight=LIGHT, et_weight=LIGHT),
    "feature-centered-contrastive": replace(FEATURE, center="running", similarity="contrastive"),
    "et-logits-light": ObjectiveConfig(method="et-logits", et_weight=LIGHT),
    "lc-logits-light": ObjectiveConfig(method="lc-logits", lc_weight=LIGHT),
}
Record = dict[str, Any]


def make_parser(
    description: str | None, variants: list[str], output_dir: str, known: Iterable[str] = VARIANTS
) -> argparse.ArgumentParser:
    """The options of every study. `variants`: the default of --variants; `known`: its choices."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--variants", nargs="+", default=variants, choices=list(known))
    parser.add_argument("--output_dir", type=Path, default=Path(output_dir))
    parser.add_argument("--report", action="store_true", help="only print the table of the results so far")
    return parser


def run_study(args: argparse.Namespace, results: Path, one: Callable[[str, int], Record]) -> list[Record]:
    """All records: those in `results`, and `one(variant, seed)` for each missing pair, which is added to `results`.

    The untouched model comes first, with seed 0.
    """
    results.parent.mkdir(parents=True, exist_ok=True)
    records: list[Record] = [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []
    done = {(r["variant"], r["seed"]) for r in records}
    jobs = [("untouched", 0), *((variant, seed) for seed in args.seeds for variant in args.variants)]
    for variant, seed in [] if args.report else jobs:
        if (variant, seed) not in done:
            records.append({"variant": variant, "seed": seed, **one(variant, seed)})
            with results.open("a") as file:
                file.write(json.dumps(records[-1]) + "\n")
    return records
