"""Padding: how many of the computed tokens are real, and what a step takes, with padded and with packed rows.

    python benchmarks/packing.py --data ../shared/data/parallel/alpaca.zh.jsonl.gz           shares, no model is loaded
    python benchmarks/packing.py --data ../shared/data/parallel/alpaca.zh.jsonl.gz --time    steps of the model too

A token counts once for each block that computes it: "real" is the share of those that are no padding. Batches are
random, as in training. The floor of the time is that share: without padding a step would take so much of it, if all its
time went into tokens. Times take turns on the same batches; the ratio is the median over turns.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import time
from dataclasses import replace
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent))

from deepsuper import Collator, Objective, ParallelBatch, Supervised
from deepsuper.config import DataConfig, ModelConfig, ObjectiveConfig, SourceConfig
from deepsuper.data.rows import load_corpus
from deepsuper.data.templates import encode_rows
from deepsuper.method.batch import EncodedRow
from deepsuper.method.methods import build_objective
from deepsuper.method.objective import english_layers, trunk_layers
from deepsuper.models.depth import depth_of
from deepsuper.models.load import load_tokenizer
from workload import PAPER, load_base

PAIRS = ObjectiveConfig(method="pairs", center="batch", similarity="contrastive", detach_english=False)


def last_layers(objective: Objective) -> dict[str, int]:
    """The last block that computes each kind of text."""
    last = {"trunk": max(trunk_layers(objective.terms)), "english": max(english_layers(objective.terms), default=0)}
    return last | objective.branches


def block_tokens(objective: Objective, batch: ParallelBatch) -> int:
    """How many tokens all blocks compute, padding included."""
    last = last_layers(objective)
    return sum(batch[f"{text}_ids"].numel() * layer for text, layer in last.items() if f"{text}_ids" in batch)  # type: ignore[literal-required]


def real_tokens(objective: Objective, rows: list[EncodedRow], collate: Collator) -> int:
    """The same of batches without padding: one row each."""
    return sum(block_tokens(objective, collate([row])) for row in rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="rows as `deepsuper train` reads them")
    parser.add_argument("--lang", default="zh")
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--template", default="alpaca")
    parser.add_argument("--max_rows", type=int, default=4000)
    parser.add_argument("--batch", type=int, nargs="+", default=[8, 32, 128])
    parser.add_argument("--batches", type=int, default=20)
    parser.add_argument("--time", action="store_true")
    parser.add_argument("--steps", type=int, default=5, help="with --time: turns")
    args = parser.parse_args()
    tokenizer, rng = load_tokenizer(ModelConfig(args.model)), random.Random(0)
    data = DataConfig(template=args.template, on_bad_row="skip")
    corpus = load_corpus([SourceConfig(args.lang, args.data)], data, kind="parallel", seed=0)
    rows = encode_rows(corpus.rows[: args.max_rows], tokenizer, data, "parallel").rows
    depth = depth_of(ModelConfig(args.model))
    methods = {name: build_objective(config, depth) for name, config in (PAPER | {"pairs": PAIRS}).items()}
    times = ["time, packed over padded"] if args.time else []
    table = Table("method", "rows", "real, padded", "real, packed", *times)
    base = load_base(args.model)[0].train() if args.time else None
    for name, objective in methods.items():
        supervised = None if base is None else Supervised(base, objective, languages=(args.lang,))
        padded = Collator(tokenizer.pad_token_id, tokenizer.bos_token_id, objective, (args.lang,))
        packed = replace(padded, pack=True)
        for size in args.batch:
            picked = [rng.sample(rows, size) for _ in range(args.batches)]
            real = sum(real_tokens(objective, part, padded) for part in picked)
            shares = [
                real / sum(block_tokens(objective, collate(part)) for part in picked) for collate in (padded, packed)
            ]
            ratio = []
            if supervised is not None and size <= 32:
                turns = picked[: args.steps]
                seconds = [[seconds_of(supervised, collate(part)) for collate in (padded, packed)] for part in turns]
                ratio = [f"{statistics.median(b / a for a, b in seconds):.2f}"]
            table.add_row(name, str(size), *(f"{share:.2f}" for share in shares), *ratio)
    Console().print(table)


def seconds_of(supervised: Supervised, batch: ParallelBatch) -> float:
    """Seconds of a forward and backward pass in bf16."""
    supervised.model.zero_grad(set_to_none=True)
    start = time.perf_counter()
    with torch.autocast("cpu", torch.bfloat16):
        losses = supervised(batch)
    supervised.objective.total(losses).backward()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
