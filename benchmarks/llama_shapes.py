"""Full tuning at LLaMA-2-7B's shapes, random weights: tokens a second, share of the matrix peak, peak memory.

    python benchmarks/llama_shapes.py                     one GPU of 80 GB: bf16, sequences of 2,048 tokens
    python benchmarks/llama_shapes.py --floors            the floor of each method over TFT alone, on any machine
    python benchmarks/llama_shapes.py --shape tiny --query 12 --response 8 --steps 2     a toy run on a CPU

A row is x^tgt and y^tgt of `--query` and `--response` tokens, and an English side of the same lengths. Weights,
gradients and AdamW's moments are all bf16; blocks are checkpointed. Tokens a second count x^tgt and y^tgt only, so that
the methods compare; the share of the peak is the floor's FLOPs (flops.py: attention scores and recomputation
left out) a second over those of the largest matrix product measured here. The byte floor is stated first.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, LlamaConfig

sys.path.insert(0, str(Path(__file__).parent))

from deepsuper import Collator, Objective, ParallelBatch, Supervised
from deepsuper.method.batch import EncodedRow, Side, to_device
from flops import floor_flops
from workload import objectives

SHAPES = {
    # LlamaConfig's defaults are LLaMA-2-7B's.
    "llama-2-7b": LlamaConfig(),
    "tiny": LlamaConfig(
        hidden_size=64, intermediate_size=176, num_hidden_layers=4, num_attention_heads=4, vocab_size=512
    ),
}


def make_batch(args: argparse.Namespace, vocabulary: int, objective: Objective) -> ParallelBatch:
    """Rows of random tokens, all of full length: nothing is padded."""
    rng = random.Random(0)

    def side() -> Side:
        query = (1, *(rng.randrange(3, vocabulary) for _ in range(args.query - 1)))
        response = (*(rng.randrange(3, vocabulary) for _ in range(args.response - 1)), 2)
        return Side(query, response, (False, *[True] * (args.query - 1)))

    rows = [EncodedRow(str(n), "zh", side(), side()) for n in range(args.rows)]
    return Collator(0, 1, objective)(rows)


def matrix_peak(device: torch.device, size: int) -> float:
    """FLOPs a second of the product of two bf16 matrices, the best of ten."""
    a, b = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in range(2))
    times = [timed(lambda: a @ b, device) for _ in range(12)]
    return 2.0 * size**3 / min(times[2:])


def timed(work: Callable[[], object], device: torch.device) -> float:
    """Seconds until the device has finished `work`."""
    wait(device)
    start = time.perf_counter()
    work()
    wait(device)
    return time.perf_counter() - start


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def measure(
    model: torch.nn.Module, name: str, optimizer: torch.optim.Optimizer, args: argparse.Namespace
) -> tuple[float, int, float, int]:
    """One method: seconds a step, tokens of x^tgt and y^tgt in it, its floor in FLOPs, peak bytes (0 on a CPU)."""
    device = next(model.parameters()).device
    objective = objectives(model)[name]
    supervised = Supervised(model, objective)
    batch = make_batch(args, model.config.vocab_size, objective)  # type: ignore[union-attr,arg-type]
    floor = floor_flops(model, objective, batch)
    placed = to_device(batch, device)

    def step() -> None:
        objective.total(supervised(placed)).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    times = [timed(step, device) for _ in range(args.steps + 1)]
    peak = torch.cuda.max_memory_allocated(device) if device.type == "cuda" else 0
    return statistics.median(times[1:]), batch["trunk_ids"].numel(), floor, peak


def print_floors(args: argparse.Namespace) -> None:
    """What the methods cost at least over the first one, from shapes alone."""
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(SHAPES[args.shape], dtype=torch.bfloat16)
    methods = {name: o for name, o in objectives(model).items() if name in (args.methods or objectives(model))}
    floors = {name: floor_flops(model, o, make_batch(args, model.config.vocab_size, o)) for name, o in methods.items()}
    for name, floor in floors.items():
        print(f"{name:20s} floor {floor / next(iter(floors.values())):.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=list(SHAPES), default="llama-2-7b")
    parser.add_argument("--rows", type=int, default=1)
    parser.add_argument("--query", type=int, default=1024)
    parser.add_argument("--response", type=int, default=1024)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--checkpointing", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--attention", default="sdpa", help="sdpa, flex_attention or eager")
    parser.add_argument("--methods", nargs="+")
    parser.add_argument("--floors", action="store_true", help="print the FLOP floors and stop")
    args = parser.parse_args()
    if args.floors:
        print_floors(args)
        return
    torch.manual_seed(0)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.type == "cpu" and args.shape != "tiny":
        raise SystemExit("no GPU: 7 billion parameters need one of 80 GB; see --help for a toy run")
    with device:
        model = AutoModelForCausalLM.from_config(
            SHAPES[args.shape], dtype=torch.bfloat16, attn_implementation=args.attention
        )
    model.train()
    if args.checkpointing:
        model.config.use_cache = False
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    weights = sum(p.numel() * p.element_size() for p in model.parameters())
    peak = matrix_peak(device, 8192 if device.type == "cuda" else 256)
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    print(f"{where}: measured matrix peak {peak / 1e12:.1f} TFLOP/s")
    print(f"byte floor: weights, gradients and two moments {4 * weights / 2**30:.2f} GiB", flush=True)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-6, fused=True)
    first = None
    for name in args.methods or objectives(model):
        seconds, tokens, floor, memory = measure(model, name, optimizer, args)
        first = first or (seconds, floor)
        print(
            f"{name:20s} {tokens / seconds:9.0f} tokens/s  {floor / seconds / peak:6.1%} of the peak  "
            f"{memory / 2**30:6.2f} GiB  {seconds / first[0]:.2f} x the first method's time, "
            f"floor {floor / first[1]:.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
