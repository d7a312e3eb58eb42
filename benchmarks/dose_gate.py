"""P0 of docs/study.md, the dose gate: do alignment steps move a small model's states without harming its English?

    python benchmarks/dose_gate.py                              all settings of the protocol, one after the other
    python benchmarks/dose_gate.py --settings smollm2-135m:12:1e-4 --threads 1
    python benchmarks/dose_gate.py --report                     only the table of the results so far

A setting is MODEL:LAYER:RATE, and behind it may stand one of these:
  :none        the task alone
  :shuffled    permuted pairs
  :detach      pairs whose English side does not learn
  :retain      a task that also keeps the model's next-token distributions on its English rows (objective.retain: kl)
  :retain-all  the same, and pairs that keep those on their English texts

Results are added to results.jsonl in --output_dir; a setting that is there is not run again. Needs ../shared/data.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from deepsuper.common.figures import figure
from deepsuper.common.lines import file_records, refuse
from deepsuper.config import (
    DataConfig,
    LoraConfig,
    ModelConfig,
    ObjectiveConfig,
    RunConfig,
    SourceConfig,
    StreamConfig,
    TrainingConfig,
)
from deepsuper.inside.english import english_loss
from deepsuper.inside.similarity import centered, retrieved
from deepsuper.inside.states import encode_texts, pooled_states
from deepsuper.method.features import contrastive_loss
from deepsuper.models.load import inside_run, load_for_reading, load_tokenizer
from deepsuper.training.run import train

TEXTS = Path(__file__).parents[2] / "shared" / "data" / "parallel_text"
LANGUAGES = ("vi", "zh", "ar")
HELD_OUT = 200
"""The last pairs of each Tatoeba file; the first 800 are trained on."""
ENGLISH = 200
"""Sentences of FLORES devtest on which the English loss is measured."""
TEMPERATURE = 0.1
QUESTION = "What is the topic of this text?"
RATES = ("1e-4", "5e-4")
SETTINGS = [f"smollm2-135m:{layer}:{rate}" for layer in (12, 11, 13) for rate in RATES]
SETTINGS += [f"gemma-3-270m:12:{rate}" for rate in RATES]


def read(name: str) -> list[dict[str, Any]]:
    return [record for _, record in file_records(TEXTS / name, refuse)]


def pairs_of(language: str) -> list[tuple[str, str]]:
    """All Tatoeba pairs of English and a language."""
    return [(row["en"], row[language]) for row in read(f"tatoeba.en-{language}.jsonl")]


def write_rows(folder: Path) -> None:
    """The task's rows, topics of English sentences, and the pairs of each language."""
    folder.mkdir(parents=True, exist_ok=True)
    task = [
        {
            "id": row["id"],
            "instruction_en": f"What is the topic of this text? {row['en']}",
            "output_en": row["category"],
        }
        for row in read("flores_sib200.jsonl.gz")
        if row["split"] == "train"
    ]
    files = {"task": task}
    for language in LANGUAGES:
        used = pairs_of(language)[:-HELD_OUT]
        files[language] = [
            {"id": n, "text": other, "text_en": english}
            for n, (english, other) in enumerate(used)
            if min(len(english.split()), len(other.split() if language != "zh" else other)) > 1
        ]
    for name, rows in files.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def recipe(setting: str, folder: Path, steps: int) -> RunConfig:
    """`steps` task steps and as many alignment steps, three and three in turn; with `:none`, the task steps alone."""
    model, layer, rate, *kind = setting.split(":")
    align = ObjectiveConfig(
        method="pairs",
        layer_lc=int(layer),
        center="batch",
        similarity="contrastive",
        temperature=TEMPERATURE,
        detach_english=kind == ["detach"],
        shuffle_english=kind == ["shuffled"],
        retain="kl" if kind == ["retain-all"] else "none",
    )
    sft = ObjectiveConfig(method="sft", retain="kl" if kind in (["retain"], ["retain-all"]) else "none")
    task = StreamConfig([SourceConfig("en", str(folder / "task.jsonl"))], sft, steps=3)
    streams = {"task": task}
    if kind != ["none"]:
        for language in LANGUAGES:
            source = SourceConfig(language, str(folder / f"{language}.jsonl"))
            streams[language] = StreamConfig([source], align, batch_size=32)
    total = steps * (2 if len(streams) > 1 else 1)
    return RunConfig(
        model=ModelConfig(model),
        data=DataConfig(template="plain", max_length=256, on_bad_row="skip"),
        streams=streams,
        training=TrainingConfig(
            learning_rate=float(rate),
            batch_size=8,
            micro_batch_size=8,
            packing="packed",
            max_steps=total,
            log_every=6,
            save_every=60,
            save_total_limit=1,
            seed=1,
        ),
        lora=LoraConfig(r=8, alpha=16),
        output_dir=str(folder / setting.replace(":", "_")),
    )


