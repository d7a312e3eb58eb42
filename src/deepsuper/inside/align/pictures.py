"""The measures over the layers, and the paper's figure 4: t-SNE of both languages before and after."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from deepsuper.common.figures import figure

PANELS = (
    ("cosine of pairs", ("cosine", "centered cosine")),
    ("retrieval accuracy, centred", ("centered retrieval en-tgt", "centered retrieval tgt-en")),
    ("linear CKA", ("cka",)),
    ("distance of the clouds / their spread", ("cloud distance",)),
)


def draw_layers(path: Path, record: Mapping[str, Any]) -> None:
    """Writes a PNG of every measure at every layer, of each model."""
    with figure(path, figsize=(11, 7)) as drawn:
        axes = drawn.subplots(2, 2, sharex=True)
        for panel, (title, measures) in zip(axes.flat, PANELS, strict=True):
            for n, model in enumerate(record["models"]):
                for measure, style in zip(measures, ("-", "--"), strict=False):
                    _draw_curve(panel, model["layers"], measure, f"C{n}", style, f"{labels(record)[n]}: {measure}")
            panel.set(title=title)
            panel.legend(fontsize=7)
        for panel in axes[-1]:
            panel.set_xlabel("layer")
        language, count = record["config"]["language"], record["sentences"]
        drawn.suptitle(f"English and {language}: {count} sentences, {record['source']}")


def _draw_curve(
    axes: Any, layers: Sequence[Mapping[str, Any]], measure: str, color: str, style: str, label: str
) -> None:
    values = [layer[measure] for layer in layers]
    if isinstance(values[0], dict):
        axes.plot([value["mean"] for value in values], style, color=color, label=label)
        low, high = ([value[end] for value in values] for end in ("low", "high"))
        axes.fill_between(range(len(values)), low, high, color=color, alpha=0.15)
    else:
        axes.plot(values, style, color=color, label=label)


def draw_tsne(path: Path, record: Mapping[str, Any]) -> None:
    """Writes a PNG of the clouds, one model beside the other. Figure 4."""
    models, language = record["models"], record["config"]["language"]
    with figure(path, figsize=(5.2 * len(models), 4.8)) as drawn:
        axes = drawn.subplots(1, len(models), squeeze=False)
        for panel, model, name in zip(axes.flat, models, labels(record), strict=True):
            english, target = np.split(np.array(model["tsne"]["points"]), 2)
            panel.scatter(*english.T, s=9, color="C0", label="en")
            panel.scatter(*target.T, s=9, color="C3", label=language)
            panel.set(xticks=[], yticks=[])
            layer, distance = model["tsne"]["layer"], model["tsne"]["distance"]
            panel.set_title(f"{name}, layer {layer}: clouds {distance:.2f} apart", fontsize=10)
            panel.legend(fontsize=8)


def labels(record: Mapping[str, Any]) -> list[str]:
    """The names of the models in a picture."""
    return ["before", "after"] if len(record["models"]) == 2 else [Path(record["models"][0]["name"]).name]
