"""What `deepsuper layers` prints and writes: a table, the lines to paste into a recipe, layers.json."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from deepsuper.common.files import write_text
from deepsuper.inside.layers.agree import Agreed
from deepsuper.inside.layers.criteria import Verdict
from deepsuper.inside.layers.select import LayersReport


def print_report(console: Console, report: LayersReport) -> None:
    """Prints the layers by each criterion as a table, the reasons, and the layers to use."""
    model, depth = report.config.model.name, report.curves.num_layers
    table = Table(title=f"{model}, layers 0..{depth}: {report.sentences} sentences, {report.tokens:,} tokens")
    for name in ("criterion", "i (95%)", "j (95%)", "found in", "settled from"):
        table.add_column(name, overflow="fold")
    for verdict in report.verdicts:
        table.add_row(*_cells(verdict))
    console.print(table)
    for verdict in report.verdicts:
        console.print(f"{verdict.criterion}: {verdict.reason}", highlight=False, soft_wrap=True)
    for drop in report.choice.drops:
        console.print(
            f"  drop of {drop.size:.2f} nats from layer {drop.start} to {drop.end}, {drop.signal:.1f} times its noise"
        )
    console.print(report.agreed.line, markup=False, highlight=False, soft_wrap=True)
    console.print(yaml_lines(report.agreed), markup=False, highlight=False, soft_wrap=True)


def _cells(verdict: Verdict) -> list[str]:
    settled = "-" if verdict.settled is None else f"{verdict.settled} sentences"
    return [
        verdict.criterion,
        _layer(verdict.layer_lc, verdict.interval_lc),
        _layer(verdict.layer_et, verdict.interval_et),
        f"{verdict.found:.0%}",
        settled,
    ]


def _layer(layer: int | None, interval: tuple[int, int] | None) -> str:
    return "-" if layer is None or interval is None else f"{layer} ({interval[0]} to {interval[1]})"


def yaml_lines(agreed: Agreed) -> str:
    """The lines to copy into a recipe, with a comment on where the layers come from."""
    return f"# {agreed.line}\nobjective:\n  layer_lc: {agreed.layer_lc}\n  layer_et: {agreed.layer_et}\n"


def agreed_record(agreed: Agreed) -> dict[str, Any]:
    """The layers to use and the reason, as JSON."""
    return {
        "layer_lc": agreed.layer_lc,
        "layer_et": agreed.layer_et,
        "fallback": agreed.fallback,
        "named_by": list(agreed.criteria),
        "agreement": agreed.reason,
    }


def as_record(report: LayersReport) -> dict[str, Any]:
    """All measurements as JSON; the picture is drawn from it."""
    curves = report.curves
    band = np.percentile(report.resampled, [2.5, 97.5], axis=0).tolist() if len(report.resampled) else None
    return {
        "config": asdict(report.config),
        "source": report.source,
        "sentences": report.sentences,
        "tokens": report.tokens,
        **agreed_record(report.agreed),
        "criteria": [asdict(verdict) for verdict in report.verdicts],
        "entropy": curves.mean_entropy().tolist(),
        "entropy_95": band,
        "fit": list(report.choice.fit),
        "groups": list(curves.groups),
        "mass": curves.mean_mass().tolist(),
        "sample": {"tokens": report.sample_tokens, "entropy": curves.sample.tolist()},
    }


def write_report(report: LayersReport, folder: Path) -> None:
    """Writes layers.json, layers.yaml and layers.png into `folder`."""
    from deepsuper.inside.layers.pictures import draw

    folder.mkdir(parents=True, exist_ok=True)
    record = as_record(report)
    write_text(folder / "layers.json", json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    write_text(folder / "layers.yaml", yaml_lines(report.agreed))
    draw(folder / "layers.png", record)
