"""Scores over an axis of numbers, such as the layer of a term: the paper's figure 3."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from deepsuper.common.figures import INK, figure, inline_svg
from deepsuper.study.cells import is_number
from deepsuper.study.facts import CellFacts, read_object
from deepsuper.study.findings import GroupFindings, StudyFindings
from deepsuper.study.jobs import layers_folders

WIDTH, HEIGHT = 760, 340


@dataclass(frozen=True)
class Sweep:
    """One group of cells. A score is the mean over the benchmarks and languages of a cell."""

    axis: str
    lines: Mapping[str, Sequence[tuple[float, tuple[float, ...]]]]
    """Arm without its value on the axis -> that value and the score of each seed, in the order of the values."""
    baseline: tuple[str, float]
    entropy: Mapping[str, Sequence[float]]
    """Language -> the mean entropy of each layer of the base model, where `layers` has measured it."""


def sweeps_of(found: StudyFindings) -> Iterator[tuple[str, Sweep]]:
    """The name of each group that has scores over `sweep`, and those."""
    axis = found.planned.study.sweep
    for group in found.groups if axis else ():
        lines = _lines(group, axis)
        base = group.used.get(group.group.baseline, ())
        if lines and base:
            means = [mean_score(facts) for facts in base]
            entropy = _entropy(found, base[0])
            yield group.group.name, Sweep(axis, lines, (group.group.baseline, sum(means) / len(means)), entropy)


def _lines(group: GroupFindings, axis: str) -> dict[str, list[tuple[float, tuple[float, ...]]]]:
    lines: dict[str, list[tuple[float, tuple[float, ...]]]] = {}
    for arm, cells in group.used.items():
        value = cells[0].cell.values[axis]
        if arm != group.group.baseline and is_number(value):
            rest = [name for name in group.group.axes if name != axis]
            name = ".".join(str(cells[0].cell.values[each]) for each in rest) or "cells"
            lines.setdefault(name, []).append((float(value), tuple(mean_score(facts) for facts in cells)))
    return {name: sorted(points) for name, points in lines.items()}


def mean_score(facts: CellFacts) -> float:
    """The mean of a cell's scores over benchmarks, each a mean over languages, in [0, 1]."""
    scores = facts.scores().values()
    return sum(scores) / len(scores)


def _entropy(found: StudyFindings, facts: CellFacts) -> dict[str, list[float]]:
    """Of the base model of a cell, in its language if that is an axis."""
    curves = {}
    for language, folder in layers_folders(found.planned.study, facts.cell).items():
        record = read_object(folder / "layers.json")
        if record and facts.cell.values.get("language", language) == language:
            curves[language] = record["entropy"]
    return curves


def draw_sweep(drawn: Any, sweep: Sweep) -> None:
    """Draws on a figure of matplotlib: a line for each arm, a small point for each seed, entropy on its own axis."""
    axes = drawn.add_axes((0.09, 0.15, 0.82, 0.72))
    for n, (name, points) in enumerate(sweep.lines.items()):
        places = [x for x, _ in points]
        axes.plot(places, [100 * sum(s) / len(s) for _, s in points], "o-", color=f"C{n % 10}", label=name)
        for x, scores in points:
            axes.plot([x] * len(scores), [100 * s for s in scores], ".", color=f"C{n % 10}", markersize=4, alpha=0.6)
    base, level = sweep.baseline
    axes.axhline(100 * level, linestyle="--", linewidth=1.2, color=INK, label=base)
    axes.xaxis.get_major_locator().set_params(
        integer=all(x == int(x) for line in sweep.lines.values() for x, _ in line)
    )
    axes.set(xlabel=sweep.axis, ylabel="mean score in percent")
    axes.spines["top"].set_visible(False)
    handles = axes.get_legend_handles_labels()[0]
    if sweep.entropy:
        other = axes.twinx()
        for k, (language, curve) in enumerate(sweep.entropy.items()):
            style = ("-", "--", ":", "-.")[k % 4]
            handles += other.plot(range(len(curve)), curve, style, color="0.6", label=f"entropy, {language}")
        other.set_ylabel("entropy (nats)")
        other.spines["top"].set_visible(False)
    drawn.legend(handles=handles, loc="upper left", ncols=4, frameon=False, fontsize=10)


def sweep_svg(name: str, sweep: Sweep) -> Markup:
    """The picture for a page, with its numbers for a screen reader."""
    told = "; ".join(
        f"{line}: " + ", ".join(f"{100 * sum(s) / len(s):.1f} at {x:g}" for x, s in points)
        for line, points in sweep.lines.items()
    )
    base, level = sweep.baseline
    label = f"Mean score over {sweep.axis}, cells {name}: {told}; {base}: {100 * level:.1f}"
    return inline_svg(lambda drawn: draw_sweep(drawn, sweep), label, WIDTH, HEIGHT)


def write_sweep(path: Path, sweep: Sweep) -> None:
    """The same picture as a PNG file."""
    with figure(path, figsize=(WIDTH / 90, HEIGHT / 90)) as drawn:
        drawn.set_layout_engine("none")
        draw_sweep(drawn, sweep)
