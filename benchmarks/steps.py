"""Time and peak memory of one training step of each method, against TFT, its FLOP floor and a naive implementation.

    python benchmarks/steps.py                       gemma-3-270m, 8 packaged XQuAD rows a step
    python benchmarks/steps.py --terms beyond        the terms that the paper does not have
    python benchmarks/steps.py --model tiny --steps 2   a toy run of the same code

Time: all methods share one model and optimizer in one process and take turns on the same batches; the ratio to
TFT is the median over turns. Memory: one process for each method, its highest resident size, model and optimizer
included. The floor is stated first: FLOPs of the method over FLOPs of TFT (flops.py).
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent))

from deepsuper import Objective, ParallelBatch, Supervised
from deepsuper.config import TrainingConfig
from deepsuper.method.tuned_lens import zero_lens
from deepsuper.models.anatomy import text_config
from flops import floor_flops
from naive import naive_losses
from workload import TERMS, load_base, load_batches, objectives, peak_resident

Step = Callable[[ParallelBatch], torch.Tensor]


def made_supervised(model: torch.nn.Module, objective: Objective, chunk_mib: int) -> Supervised:
    """With a frozen copy of the model and a tuned lens that changes nothing, where a term reads them."""
    config = text_config(model)
    copy = deepcopy(model).requires_grad_(False) if objective.retained else None
    tuned = zero_lens(config.num_hidden_layers, config.hidden_size) if objective.translated else None
    return Supervised(model, objective, chunk_mib=chunk_mib, untrained=copy, tuned=tuned)


def make_step(model: torch.nn.Module, objective: Objective, chunk_mib: int, naive: bool) -> Step:
    supervised = None if naive else made_supervised(model, objective, chunk_mib)

    def losses(batch: ParallelBatch) -> torch.Tensor:
        named = naive_losses(model, objective, batch) if supervised is None else supervised(batch)
        return objective.total(named)

    return losses


def take(step: Step, batch: ParallelBatch, optimizer: torch.optim.Optimizer, bf16: bool) -> float:
    """Seconds of one whole training step: forward, backward, clipping, optimizer."""
    start = time.perf_counter()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
        loss = step(batch)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(optimizer.param_groups[0]["params"], 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return time.perf_counter() - start


def measure_time(args: argparse.Namespace) -> None:
    model, tokenizer = load_base(args.model)
    methods = objectives(model, args.terms)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-6, fused=True)
    steps, batches = {}, {}
    for name, objective in methods.items():
        batches[name] = load_batches(args.model, tokenizer, objective, args.steps + 1, args.rows)
        steps[name] = make_step(model, objective, args.chunk_mib, naive=False)
    names = list(methods)
    floors = {
        name: sum(floor_flops(model, methods[name], b) for b in batches[name])
        / sum(floor_flops(model, methods["tft"], b) for b in batches["tft"])
        for name in names
    }
    print("FLOP floor over TFT: " + ", ".join(f"{name} {floors[name]:.3f}" for name in names), flush=True)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(args.steps + 1):
        for name in names if turn % 2 else reversed(names):
            seconds[name].append(take(steps[name], batches[name][turn], optimizer, args.bf16))
    for name in names:
        ratios = [a / b for a, b in zip(seconds[name][1:], seconds["tft"][1:], strict=True)]
        ratio = statistics.median(ratios)
        low, high = min(ratios), max(ratios)
        print(
            f"time {name:24s} {statistics.median(seconds[name][1:]):7.3f} s  {ratio:5.2f} x TFT ({low:.2f}-{high:.2f}) "
            f"{ratio / floors[name]:5.2f} x floor",
            flush=True,
        )


def peak_of_one(args: argparse.Namespace) -> None:
    """Child process: a few steps of one method, its peak resident memory on standard output."""
    naive = args.one.endswith("+naive")
    model, tokenizer = load_base(args.model)
    objective = objectives(model, args.terms)[args.one.removesuffix("+naive")]
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-6, fused=True)
    step = make_step(model, objective, args.chunk_mib, naive)
    before = peak_resident()
    for batch in load_batches(args.model, tokenizer, objective, 3, args.rows):
        take(step, batch, optimizer, args.bf16)
    print(json.dumps({"before": before, "peak": peak_resident()}))


def measure_memory(args: argparse.Namespace) -> None:
    model, _ = load_base(args.model)
    names = list(objectives(model, args.terms))
    weights = sum(p.numel() * p.element_size() for p in model.parameters())
    print(f"byte floor: weights, gradients and two moments {4 * weights / 2**20:.0f} MiB", flush=True)
    del model
    peaks: dict[str, float] = {}
    naive = [] if args.terms == "beyond" else ["logits-conditional", "feature"]
    for name in [*names, *(f"{name}+naive" for name in naive)]:
        command = [
            sys.executable,
            __file__,
            "--terms",
            args.terms,
            "--one",
            name,
            "--model",
            args.model,
            "--rows",
            str(args.rows),
        ]
        command += ["--chunk_mib", str(args.chunk_mib)]
        command += ["--bf16"] if args.bf16 else ["--no-bf16"]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        peaks[name] = json.loads(output.strip().splitlines()[-1])["peak"] / 2**10
        print(f"peak {name:28s} {peaks[name]:8.0f} MiB  {peaks[name] / peaks['tft']:5.2f} x TFT", flush=True)
    for name in naive:
        print(f"{name}: {peaks[name] / peaks[name + '+naive']:.2f} x the naive implementation's memory", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="gemma-3-270m")
    parser.add_argument("--terms", choices=list(TERMS), default="paper")
    parser.add_argument("--rows", type=int, default=8)
    parser.add_argument("--steps", type=int, default=7)
    parser.add_argument("--chunk_mib", type=int, default=TrainingConfig.chunk_mib, help="as training.chunk_mib")
    parser.add_argument("--bf16", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--only", choices=["time", "memory"])
    args = parser.parse_args()
    torch.manual_seed(0)
    if args.one:
        peak_of_one(args)
        return
    if args.only != "memory":
        measure_time(args)
    if args.only != "time":
        measure_memory(args)


if __name__ == "__main__":
    main()
