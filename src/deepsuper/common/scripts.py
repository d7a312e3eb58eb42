"""The script of a letter and of a text, from the names of Unicode characters."""

import re
import unicodedata
from collections import Counter
from functools import lru_cache

BYTES, NONE = "bytes", "none"
"""The names used for an incomplete character, and for digits, marks, spaces and special tokens."""

_BYTE = re.compile(r"<0x[0-9A-Fa-f]{2}>")


@lru_cache(maxsize=2**16)
def script_of_character(character: str) -> str:
    """The script of a letter ("Latin", "Han", "Arabic", "Cyrillic" ...), or "none"."""
    if unicodedata.category(character)[0] not in "LM":
        return NONE
    first = unicodedata.name(character, NONE).split()[0]
    if first in ("COMBINING", "MODIFIER", "FULLWIDTH", NONE):
        return NONE
    return "Han" if first in ("CJK", "IDEOGRAPHIC") else first.capitalize()


def script_of(text: str) -> str:
    """The script of most letters of `text`; "bytes" for an incomplete character."""
    if "\ufffd" in text or _BYTE.fullmatch(text):
        return BYTES
    counts = Counter(script_of_character(c) for c in text)
    del counts[NONE]
    return counts.most_common(1)[0][0] if counts else NONE
