"""Time of one measurement of `objective.balance: ratio` against one training step, and what it adds to each step.

    python benchmarks/balance.py                        gemma-3-270m, 8 packaged XQuAD rows a step
    python benchmarks/balance.py --model tiny --steps 2    a toy run of the same code

Steps and measurements take turns on the same batches in one process; the ratio is the median over turns. The floor is
stated first: FLOPs of the measurement over FLOPs of the step (flops.py). A step is forward, backward, clipping and
optimizer, as in steps.py.
"""

import argparse
import statistics
import sys
import time
from functools import partial
from pathlib import Path
from typing import cast

import torch

sys.path.insert(0, str(Path(__file__).parent))

from deepsuper import Objective, ParallelBatch, Supervised
from deepsuper.config import ObjectiveConfig, TrainingConfig
from deepsuper.method.objective import Logits
from deepsuper.training.balance import Wrapped, measure
from flops import Costs, floor_flops
from steps import take
from workload import load_base, load_batches, objectives


def floor_of_measurement(model: torch.nn.Module, objective: Objective, batch: ParallelBatch) -> float:
    """FLOPs of a pass for each term alone, forward and backward, up to its layer and without the gradient of W_out."""
    total = 0.0
    for name, term in objective.terms.items():
        # Without answers among the targets, only x^tgt is counted in the trunk.
        own = {key: value for key, value in batch.items() if name == "tft" or key != "targets_tft"}
        alone = Objective({name: term}, alignment=objective.alignment)
        total += floor_flops(model, alone, cast(ParallelBatch, own))
        if isinstance(term, Logits) and term.trains_head:
            total -= Costs.of(model).head * batch[f"targets_{term.targets}"].shape[1]  # type: ignore[literal-required]
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="gemma-3-270m")
    parser.add_argument("--rows", type=int, default=8)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--every", type=int, default=ObjectiveConfig.balance_every, help="as objective.balance_every")
    parser.add_argument("--chunk_mib", type=int, default=TrainingConfig.chunk_mib, help="as training.chunk_mib")
    parser.add_argument("--bf16", action=argparse.BooleanOptionalAction, default=True)
    args = parser.parse_args()
    torch.manual_seed(0)
    model, tokenizer = load_base(args.model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-6, fused=True)
    methods = {name: objective for name, objective in objectives(model).items() if name != "tft"}
    batches = {n: load_batches(args.model, tokenizer, o, args.steps + 1, args.rows) for n, o in methods.items()}
    floors = {
        name: sum(floor_of_measurement(model, objective, b) for b in batches[name])
        / sum(floor_flops(model, objective, b) for b in batches[name])
        for name, objective in methods.items()
    }
    print(
        "FLOP floor of a measurement over a step: " + ", ".join(f"{n} {f:.3f}" for n, f in floors.items()), flush=True
    )
    for name, objective in methods.items():
        supervised = Supervised(model, objective, chunk_mib=args.chunk_mib)
        report(name, take_turns(supervised, batches[name], optimizer, args.bf16)[1:], floors[name], args.every)


def take_turns(
    supervised: Supervised, batches: list[ParallelBatch], optimizer: torch.optim.Optimizer, bf16: bool
) -> list[tuple[float, float]]:
    """Seconds of a step and of a measurement on each batch."""
    wrapped = Wrapped(supervised, context=partial(torch.autocast, "cpu", dtype=torch.bfloat16, enabled=bf16))
    seconds = []
    for batch in batches:
        step = take(lambda b: supervised.objective.total(supervised(b)), batch, optimizer, bf16)
        start = time.perf_counter()
        measure(supervised, [batch], supervised.term_counts(batch), wrapped=wrapped)
        seconds.append((step, time.perf_counter() - start))
    return seconds


def report(name: str, seconds: list[tuple[float, float]], floor: float, every: int) -> None:
    """Prints the median over turns of a measurement's time over that of the step before it."""
    ratios = [measured / step for step, measured in seconds]
    ratio = statistics.median(ratios)
    step, measured = (statistics.median(times) for times in zip(*seconds, strict=True))
    print(
        f"time {name:20s} step {step:7.3f} s, measurement {measured:7.3f} s: {ratio:.2f} x "
        f"({min(ratios):.2f}-{max(ratios):.2f}), {ratio / floor:.2f} x floor; every {every} steps: {ratio / every:.1%}",
        flush=True,
    )


if __name__ == "__main__":
    main()
