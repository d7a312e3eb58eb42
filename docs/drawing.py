"""SVG by a few functions: boxes, lines and text, each picture once on a light and once on a dark page."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

FONT = "system-ui, -apple-system, 'Segoe UI', 'Noto Sans', 'Noto Sans CJK SC', 'PingFang SC', sans-serif"


@dataclass(frozen=True)
class Colors:
    """The colours of one picture. `stages` are fill and ink of the three stages of a model, from the bottom up."""

    ink: str
    muted: str
    line: str
    card: str
    edge: str
    stages: tuple[tuple[str, str], ...]


LIGHT = Colors(
    ink="#1f2328",
    muted="#59636e",
    line="#818b98",
    card="#ffffff",
    edge="#d1d9e0",
    stages=(("#ddf4ff", "#0969da"), ("#fbefff", "#8250df"), ("#dafbe1", "#1a7f37")),
)
DARK = Colors(
    ink="#f0f6fc",
    muted="#9198a1",
    line="#656c76",
    card="#151b23",
    edge="#3d444d",
    stages=(("#0c2d4d", "#58a6ff"), ("#2e1c4d", "#bc8cff"), ("#12331c", "#56d364")),
)
THEMES = {"light": LIGHT, "dark": DARK}


@dataclass
class Drawing:
    """An SVG picture of `width` by `height`; what is drawn later lies on top."""

    width: int
    height: int
    title: str
    parts: list[str] = field(default_factory=list)

    def box(self, x: float, y: float, w: float, h: float, *, fill: str, edge: str = "none", radius: float = 8) -> None:
        """A rectangle with round corners."""
        self.parts.append(
            f'<rect x="{x:g}" y="{y:g}" width="{w:g}" height="{h:g}" rx="{radius:g}" fill="{fill}" stroke="{edge}"/>'
        )

    def text(
        self, x: float, y: float, words: str, *, color: str, size: float = 14, weight: int = 400, anchor: str = "start"
    ) -> None:
        """A line of text; `_{...}` is set below it and `^{...}` above."""
        self.parts.append(
            f'<text x="{x:g}" y="{y:g}" font-size="{size:g}" font-weight="{weight}" fill="{color}" '
            f'text-anchor="{anchor}">{_marked(words, size)}</text>'
        )

    def path(self, d: str, *, color: str, arrow: bool = True, width: float = 1.5, dash: str = "") -> None:
        """A line along the SVG path `d`, with an arrow head at its end."""
        head = f' marker-end="url(#head-{color.removeprefix("#")})"' if arrow else ""
        dashes = f' stroke-dasharray="{dash}"' if dash else ""
        self.parts.append(f'<path d="{d}" fill="none" stroke="{color}" stroke-width="{width:g}"{dashes}{head}/>')

    def svg(self) -> str:
        """The picture as a file."""
        body = "\n".join(self.parts)
        heads = "".join(
            f'<marker id="head-{color}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
            f'orient="auto"><path d="M0 0.5 L7.5 4 L0 7.5 z" fill="#{color}"/></marker>'
            for color in dict.fromkeys(re.findall(r"url\(#head-(\w+)\)", body))
        )
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" width="{self.width}" '
            f'height="{self.height}" font-family="{FONT}" role="img">\n<title>{escape(self.title)}</title>\n'
            f"<defs>{heads}</defs>\n{body}\n</svg>\n"
        )


def _marked(words: str, size: float) -> str:
    """Text as SVG, `_{below}` and `^{above}` the line as small letters; where both follow each other, stacked."""
    small, moved = size * 0.72, size * 0.25

    def below(match: re.Match[str]) -> str:
        low, high = match[1], match[2]
        text = f'<tspan dy="{moved:g}" font-size="{small:g}">{low}</tspan>'
        if high is None:
            return text + f'<tspan dy="{-moved:g}">&#8203;</tspan>'
        back = small * (0.58 if low.isupper() else 0.3)
        up = moved + size * 0.4
        return text + (
            f'<tspan dx="{-back:g}" dy="{-up:g}" font-size="{small:g}">{high}</tspan>'
            f'<tspan dy="{size * 0.4:g}">&#8203;</tspan>'
        )

    def above(match: re.Match[str]) -> str:
        return (
            f'<tspan dy="{-size * 0.35:g}" font-size="{small:g}">{match[1]}</tspan>'
            f'<tspan dy="{size * 0.35:g}">&#8203;</tspan>'
        )

    text = re.sub(r"_\{(.*?)\}(?:\^\{(.*?)\})?", below, escape(words, quote=False))
    return re.sub(r"\^\{(.*?)\}", above, text)


def write_themes(name: str, draw: Callable[[Colors], Drawing], folder: Path) -> None:
    """Writes `name`.light.svg and `name`.dark.svg."""
    for theme, colors in THEMES.items():
        (folder / f"{name}.{theme}.svg").write_text(draw(colors).svg(), encoding="utf-8")
