"""Pages that are one file: their frame, and what a content security policy lets run in them."""

from __future__ import annotations

import base64
import hashlib
from html import escape


def policy_hash(text: str) -> str:
    """The name of a script or a style in a content security policy: it alone is allowed, by its hash."""
    digest = base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
    return f"sha256-{digest}"


def static_page(title: str, style: str, body: str) -> str:
    """A page without anything from outside and without scripts, headed by its title; `style` runs by its hash alone."""
    policy = f"default-src 'none'; style-src '{policy_hash(style)}'; base-uri 'none'; form-action 'none'"
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{escape(title)}</title>\n'
        f"<style>{style}</style>\n</head>\n<body>\n<h1>{escape(title)}</h1>\n{body}</body>\n</html>\n"
    )
