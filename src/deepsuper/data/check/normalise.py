"""Texts without what makes equal ones look different."""

from __future__ import annotations

import re
import unicodedata

from deepsuper.common.languages import UNSPACED_SCRIPTS

DENSE = "".join(UNSPACED_SCRIPTS.values())
"""Letters of scripts that put no spaces between words, as ranges of a pattern."""
UNIT = re.compile(rf"[{DENSE}]|[^\W_{DENSE}]+")
MARKS = re.compile("[\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06ed]")
"""Arabic vowel signs and the stretching line: the same word has them or not."""


def folded(text: str) -> str:
    """`text` in one form, case and width."""
    return MARKS.sub("", unicodedata.normalize("NFKC", text).casefold())


def units(text: str) -> list[str]:
    """The words of a text, and each letter of a script that is written without spaces, folded; no punctuation."""
    found: list[str] = UNIT.findall(folded(text))
    return found


def words_as_written(text: str) -> list[str]:
    """The same units with their capitals."""
    found: list[str] = UNIT.findall(MARKS.sub("", unicodedata.normalize("NFKC", text)))
    return found
