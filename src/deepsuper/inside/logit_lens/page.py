"""The values of the lens page; `page.html`, `page.css` and `page.js` beside this file show them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from deepsuper.common.files import write_text
from deepsuper.common.pages import render_page
from deepsuper.inside.logit_lens.view import View


def write_page(path: Path, views: Sequence[View]) -> None:
    """Writes the page of one view, or of a base and a tuned one, atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, make_page(views))


def make_page(views: Sequence[View]) -> str:
    """The page's HTML. It holds the data as JSON, in which Jinja2 escapes every character that could end the script."""
    return render_page(Path(__file__).parent, "Logit lens", data=as_data(views))


def as_data(views: Sequence[View]) -> dict[str, Any]:
    """What the page reads: the tokens once, and the cells of each model."""
    return {
        "text": views[0].text,
        "tokens": views[0].tokens,
        "models": [
            {
                "name": view.model,
                "cells": [
                    [{"entropy": round(c.entropy, 4), "top": [[t, round(p, 5), s] for t, p, s in c.top]} for c in row]
                    for row in view.cells
                ],
            }
            for view in views
        ],
    }
