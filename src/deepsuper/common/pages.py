"""Pages that are one file: a Jinja2 template in the common frame, with its style and its script inside."""

import base64
import hashlib
import unicodedata
from collections import Counter
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

TEMPLATES = Path(__file__).with_name("templates")
READ = 1500
"""Characters of a text that `direction` looks at."""


def render_page(folder: Path, title: str, **values: Any) -> str:
    """The HTML of `page.html` in `folder`, which fills the blocks of `frame.html`; every value is escaped.

    The style is `frame.css` and the folder's `page.css`, the script its `page.js`: the content security policy allows
    nothing else, by their hashes. A lone surrogate, which no file can hold, becomes a question mark.
    """
    style = "".join(file.read_text(encoding="utf-8") for file in (TEMPLATES / "frame.css", folder / "page.css"))
    script = (folder / "page.js").read_text(encoding="utf-8") if (folder / "page.js").is_file() else ""
    allowed = ["default-src 'none'", f"style-src '{policy_hash(style)}'", "base-uri 'none'", "form-action 'none'"]
    if script:
        allowed.append(f"script-src '{policy_hash(script)}'")
    page = _environment(folder).get_template("page.html")
    text = page.render(
        title=title, policy=Markup("; ".join(allowed)), style=Markup(style), script=Markup(script), **values
    )
    return text.encode("utf-8", "replace").decode("utf-8")


def policy_hash(text: str) -> str:
    """The name of a script or a style in a content security policy: its hash."""
    digest = base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
    return f"sha256-{digest}"


def direction(text: str) -> str:
    """The direction of most letters: "rtl" or "ltr". The first letter alone may mislead: an Arabic list begins "A."."""
    ways = Counter(unicodedata.bidirectional(character) for character in text[:READ])
    return "rtl" if ways["R"] + ways["AL"] > ways["L"] else "ltr"


@lru_cache
def _environment(folder: Path) -> Environment:
    """Jinja2 with the templates of a folder and the common ones. A name that no value has is an error."""
    made = Environment(
        loader=FileSystemLoader([folder, TEMPLATES]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters["direction"] = direction
    made.policies["json.dumps_kwargs"] = {"ensure_ascii": False, "separators": (",", ":")}
    return made
