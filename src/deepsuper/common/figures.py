"""Figures without a screen: drawn by matplotlib, written aside, in a font that has the letters."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from deepsuper.common.files import replacing


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
