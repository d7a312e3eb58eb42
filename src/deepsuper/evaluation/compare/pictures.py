"""Differences to the baseline as a forest plot: a line for each column, a colour and a marker for each run."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from deepsuper.common.figures import figure, font_for
from deepsuper.evaluation.compare.layout import Column
from deepsuper.evaluation.compare.paired import Difference
from deepsuper.evaluation.compare.tables import Comparison

MARKERS = "osD^vPX"


def draw_differences(path: Path, comparison: Comparison) -> None:
    """Writes a PNG of every difference with its interval, and beside it a point for each of several seeds.

    A filled marker: the corrected p is below 0.05.
    """
    found = [(row.name, column, difference) for row, column, difference in comparison.differences()]
    names = list(dict.fromkeys(name for name, _, _ in found))
    tested = {column for _, column, _ in found}
    columns = list(dict.fromkeys(c for table in comparison.tables for c in table.columns if c in tested))
    from matplotlib import rc_context

    # The first font is for all the letters that it has, such as the minus sign; the others are for names.
    fonts = [font_for(name) for name in [*names, *comparison.baselines]]
    family = list(dict.fromkeys(["DejaVu Sans", *(font for font in fonts if font is not None)]))
    height = 1.5 + len(columns) * max(0.3, 0.17 * len(names)) + 0.22 * len(names)
    with rc_context({"font.family": family}), figure(path, figsize=(8, min(height, 60))) as drawn:
        axes = drawn.subplots()
        draw_rows(axes, columns)
        for name, column, difference in found:
            draw_one(axes, difference, columns.index(column), names.index(name), len(names))
        baselines = " or ".join(map(words, comparison.baselines))
        several = ",\nby profile," if len(comparison.baselines) > 1 else ""
        seeds = any(difference.seeds for _, _, difference in found)
        interval = "interval over items and seeds" if seeds else "paired bootstrap interval"
        axes.set_xlabel(f"difference to {baselines}{several} in points (95% {interval})")
        _add_legend(drawn, names, seeds=seeds)


def draw_rows(axes: Any, columns: Sequence[Column]) -> None:
    """Draws the names at the left, the line at 0, and a band behind every second benchmark."""
    axes.set_yticks(range(len(columns)), [f"{c.benchmark} {c.language} ({c.measure})" for c in columns])
    axes.set_ylim(len(columns) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.grid(axis="x", alpha=0.25)
    axes.set_axisbelow(True)
    axes.axvline(0, color="0.3", linewidth=1)
    benchmarks = list(dict.fromkeys((c.benchmark, c.measure) for c in columns))
    for n, column in enumerate(columns):
        if benchmarks.index((column.benchmark, column.measure)) % 2 == 0:
            axes.axhspan(n - 0.5, n + 0.5, color="0.5", alpha=0.08, linewidth=0)


def draw_one(axes: Any, difference: Difference, row: int, number: int, of: int, hollow: str = "white") -> float:
    """Draws the difference of run `number` in a row; what is not significant is filled with `hollow`. Returns its y."""
    at = row + (number - (of - 1) / 2) * 0.72 / max(of, 2)
    color = f"C{number % 10}"
    axes.plot(
        [100 * difference.low, 100 * difference.high], [at, at], color=color, linewidth=1.6, solid_capstyle="butt"
    )
    axes.plot(
        [100 * difference.mean], [at], MARKERS[number % len(MARKERS)], color=color, markersize=6, markeredgewidth=1.4,
        markerfacecolor=color if difference.significant else hollow, zorder=3,
    )  # fmt: skip
    if difference.seeds is not None:
        points = [100 * value for value in difference.seeds.values]
        beside = at + 0.28 / max(of, 2)
        axes.plot(points, [beside] * len(points), ".", color=color, markersize=5, markeredgewidth=0, alpha=0.7)
    return at


def _add_legend(drawn: Any, names: list[str], *, seeds: bool) -> None:
    handles = handles_of(names, seeds=seeds)
    drawn.legend(handles=handles, loc="outside upper left", ncols=min(3, len(handles)), frameon=False, fontsize=9)


def handles_of(names: Sequence[str], *, seeds: bool, ink: str = "0.3", hollow: str = "white") -> list[Any]:
    """What a legend shows: each run, what a filled marker says, and a seed's point."""
    from matplotlib.lines import Line2D

    # matplotlib leaves out a label that begins with "_"; the space prevents that.
    handles = [
        Line2D([], [], color=f"C{n % 10}", marker=MARKERS[n % len(MARKERS)], label=" " + words(name))
        for n, name in enumerate(names)
    ]
    handles.append(Line2D([], [], color=ink, marker="o", linestyle="", label="corrected p < 0.05"))
    handles.append(Line2D([], [], color=ink, marker="o", linestyle="", markerfacecolor=hollow, label="not significant"))
    if seeds:
        handles.append(Line2D([], [], color=ink, marker=".", markersize=5, linestyle="", label="one seed"))
    return handles


def words(name: str) -> str:
    """The name for matplotlib: no formula in it, at most 40 characters, and "?" for letters that no font has."""
    drawable = name if font_for(name) is not None else name.encode("ascii", "replace").decode("ascii")
    short = drawable if len(drawable) <= 40 else f"{drawable[:25]}...{drawable[-12:]}"
    return short.replace("$", r"\$")
