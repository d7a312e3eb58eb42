"""What `deepsuper align` prints and writes."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from deepsuper.common.files import write_text
from deepsuper.common.intervals import Interval
from deepsuper.config import AlignConfig
from deepsuper.data.texts import Texts
from deepsuper.inside.align.measure import Aligned, ModelAlignment

Changes = Sequence[Mapping[str, Interval]]
COLUMNS = ("cosine", "centered cosine", "retrieval en-tgt", "retrieval tgt-en", "centered retrieval en-tgt", "cka")


def print_report(console: Console, models: Sequence[ModelAlignment], changes: Changes, config: AlignConfig) -> None:
    """A table of each model's layers, and what tuning changed."""
    for model in models:
        table = Table("layer", *COLUMNS, "clouds apart", title=f"{model.name}: English and {config.language}, 95%")
        for layer, aligned in enumerate(model.layers):
            table.add_row(str(layer), *_cells(aligned))
        console.print(table)
        j, last = model.layer_et, len(model.layers) - 1
        pair = ", ".join(f"{name} {_interval(model.pair.measures[name])}" for name in COLUMNS)
        console.print(f"h_{last}^en against h_{j}^tgt (equation 7): {pair}", highlight=False, soft_wrap=True)
        console.print(f"t-SNE at layer {model.shown}: the clouds are {model.plane_distance:.2f} apart")
        more = model.english_loss / models[0].english_loss - 1
        base = "" if model is models[0] else f", {more:+.1%} against the base"
        console.print(f"loss of the English sentences: {model.english_loss:.3f} nats a token{base}", highlight=False)
    if changes:
        table = Table("layer", *COLUMNS[:-1], title="tuned less base, sentence by sentence, 95%")
        for layer, change in enumerate(changes):
            table.add_row(str(layer), *(_signed(change[name]) for name in COLUMNS[:-1]))
        console.print(table)


def _cells(aligned: Aligned) -> list[str]:
    return [*(_interval(aligned.measures[name]) for name in COLUMNS), f"{aligned.numbers['cloud distance']:.2f}"]


def _interval(interval: Interval) -> str:
    return f"{interval.mean:.3f} ({interval.low:.2f} to {interval.high:.2f})"


def _signed(interval: Interval) -> str:
    return f"{interval.mean:+.3f} ({interval.low:+.2f} to {interval.high:+.2f})"


def as_record(models: Sequence[ModelAlignment], changes: Changes, config: AlignConfig, texts: Texts) -> dict[str, Any]:
    """All measurements as JSON; the pictures are drawn from it."""
    record: dict[str, Any] = {"config": asdict(config), "source": texts.source, "sentences": len(texts.target)}
    record["models"] = [
        {
            "name": model.name,
            "english loss": model.english_loss,
            "layers": [_numbers(aligned) for aligned in model.layers],
            "pair": {"layers": (model.layer_et, len(model.layers) - 1), **_numbers(model.pair)},
            "tsne": {"layer": model.shown, "distance": model.plane_distance, "points": model.points.round(4).tolist()},
        }
        for model in models
    ]
    if changes:
        record["tuned less base"] = [{name: asdict(value) for name, value in change.items()} for change in changes]
    return record


def _numbers(aligned: Aligned) -> dict[str, Any]:
    return {**{name: asdict(value) for name, value in aligned.measures.items()}, **aligned.numbers}


def write_report(
    models: Sequence[ModelAlignment], changes: Changes, config: AlignConfig, texts: Texts, folder: Path
) -> None:
    """Writes align.json, align.png and tsne.png into `folder`."""
    from deepsuper.inside.align.pictures import draw_layers, draw_tsne

    folder.mkdir(parents=True, exist_ok=True)
    record = as_record(models, changes, config, texts)
    write_text(folder / "align.json", json.dumps(record, ensure_ascii=False) + "\n")
    draw_layers(folder / "align.png", record)
    draw_tsne(folder / "tsne.png", record)
