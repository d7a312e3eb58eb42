"""Time and memory of reading every layer (`deepsuper layers`), against the floor of its arithmetic.

    python benchmarks/layers.py                     gemma-3-270m, 24 packaged Chinese sentences
    python benchmarks/layers.py --model tiny --sentences 3

The floor is stated first, in FLOPs: one forward pass, and L + 1 products of the counted tokens' states with W_out. Its
time is measured in the same process, turn by turn: the pass alone, and the bare products alone in bf16, in the shape
that is fastest here. Memory: a process of its own, its highest resident size above that with all weights touched.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent))

from deepsuper.data.texts import load_texts
from deepsuper.inside.entropy import ROWS, WORDS
from deepsuper.inside.layers.measure import measure
from deepsuper.inside.states import EncodedText, encode_texts, layer_states, make_batches
from deepsuper.method.lens import Lens
from deepsuper.models.anatomy import find_blocks
from workload import load_base, peak_resident


def load(args: argparse.Namespace) -> tuple[torch.nn.Module, list[EncodedText]]:
    model, tokenizer = load_base(args.model)
    texts = load_texts("zh").first(args.sentences)
    sentences = texts.english if args.model == "tiny" else texts.target
    return model.eval(), encode_texts(tokenizer, sentences or (), max_length=64 if args.model == "tiny" else 512)


def floor(model: torch.nn.Module, texts: list[EncodedText]) -> tuple[float, float]:
    """FLOPs of the blocks' forward pass (products of tokens with tokens left out), and of the head's products."""
    lens = Lens(model)
    blocks = sum(p.numel() for p in find_blocks(model).parameters() if p.dim() == 2)
    padded = sum(batch.ids.numel() for batch in make_batches(texts))
    counted = sum(sum(text.counted) for text in texts)
    return 2.0 * blocks * padded, 2.0 * lens.head.weight.numel() * counted * (lens.num_layers + 1)


def forward_seconds(model: torch.nn.Module, texts: list[EncodedText]) -> float:
    start = time.perf_counter()
    with torch.autocast("cpu", torch.bfloat16):
        for batch in make_batches(texts):
            layer_states(model, batch)
    return time.perf_counter() - start


def product_seconds(weight: torch.Tensor, counts: list[int], rows: int, words: int) -> float:
    """Seconds of the bare products of `counts` rows at a time with W_out, in pieces of `rows` by `words`."""
    pieces = [piece.contiguous() for piece in weight.split(words)]
    total = 0.0
    for count in counts:
        h = torch.randn(count, weight.shape[1], dtype=weight.dtype)
        start = time.perf_counter()
        for piece in pieces:
            for part in h.split(rows):
                part @ piece.T
        total += time.perf_counter() - start
    return total


def measure_time(args: argparse.Namespace) -> None:
    model, texts = load(args)
    lens = Lens(model)
    forward_flops, head_flops = floor(model, texts)
    print(f"floor: forward {forward_flops / 1e12:.2f} TFLOP, head products {head_flops / 1e12:.2f} TFLOP")
    weight = lens.head.weight.detach().to(torch.bfloat16)
    counts = [int(batch.counted.sum()) * (lens.num_layers + 1) for batch in make_batches(texts)]
    seconds: dict[str, list[float]] = {"forward": [], "products": [], "layers": []}
    for _ in range(args.turns):
        seconds["forward"].append(forward_seconds(model, texts))
        shapes = ((ROWS, WORDS), (4 * ROWS, WORDS), (ROWS, 4 * WORDS))
        seconds["products"].append(min(product_seconds(weight, counts, *shape) for shape in shapes))
        start = time.perf_counter()
        measure(model, texts)
        seconds["layers"].append(time.perf_counter() - start)
    ratios = [c / (a + b) for a, b, c in zip(*seconds.values(), strict=True)]
    for name, values in seconds.items():
        print(f"time {name:<10} {statistics.median(values):7.2f} s")
    print(f"layers over the floor's time: {statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})")


def measure_memory(args: argparse.Namespace) -> None:
    model, texts = load(args)
    for parameter in model.parameters():
        parameter.detach().sum()  # weights lie in a mapped file until they are read
    Path("/proc/self/clear_refs").write_text("5")  # forgets the peak of loading (Linux)
    before = peak_resident() / 1024
    measure(model, texts)
    print(f"memory: {peak_resident() / 1024 - before:.0f} MiB above {before:.0f} MiB of the process with the model")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="gemma-3-270m")
    parser.add_argument("--sentences", type=int, default=24)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--memory", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.memory:
        measure_memory(args)
        return
    measure_time(args)
    command = [sys.executable, __file__, "--memory", "--model", args.model, "--sentences", str(args.sentences)]
    sys.stdout.flush()
    subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
