"""A comparison as one page; `page.html` beside this file shows the grids and the notes."""

from pathlib import Path

from deepsuper.common.pages import render_page
from deepsuper.evaluation.compare.grids import grids, notes
from deepsuper.evaluation.compare.tables import Comparison


def as_html(comparison: Comparison) -> str:
    """The page's HTML."""
    return render_page(Path(__file__).parent, "Comparison", grids=grids(comparison), notes=notes(comparison))
