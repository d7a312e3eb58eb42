"""Precision, recall, processor time and peak memory of `deepsuper data join` on real rows whose ids are taken away.

    python benchmarks/join.py                          all damages, zh, vi and ar, seeds 0 and 1
    python benchmarks/join.py --damages subset large   a part of them

Damages, each drawn at random by the seed:
    one-side    10% of the target's rows are deleted, then 2% of the rest change places in pairs
    both-sides  10% of the rows are deleted on each side, independently, then 2% of the target's change places
    own-answers one-side, and every target row has the answer of another one: only the questions are compared
    subset      English from alpaca.vi, target from alpaca.zh: real sets of different rows, the Chinese one ending early
    large       52,000 rows a side, one-side: those of alpaca.vi, and again with question and answer exchanged
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from workload import peak_resident

SHARED = Path(__file__).parents[2] / "shared" / "data" / "parallel"
FILES = {"zh": "alpaca.zh", "vi": "alpaca.vi", "ar": "arc_qa.ar"}
FIELDS = ("instruction", "input", "output")
Rows = list[dict[str, Any]]


def load(language: str) -> tuple[Rows, Rows]:
    """English and target rows of the file of a language; the id is kept as `truth`, which no reader looks at."""
    with gzip.open(SHARED / f"{FILES[language]}.jsonl.gz", "rt", encoding="utf-8") as lines:
        records = [json.loads(line) for line in lines]
    return (
        [{"truth": r["id"], **{name: r[f"{name}_en"] for name in FIELDS}} for r in records],
        [{"truth": r["id"], **{name: r[name] for name in FIELDS}} for r in records],
    )


def exchanged(rows: Rows) -> Rows:
    """Other rows with the same words."""
    return [
        {"truth": r["truth"] + "x", "instruction": r["output"], "input": "", "output": r["instruction"]} for r in rows
    ]


def delete(rows: Rows, share: float, rng: random.Random) -> Rows:
    gone = set(rng.sample(range(len(rows)), round(share * len(rows))))
    return [row for n, row in enumerate(rows) if n not in gone]


def swap(rows: Rows, share: float, rng: random.Random) -> Rows:
    """A random `share` of the rows, in random pairs, stand in each other's place, wherever that is."""
    rows = list(rows)
    places = rng.sample(range(len(rows)), 2 * round(share * len(rows) / 2))
    for a, b in zip(places[::2], places[1::2], strict=True):
        rows[a], rows[b] = rows[b], rows[a]
    return rows


def damaged(damage: str, language: str, seed: int) -> tuple[Rows, Rows]:
    rng = random.Random(seed)
    if damage == "subset":
        return load("vi")[0], load("zh")[1]
    english, target = load(language)
    if damage == "large":
        english, target = ((rows + exchanged(rows))[:52_000] for rows in (english, target))
    if damage == "own-answers":
        answers = [row["output"] for row in target]
        rng.shuffle(answers)
        target = [{**row, "output": answer} for row, answer in zip(target, answers, strict=True)]
    if damage == "both-sides":
        english = delete(english, 0.1, rng)
    return english, swap(delete(target, 0.1, rng), 0.02, rng)


def measure(damage: str, language: str, seed: int) -> dict[str, Any]:
    """Joins in this process and compares with the truth."""
    from deepsuper.config.join import Compare, JoinConfig
    from deepsuper.data.join.run import run_join

    english, target = damaged(damage, language, seed)
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for name, rows in (("en", english), ("tgt", target)):
            files.append(Path(folder) / f"{name}.json")
            files[-1].write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
        start = time.process_time()  # of the processor: it says the same on a busy machine
        compare: Compare = "questions" if damage == "own-answers" else "rows"
        config = JoinConfig(str(files[0]), str(files[1]), language, f"{folder}/out.jsonl", compare=compare)
        pairing = run_join(config, [])
        seconds = time.process_time() - start
    possible = len({row["truth"] for row in english} & {row["truth"] for row in target})
    right = sum(english[p.english]["truth"] == target[p.target]["truth"] for p in pairing.pairs)
    return {
        "damage": damage, "lang": language, "seed": seed, "rows": f"{len(english)} / {len(target)}",
        "pairs": len(pairing.pairs), "moved": sum(p.how == "moved" for p in pairing.pairs),
        "precision": f"{right / len(pairing.pairs):.3%}", "recall": f"{right / possible:.3%}",
        "wrong": len(pairing.pairs) - right, "expected": f"{sum(pairing.wrong.values()):.1f}",
        "rows/s": round((len(english) + len(target)) / seconds), "s": round(seconds),
        "peak MiB": round(peak_resident() / 2**10),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--damages", nargs="+", default=["one-side", "both-sides", "own-answers", "subset", "large"])
    parser.add_argument("--langs", nargs="+", default=list(FILES))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(json.dumps(measure(args.one[0], args.one[1], int(args.one[2]))))
        return
    header = False
    for damage in args.damages:
        languages = {"subset": ["zh"], "large": ["vi"]}.get(damage, args.langs)
        for language in languages:
            for seed in args.seeds if damage in ("one-side", "both-sides", "own-answers") else [0]:
                line = [sys.executable, __file__, "--one", damage, language, str(seed)]
                # A process of its own, so that its peak is its own.
                run = subprocess.run(line, check=True, stdout=subprocess.PIPE, text=True)
                result = json.loads(run.stdout.splitlines()[-1])
                if not header:
                    print("| " + " | ".join(result) + " |\n|" + " --- |" * len(result))
                    header = True
                print("| " + " | ".join(map(str, result.values())) + " |", flush=True)


if __name__ == "__main__":
    main()
