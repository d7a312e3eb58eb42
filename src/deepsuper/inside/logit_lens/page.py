"""Views as one page without anything from outside: page.html with the numbers, its style and its script inside."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from deepsuper.common.files import write_text
from deepsuper.common.pages import policy_hash
from deepsuper.inside.logit_lens.view import View

FOLDER = Path(__file__).parent


def write_page(path: Path, views: Sequence[View]) -> None:
    """Writes the page of one view, or of a base and a tuned one, aside and renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, make_page(views))


def make_page(views: Sequence[View]) -> str:
    """The page's HTML. No token can end the data early, and no script but the page's own may run, by its hash."""
    style, script, page = ((FOLDER / name).read_text(encoding="utf-8") for name in ("page.css", "page.js", "page.html"))
    parts = {"STYLE": style, "SCRIPT": script, "HASH": policy_hash(script), "DATA": escape(as_data(views))}
    # One pass: a token that looks like a placeholder stays what it is.
    pieces = page.split("%%")
    return "".join(parts[piece] if n % 2 else piece for n, piece in enumerate(pieces))


def as_data(views: Sequence[View]) -> dict[str, Any]:
    """What the page reads: tokens once, and the cells of each model."""
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


def escape(data: Any) -> str:
    """JSON that is safe inside a script element: no character in it can open or close a tag."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
