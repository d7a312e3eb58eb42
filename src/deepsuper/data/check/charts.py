"""Histograms as SVG that stands inside a page."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup

from deepsuper.common.arrays import Floats
from deepsuper.common.figures import inline_svg

WIDTH, HEIGHT = 460, 200
BARS = 40
SERIES = ("#3b82f6", "#d97706")


def histogram(
    title: str, unit: str, series: Mapping[str, Sequence[float]], *, log: bool = False, marks: Sequence[float] = ()
) -> Markup | None:
    """One or two histograms over each other, the second as an outline; `marks` are dashed lines with their values.

    None where there is nothing to draw.
    """
    known = {name: np.array(values, float) for name, values in series.items()}
    known = {name: values[np.isfinite(values)] for name, values in known.items()}
    if not sum(len(values) for values in known.values()):
        return None
    edges = _edges(np.concatenate(list(known.values())), marks, log)

    def draw(figure: Any) -> None:
        axes = figure.add_axes((0.11, 0.21, 0.86, 0.67))
        _scale(axes, unit, edges, log)
        for n, (name, values) in enumerate(known.items()):
            counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
            look = {"alpha": 0.55, "linewidth": 0} if n == 0 else {"linewidth": 1.8, "fill": False}
            axes.stairs(counts, edges, **{"fill": True, **look}, color=SERIES[n], label=name)
        for mark in marks:
            axes.axvline(mark, color="#ef4444", linestyle="--", linewidth=1.2)
            axes.annotate(_short(mark), (mark, 1.03), xycoords=("data", "axes fraction"), ha="center")
        if len(known) > 1:
            axes.legend(loc="lower right", bbox_to_anchor=(1.02, 0.97), ncols=2, frameon=False, borderpad=0)

    return inline_svg(draw, title, WIDTH, HEIGHT)


def _edges(values: Floats, marks: Sequence[float], log: bool) -> Floats:
    """The limits of the bars, with all marks inside. The outer thousandths of the values go into the outer bars."""
    low, high = np.quantile(values, (0.001, 0.999))
    low, high = min([low, *marks]), max([high, *marks])
    if log:
        low = max(low, 1e-3)
        return np.geomspace(low, max(high, low * 1.1), BARS + 1)
    return np.linspace(low, high if high > low else low + 1, BARS + 1)


def _scale(axes: Any, unit: str, edges: Floats, log: bool) -> None:
    """Both axes with a few round numbers."""
    from matplotlib import ticker

    low, high = edges[0], edges[-1]
    if log:
        axes.set_xscale("log")
        round_ones: ticker.Locator = ticker.LogLocator(subs=(1, 2, 5) if high < 500 * low else (1,), numticks=20)
    else:
        round_ones = ticker.MaxNLocator(6)
    ticks = [float(tick) for tick in round_ones.tick_values(low, high) if low <= tick <= high]
    ticks = ticks if len(ticks) > 1 else edges[:: BARS // 4].tolist()
    axes.set_xticks(ticks, [_short(tick) for tick in ticks])
    axes.minorticks_off()
    axes.yaxis.set_major_locator(ticker.MaxNLocator(3, integer=True))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.set(xlim=(low, high), xlabel=unit)
    axes.tick_params(length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)


def _short(value: float) -> str:
    """A number with two digits at least; 0 has no sign."""
    return f"{value + 0.0:,.0f}" if abs(value) >= 20 else f"{value + 0.0:.2g}"
