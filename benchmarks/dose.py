"""Time of `deepsuper dose` against its floor: plain forward and backward passes of as many operations.

    python benchmarks/dose.py                                    gemma-3-270m, 8 packaged XQuAD rows
    python benchmarks/dose.py --layers 1 --model tiny --rows 2   a toy run of the same code

The floor is counted from shapes (src/deepsuper/inside/dose/floor.py). Plain passes of transformers are timed before and
after each batch in the same process, and the ratio is that of each batch; the first batch, in which memory is touched
for the first time, is left out of the median.
"""

import argparse
import statistics
import sys
from pathlib import Path
from typing import get_args

import torch

sys.path.insert(0, str(Path(__file__).parent))

from deepsuper.config import ObjectiveConfig, ReadingName
from deepsuper.inside.dose.candidates import readings_at, shared_passes
from deepsuper.inside.dose.measure import DoseMeter, RowReader
from deepsuper.inside.dose.speed import PlainSpeed
from deepsuper.models.anatomy import text_config
from workload import encoded_rows, load_base, peak_resident


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="gemma-3-270m")
    parser.add_argument("--rows", type=int, default=8)
    parser.add_argument("--batches", type=int, default=3)
    parser.add_argument("--layers", type=int, nargs="+", default=[1, 6, 12])
    parser.add_argument("--readings", nargs="+", default=list(get_args(ReadingName)))
    parser.add_argument("--bf16", action=argparse.BooleanOptionalAction, default=True)
    args = parser.parse_args()
    torch.manual_seed(0)
    model, tokenizer = load_base(args.model)
    depth = text_config(model).num_hidden_layers
    candidates = readings_at(args.readings, args.layers, ObjectiveConfig(), depth)
    reader = RowReader(tokenizer.pad_token_id, tokenizer.bos_token_id, ("zh",), args.bf16)
    meter = DoseMeter(model, "", shared_passes(candidates, {"": "conditional"}), reader)
    rows = encoded_rows(args.model, tokenizer, args.batches * args.rows)
    ratios = []
    for start in range(0, len(rows), args.rows):
        batch = {"": rows[start : start + args.rows]}
        before = meter.plain_speed(batch)
        doses = meter.measure(batch)
        speed = PlainSpeed.mean([before, meter.plain_speed(batch)])
        floor = speed.seconds(doses.flops)
        ratios.append(doses.seconds / floor)
        blocks, head = doses.flops.blocks, doses.flops.head
        print(
            f"{len(candidates)} gradients {doses.seconds:7.2f} s  floor {floor:8.2f} s ({blocks:.3g} of the blocks "
            f"at {speed.blocks:.3g}/s, {head:.3g} of W_out at {speed.head:.3g}/s)  {ratios[-1]:.2f} x floor",
            flush=True,
        )
    print(f"median {statistics.median(ratios[1:] or ratios):.2f} x floor, peak {peak_resident() / 2**10:.0f} MiB")


if __name__ == "__main__":
    main()
