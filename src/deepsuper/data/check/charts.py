"""Histograms as SVG that stands inside a page: no script, no style, no file."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np

from deepsuper.common.arrays import Floats

WIDTH, HEIGHT, LEFT, RIGHT, BOTTOM, TOP = 460, 190, 44, 20, 40, 24
BARS = 40
SERIES = ("#2563eb", "#d97706")


def histogram(
    title: str, unit: str, series: dict[str, Sequence[float]], *, log: bool = False, marks: Sequence[float] = ()
) -> str:
    """One or two histograms over each other; `marks` are upright lines. "" where there is nothing to draw."""
    known = {name: np.array(values, float) for name, values in series.items()}
    known = {name: values[np.isfinite(values)] for name, values in known.items()}
    if not sum(len(values) for values in known.values()):
        return ""
    edges = _edges(np.concatenate(list(known.values())), marks, log)
    counts = {name: np.histogram(np.clip(v, edges[0], edges[-1]), edges)[0] for name, v in known.items()}
    most = max(int(count.max()) for count in counts.values())
    parts = [_bars(count, most, SERIES[n % 2]) for n, count in enumerate(counts.values())]
    parts += [_mark(_place(mark, edges, log)) for mark in marks]
    parts += [_ticks(edges, most, log), _legend(list(counts))] if len(counts) > 1 else [_ticks(edges, most, log)]
    return (
        f'<figure><svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img" '
        f'aria-label="{escape(title)}">{"".join(parts)}'
        f'<text x="{(WIDTH + LEFT) / 2}" y="{HEIGHT - 4}" text-anchor="middle">{escape(unit)}</text></svg>'
        f"<figcaption>{escape(title)}</figcaption></figure>\n"
    )


def _edges(values: Floats, marks: Sequence[float], log: bool) -> Floats:
    """The bars' limits: they leave out the last thousandth at either end, which is drawn into the outer bars; all
    marks are within.
    """
    low, high = np.quantile(values, (0.001, 0.999))
    low, high = min([low, *marks]), max([high, *marks])
    if log:
        low = max(low, 1e-3)
        return np.geomspace(low, max(high, low * 1.1), BARS + 1)
    return np.linspace(low, high if high > low else low + 1, BARS + 1)


def _place(value: float, edges: Floats, log: bool) -> float:
    at = np.clip(value, edges[0], edges[-1])
    share = np.log(at / edges[0]) / np.log(edges[-1] / edges[0]) if log else (at - edges[0]) / (edges[-1] - edges[0])
    return LEFT + float(share) * (WIDTH - LEFT - RIGHT)


def _bars(counts: Any, most: int, color: str) -> str:
    width = (WIDTH - LEFT - RIGHT) / BARS
    full = HEIGHT - BOTTOM - TOP
    bars = (
        f'<rect x="{LEFT + n * width:.1f}" y="{HEIGHT - BOTTOM - full * count / most:.1f}" width="{width - 0.6:.1f}" '
        f'height="{full * count / most:.1f}"/>'
        for n, count in enumerate(counts.tolist())
        if count
    )
    return f'<g fill="{color}" fill-opacity="0.6">{"".join(bars)}</g>'


def _mark(x: float) -> str:
    place = f'x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 6}" y2="{HEIGHT - BOTTOM}"'
    return f'<line {place} stroke="#dc2626" stroke-dasharray="4 3"/>'


def _ticks(edges: Floats, most: int, log: bool) -> str:
    base = HEIGHT - BOTTOM
    at = [edges[n] for n in range(0, BARS + 1, BARS // 4)]
    labels = "".join(
        f'<text x="{_place(v, edges, log):.1f}" y="{base + 15}" text-anchor="middle">{_short(v)}</text>' for v in at
    )
    line = f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{base}" y2="{base}" stroke="currentColor"/>'
    return f'{line}{labels}<text x="{LEFT - 5}" y="{TOP + 4}" text-anchor="end">{most:,}</text>'


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 20 else f"{value:.2g}"


def _legend(names: Sequence[str]) -> str:
    return "".join(
        f'<rect x="{WIDTH - 190 + 95 * n}" y="4" width="10" height="10" fill="{SERIES[n % 2]}" fill-opacity="0.6"/>'
        f'<text x="{WIDTH - 176 + 95 * n}" y="13">{escape(name)}</text>'
        for n, name in enumerate(names)
    )
