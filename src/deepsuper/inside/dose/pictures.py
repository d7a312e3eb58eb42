"""One picture of all doses: the ratio and the cosine of each reading at each layer, as two heat maps."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from deepsuper.common.arrays import Floats
from deepsuper.common.figures import figure

RATIOS = (1e-3, 1e2)
"""The same colours in every picture; what lies outside has the colour of the end."""
COSINES = 0.5
"""The largest cosine that has a colour of its own."""
NUMBERED = 20
"""With more layers than these, the cells are too narrow for numbers."""


def draw(path: Path, record: Mapping[str, Any]) -> None:
    """Writes a PNG of what dose.json holds. Readings from above, layers from left to right."""
    from matplotlib.colors import LogNorm, Normalize

    doses = record["doses"]
    titles = list(dict.fromkeys(dose["title"] for dose in doses))
    layers = sorted({dose["term"]["layer"] for dose in doses})
    width = min(16.0, 3.4 + 0.42 * max(6, len(layers)))
    with figure(path, figsize=(width, 1.9 + 0.56 * max(2, len(titles)))) as drawn:
        recipe = record["recipe"]
        languages = ", ".join(dict.fromkeys(source["language"] for source in recipe["data"]["train"]))
        batches = f"{record['config']['batches']} batches of {record['rows']} rows"
        drawn.suptitle(
            f"{recipe['model']['name']}, {languages}: gradient of each term at weight 1, {batches}", fontsize=10
        )
        panels = drawn.subplots(2, 1, sharex=True)
        for axes, name, norm, colours, label in (
            (panels[0], "ratio", LogNorm(*RATIOS), "viridis", "norm of the gradient over the task's"),
            (panels[1], "cosine", Normalize(-COSINES, COSINES), "RdBu_r", "cosine with the task's gradient"),
        ):
            values = _grid(doses, name, titles, layers)
            image = axes.imshow(
                np.where(values == 0.0, RATIOS[0], values) if name == "ratio" else values,
                aspect="auto", norm=norm, cmap=colours, interpolation="nearest",
            )  # fmt: skip
            drawn.colorbar(image, ax=axes, extend="both", fraction=0.06).ax.tick_params(labelsize=8)
            axes.set_title(label, fontsize=9, loc="left")
            axes.set_yticks(range(len(titles)), titles, fontsize=8)
            axes.set_xticks(range(len(layers)), [str(layer) for layer in layers], fontsize=8)
            axes.set_facecolor("0.92")
            if len(layers) <= NUMBERED:
                _write_numbers(axes, image, values, name)
        panels[1].set_xlabel(f"layer (L = {record['num_layers']}: after the final norm)")


def _grid(doses: Any, name: str, titles: list[str], layers: list[int]) -> Floats:
    """The means, where a reading was taken at a layer. Shape: (readings, layers)."""
    values: Floats = np.full((len(titles), len(layers)), np.nan)
    for dose in doses:
        values[titles.index(dose["title"]), layers.index(dose["term"]["layer"])] = dose[name]["mean"]
    return values


def _write_numbers(axes: Any, image: Any, values: Floats, name: str) -> None:
    """Each value in its cell, dark on light and light on dark."""
    for (row, column), number in np.ndenumerate(values):
        value = float(number)
        if np.isnan(value):
            continue
        red, green, blue, _ = image.cmap(image.norm(max(value, RATIOS[0]) if name == "ratio" else value))
        dark = 0.3 * red + 0.6 * green + 0.1 * blue < 0.5
        axes.text(
            column, row, _short(value) if name == "ratio" else f"{value:.2f}".replace("0.", ".").replace("-.00", ".00"),
            ha="center", va="center", fontsize=6, color="w" if dark else "k",
        )  # fmt: skip


def _short(value: float) -> str:
    """Two digits, in at most five characters: .0075, .21, 2.6, 57."""
    if value >= 9.95:
        return f"{value:.0f}"
    if value >= 0.995:
        return f"{value:.1f}"
    return "0" if value < 5e-5 else f"{float(f'{value:.2g}'):.4f}".rstrip("0").lstrip("0")
