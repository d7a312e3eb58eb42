"""Time of `deepsuper eval` against lm-evaluation-harness's own command line: same rows, model and batch.

    python benchmarks/evaluation.py --data_dir DIR --items 32 --turns 3                  XQuAD zh
    python benchmarks/evaluation.py --data_dir DIR --benchmark truthfulqa

Each turn runs both as whole processes, one after the other, and the next turn in the other order. Both must give the
same answers, and log-probabilities of choices within 0.001. Floor: both decode every token of an answer in the same
way; the own engine reads a common beginning of several prompts once, the harness reads it for each prompt. The
harness's xquad tasks import a module that transformers 5 no longer has, so its command line is started with deepsuper's
replacement of it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from deepsuper.common.files import write_json_lines
from deepsuper.config import ModelConfig
from deepsuper.evaluation.benchmarks import BENCHMARKS
from deepsuper.evaluation.local import local_file, read_rows
from deepsuper.evaluation.plan import TASKS, write_task
from deepsuper.models.packaged import source_of

PEER = (
    "from deepsuper.evaluation.harness import provide_squad_metrics; provide_squad_metrics(); "
    "from lm_eval.__main__ import cli_evaluate; cli_evaluate()"
)


def seconds(command: list[str]) -> float:
    """The time of a whole process in seconds. Raises: CalledProcessError where it fails."""
    start = time.perf_counter()
    subprocess.run([sys.executable, *command], check=True, capture_output=True)
    return time.perf_counter() - start


def ours(args: argparse.Namespace, out: Path) -> list[str]:
    """The command of this project."""
    return [
        "-m", "deepsuper", "eval", args.model, "--langs", args.lang, "--benchmarks", args.benchmark,
        "--data_dir", args.data_dir, "--comet_model", "none", "--engine", "own",
        "--limit", str(args.items), "--batch_size", str(args.batch_size), "--output_dir", str(out),
    ]  # fmt: skip


def theirs(args: argparse.Namespace, task: str, out: Path) -> list[str]:
    """The harness's command, on the same rows."""
    model = f"pretrained={source_of(ModelConfig(args.model))},dtype=float32"
    return [
        "-c", PEER, "run", "--model", "hf", "--model_args", model,
        "--tasks", task, "--limit", str(args.items), "--batch_size", str(args.batch_size), "--log_samples",
        "--output_path", str(out),
    ]  # fmt: skip


def answers(out: Path, benchmark: str) -> list[str | list[float]]:
    """The answer to each item, or the log-probabilities of its choices, in the order of the rows."""
    (file,) = [p for p in out.rglob("*.jsonl") if benchmark in p.name and p.parent.name != TASKS]
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    if "prompt" in lines[0]:
        return [line.get("prediction", line.get("logprobs")) for line in lines]
    said = [line["filtered_resps"] for line in sorted(lines, key=lambda line: line["doc_id"])]
    return [one[0] if isinstance(one[0], str) else [float(value) for value, _ in one] for one in said]


def same(one: str | list[float], other: str | list[float]) -> bool:
    """Whether two answers are the same, up to the rounding of log-probabilities."""
    if isinstance(one, str) or isinstance(other, str):
        return one == other
    return all(abs(a - b) < 1e-3 for a, b in zip(one, other, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_dir", required=True)
    parser.add_argument("--model", default="gemma-3-270m")
    parser.add_argument("--benchmark", default="xquad", choices=list(BENCHMARKS))
    parser.add_argument("--lang", default="zh")
    parser.add_argument("--items", type=int, default=32)
    parser.add_argument("--batch_size", type=int, default=16)
    parser.add_argument("--turns", type=int, default=3)
    args = parser.parse_args()
    ratios = []
    with tempfile.TemporaryDirectory() as scratch:
        rows = Path(scratch) / "rows.jsonl"
        benchmark = BENCHMARKS[args.benchmark]
        file = local_file(Path(args.data_dir), args.benchmark, args.lang)
        assert file is not None, f"{args.data_dir}: has no {args.benchmark}/{args.lang}.jsonl"
        write_json_lines(rows, read_rows(file, benchmark, args.lang))
        task = write_task(Path(scratch) / f"{args.benchmark}_{args.lang}.yaml", benchmark, args.lang, "paper", rows)
        for turn in range(args.turns):
            outs = [Path(scratch) / f"{turn}-{name}" for name in ("ours", "theirs")]
            times = [0.0, 0.0]
            for side in (0, 1) if turn % 2 == 0 else (1, 0):
                out = outs[side]
                times[side] = seconds(ours(args, out) if side == 0 else theirs(args, task, out))
            said = (answers(out, args.benchmark) for out in outs)
            assert all(same(*pair) for pair in zip(*said, strict=True)), "the answers differ"
            ratios.append(times[0] / times[1])
            print(
                f"turn {turn}: deepsuper eval {times[0]:.1f} s, lm_eval {times[1]:.1f} s, ratio {ratios[-1]:.2f}",
                flush=True,
            )
    what = f"{args.benchmark} {args.lang}, {args.items} items, batch {args.batch_size}, {args.model}"
    print(f"median ratio {statistics.median(ratios):.2f} ({what})")


if __name__ == "__main__":
    main()
