"""Figures without a screen: drawn by matplotlib, as a PNG file in a font that has the letters, or as SVG in a page."""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from markupsafe import Markup

from deepsuper.common.files import replacing

INK = "#010203"
"""What is drawn in this colour by `inline_svg` has the colour of the page's text, in light and in dark mode."""
SVG_STYLE = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.size": 11,
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), INK),
}


@contextmanager
def figure(path: Path, **options: Any) -> Iterator[Any]:
    """A matplotlib figure with `options`, written to `path` as PNG at the end: the old file or the new one is there."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    made = pyplot.figure(layout="constrained", **options)
    try:
        yield made
        with replacing(path) as aside:
            made.savefig(aside, dpi=130, format="png")
    finally:
        pyplot.close(made)


def inline_svg(draw: Callable[[Any], None], label: str, width: int, height: int) -> Markup:
    """What `draw` draws on a matplotlib figure, as an SVG element to stand in a page; its size is in pixels.

    `label` says to a screen reader what it shows. The same drawing is the same SVG: no date, no random name.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    file = io.StringIO()
    with rc_context({**SVG_STYLE, "svg.hashsalt": label}):
        made = Figure(figsize=(width / 72, height / 72), dpi=72)
        draw(made)
        made.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    root = ElementTree.fromstring(file.getvalue())
    for element in list(root.iter()):
        for child in list(element):
            if _local(child.tag) in ("metadata", "style"):
                element.remove(child)
        _without_style(element)
    root.attrib |= {"width": str(width), "height": str(height), "role": "img", "aria-label": label}
    root.attrib |= {"stroke-linejoin": "round", "stroke-linecap": "butt"}  # as in the style that is left out
    return Markup(ElementTree.tostring(root, encoding="unicode"))


def _without_style(element: ElementTree.Element) -> None:
    """Makes attributes of the style, which a page's policy forbids; takes away namespaces, fonts and groups' ids."""
    style = [part.partition(":") for part in element.attrib.pop("style", "").split(";")]
    found = {_local(name): value for name, value in element.attrib.items()}
    found |= {name.strip(): value.strip() for name, _, value in style if name.strip()}
    element.tag = _local(element.tag)
    if element.tag == "g":
        found.pop("id", None)
    kept = {name: value for name, value in found.items() if not name.startswith("font")}
    element.attrib = {name: "currentColor" if value == INK else value for name, value in kept.items()}


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def font_for(text: str) -> str | None:
    """The name of an installed font that has every letter of `text`; matplotlib's own first, None where none has."""
    from matplotlib import font_manager

    needed = {ord(c) for c in text if not c.isspace()}
    # The "last resort" font has every letter, as a box.
    real = [font for font in font_manager.fontManager.ttflist if "lastresort" not in font.name.lower().replace(" ", "")]
    own = [font for font in real if font.name == "DejaVu Sans"]
    for font in [*own, *real]:
        if needed <= _letters(font.fname):
            return str(font.name)
    return None


@lru_cache(maxsize=512)
def _letters(file: str) -> frozenset[int]:
    from matplotlib.ft2font import FT2Font

    try:
        return frozenset(FT2Font(file).get_charmap())
    except (OSError, RuntimeError):
        return frozenset()
