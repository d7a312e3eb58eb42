"""One picture of a demo run: the loss terms over the steps, and the scores with their intervals."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from deepsuper.common.figures import figure
from deepsuper.common.intervals import Interval


def draw(
    path: Path, metrics: Mapping[str, Sequence[Mapping[str, Any]]], scores: Mapping[str, Mapping[str, Interval]]
) -> None:
    """Writes a PNG. `metrics`: run -> records of metrics.jsonl; `scores`: model -> measure -> interval (in [0, 1])."""
    with figure(path, figsize=(11, 4.2)) as drawn:
        left, right = drawn.subplots(1, 2)
        _draw_losses(left, metrics, {name: f"C{n}" for n, name in enumerate(scores)})
        _draw_scores(right, scores)


def _draw_losses(axes: Any, metrics: Mapping[str, Sequence[Mapping[str, Any]]], colors: Mapping[str, str]) -> None:
    for n, (run, records) in enumerate(metrics.items()):
        width = 1.5 + 2.5 * (len(metrics) - 1 - n)  # earlier lines are wider, so that they can be seen below later ones
        for term, style in (("tft", "-"), ("lc", "--"), ("et", ":")):
            points = [(r["step"], r[f"loss_{term}"]) for r in records if f"loss_{term}" in r]
            if points:
                axes.plot(*zip(*points, strict=True), style, color=colors[run], linewidth=width, label=f"{run}: {term}")
    axes.set(xlabel="step", ylabel="loss (nats per token; 1 - cos)", title="Loss terms")
    axes.set_yscale("log")
    axes.legend(fontsize=8)


def _draw_scores(axes: Any, scores: Mapping[str, Mapping[str, Interval]]) -> None:
    width = 0.8 / max(1, len(scores))
    measures = list(next(iter(scores.values())))
    for n, (name, row) in enumerate(scores.items()):
        means = [100 * row[m].mean for m in measures]
        errors = [
            [100 * (row[m].mean - row[m].low) for m in measures],
            [100 * (row[m].high - row[m].mean) for m in measures],
        ]
        places = [x + (n - (len(scores) - 1) / 2) * width for x in range(len(measures))]
        axes.bar(places, means, width, yerr=errors, capsize=3, label=name)
    axes.set_xticks(range(len(measures)), measures)
    axes.set(ylabel="%", ylim=(0, 118), yticks=range(0, 101, 20), title="Held-out articles, 95% intervals")
    axes.legend(fontsize=8, loc="upper center", ncols=len(scores))