def measure(name: str, layer: int) -> dict[str, Any]:
    """Retrieval of held-out pairs at every layer, their contrastive loss at `layer`, and the English loss, in nats."""
    source = inside_run(ModelConfig(name))
    model, tokenizer = load_for_reading(source), load_tokenizer(source)
    english = encode_texts(tokenizer, [row["en"] for row in read("flores_devtest.en-zh.jsonl")[:ENGLISH]])
    found: dict[str, Any] = {"english_loss": english_loss(model, english, bf16=False), "retrieval": {}, "loss": {}}
    for language in LANGUAGES:
        held_out = [pair for pair in pairs_of(language)[-HELD_OUT:] if min(map(len, pair)) > 3]
        sides = [
            pooled_states(model, encode_texts(tokenizer, [pair[n] for pair in held_out], positions="inner"))
            for n in (0, 1)
        ]
        en, other = ([centered(side[:, n]) for n in range(side.shape[1])] for side in sides)
        both = [np.mean([retrieved(a, b).mean(), retrieved(b, a).mean()]) for a, b in zip(en, other, strict=True)]
        found["retrieval"][language] = [round(float(value), 4) for value in both]
        a, b = (torch.tensor(side[layer])[:192].reshape(6, 32, -1) for side in (en, other))
        losses = [contrastive_loss(x, y, TEMPERATURE).mean() for x, y in zip(a, b, strict=True)]
        found["loss"][language] = float(torch.stack(losses).mean())
    return found


def one(setting: str, folder: Path, steps: int) -> dict[str, Any]:
    """One setting: the run, and the measurements before and after it."""
    model, layer = setting.split(":")[0], int(setting.split(":")[1])
    run = recipe(setting, folder, steps)
    start = time.perf_counter()
    path = train(run, resume="auto")
    seconds = time.perf_counter() - start
    return {
        "setting": setting,
        "steps": steps,
        "seconds": round(seconds, 1),
        "before": measure(model, layer),
        "after": measure(str(path), layer),
    }


def passes(record: dict[str, Any]) -> bool:
    """The rule of the protocol, which was fixed before the runs."""
    before, after, layer = record["before"], record["after"], int(record["setting"].split(":")[1])
    if record["setting"].startswith("gemma"):
        moved = np.mean(list(after["loss"].values())) <= 0.7 * np.mean(list(before["loss"].values()))
    else:
        rises = [after["retrieval"][name][layer] - before["retrieval"][name][layer] for name in LANGUAGES]
        moved = np.mean(rises) >= 0.10
    return bool(moved and after["english_loss"] < 1.02 * before["english_loss"])


def report(records: list[dict[str, Any]]) -> str:
    """The results as a Markdown table."""
    lines = ["| setting | " + " | ".join(f"retrieval {name}" for name in LANGUAGES) + " | loss | English | passes |"]
    lines.append("| --- " * (len(LANGUAGES) + 4) + "|")
    for record in records:
        before, after, layer = record["before"], record["after"], int(record["setting"].split(":")[1])
        cells = [f"{before['retrieval'][n][layer]:.2f} -> {after['retrieval'][n][layer]:.2f}" for n in LANGUAGES]
        loss = " -> ".join(f"{np.mean(list(side['loss'].values())):.2f}" for side in (before, after))
        english = f"{after['english_loss'] / before['english_loss'] - 1:+.1%}"
        control = record["setting"].endswith((":none", ":shuffled"))
        cells += [loss, english, "control" if control else "yes" if passes(record) else "no"]
        lines.append(f"| {record['setting']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def draw(path: Path, records: list[dict[str, Any]]) -> None:
    """Writes a PNG: retrieval at every layer before (dashed) and after each setting, with the trained layer."""
    columns = min(2, len(records))
    rows = -(-len(records) // columns)
    with figure(path, figsize=(5.2 * columns, 3.4 * rows)) as drawn:
        places = list(drawn.subplots(rows, columns, squeeze=False).flat)
        for axes in places[len(records) :]:
            axes.remove()
        for axes, record in zip(places, records, strict=False):
            for n, name in enumerate(LANGUAGES):
                axes.plot(record["before"]["retrieval"][name], "--", color=f"C{n}", alpha=0.6)
                axes.plot(record["after"]["retrieval"][name], color=f"C{n}", label=name)
            english = record["after"]["english_loss"] / record["before"]["english_loss"] - 1
            axes.axvline(int(record["setting"].split(":")[1]), color="gray", linewidth=0.8)
            axes.set(title=f"{record['setting']}, English loss {english:+.0%}", ylim=(0, 1))
            axes.set_xticks(range(0, len(record["after"]["retrieval"]["vi"]), 3))
            axes.set(xlabel="layer", ylabel="retrieval of held-out pairs")
        places[0].legend()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--settings", nargs="+", default=SETTINGS)
    parser.add_argument("--steps", type=int, default=300, help="task steps, and as many alignment steps")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--output_dir", type=Path, default=Path("runs/dose_gate"))
    parser.add_argument("--report", action="store_true", help="only print the table of the results so far")
    parser.add_argument("--picture", type=Path, help="the PNG file to write")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    results = args.output_dir / "results.jsonl"
    known = [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []
    if not args.report:
        write_rows(args.output_dir)
    for setting in [] if args.report else args.settings:
        if not any(record["setting"] == setting and record["steps"] == args.steps for record in known):
            known.append(one(setting, args.output_dir, args.steps))
            with results.open("a") as file:
                file.write(json.dumps(known[-1]) + "\n")
    print(report(known))
    if args.picture is not None:
        draw(args.picture, known)


if __name__ == "__main__":
    main()
