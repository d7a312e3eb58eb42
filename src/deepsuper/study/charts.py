"""The charts of a study's page as SVG: differences to the baseline, and losses during training."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from markupsafe import Markup

from deepsuper.common.figures import INK, inline_svg
from deepsuper.evaluation.compare.pictures import draw_one, draw_rows, handles_of, words
from deepsuper.study.facts import LOSS, CellFacts
from deepsuper.study.findings import GroupFindings

WIDTH, LEFT = 760, 215
"""Of the forest plot, and of the names at its left; in pixels."""
CURVE_WIDTH, CURVE_HEIGHT = 360, 210
POINTS = 100
"""The most points of a line: a longer one shows means of neighbours."""
DASHES = ("-", "--", ":", "-.")


def forest(found: GroupFindings) -> Markup | None:
    """The differences of a group with their intervals, a small point for each seed, and the paper's as a cross.

    None where nothing is compared.
    """
    tests = list(found.differences())
    if not tests or found.comparison is None:
        return None
    names = list(dict.fromkeys(run for run, _, _ in tests))
    columns = list(dict.fromkeys(c for table in found.comparison.tables for c in table.columns))
    columns = [column for column in columns if any(column == tested for _, tested, _ in tests)]
    paper = found.in_the_paper()
    seeds = any(difference.seeds for _, _, difference in tests)
    handles = handles_of(names, seeds=seeds, ink=INK, hollow="none")
    lines = -(-(len(handles) + bool(paper)) // 3)
    rows, above, below = len(columns) * max(24, 14 * len(names)), 14 + 18 * lines, 48
    height = rows + above + below

    def draw(figure: Any) -> None:
        axes = figure.add_axes((LEFT / WIDTH, below / height, 1 - (LEFT + 12) / WIDTH, rows / height))
        draw_rows(axes, columns)
        for run, column, difference in tests:
            number = names.index(run)
            at = draw_one(axes, difference, columns.index(column), number, len(names), hollow="none")
            if (run, column) in paper:
                axes.plot([100 * paper[run, column]], [at], "x", color=f"C{number % 10}", markersize=6)
        if paper:
            handles.extend(axes.plot([], [], "x", color=INK, label="the paper's difference"))
        axes.set_xlabel(f"difference to {words(found.group.baseline)} in points (95% interval)")
        figure.legend(handles=handles, loc="upper left", ncols=3, frameon=False, fontsize=10)

    label = f"Forest plot of {len(tests)} differences to {found.group.baseline}, cells {found.group.name}; "
    return inline_svg(draw, label + "the table below it has the numbers", WIDTH, height)


def curves(title: str, cells: Sequence[CellFacts]) -> Markup | None:
    """The loss of each term of an arm, a line for each seed. None where nothing was logged."""
    losses = [(name, points) for facts in cells for name, points in facts.losses.items()]
    terms = list(dict.fromkeys(name for name, _ in losses))
    if not terms:
        return None

    def draw(figure: Any) -> None:
        axes = figure.add_axes((0.13, 0.2, 0.84, 0.66))
        drawn: set[str] = set()
        for name, points in losses:
            n = terms.index(name)
            steps, values = thinned(points)
            label = None if name in drawn else name.removeprefix(LOSS)
            drawn.add(name)
            axes.plot(steps, values, DASHES[n % len(DASHES)], color=f"C{n % 10}", linewidth=1.3, alpha=0.8, label=label)
        axes.set(xlabel="step", ylabel="nats, or 1 - cos")
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(loc="lower right", bbox_to_anchor=(1.02, 0.98), ncols=len(terms), frameon=False, borderpad=0)

    ends = ", ".join(f"{name} {points[0][1]:.3g} to {points[-1][1]:.3g}" for name, points in losses[:12])
    return inline_svg(draw, f"Losses of {title} by step, a line for each seed: {ends}", CURVE_WIDTH, CURVE_HEIGHT)


def thinned(points: Sequence[tuple[int, float]]) -> tuple[list[float], list[float]]:
    """Steps and values of finite points; of more than POINTS of them the means of neighbours."""
    kept = np.array([point for point in points if np.isfinite(point[1])]).reshape(-1, 2)
    if len(kept) > POINTS:
        kept = np.array([part.mean(axis=0) for part in np.array_split(kept, POINTS)])
    return kept[:, 0].tolist(), kept[:, 1].tolist()
