"""Pages that are one file: what a content security policy lets run in them."""

from __future__ import annotations

import base64
import hashlib


def policy_hash(text: str) -> str:
    """The name of a script or a style in a content security policy: it alone is allowed, by its hash."""
    digest = base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
    return f"sha256-{digest}"
