"""Normalised words of a text, so that equal texts compare as equal."""

import re
import unicodedata

from deepsuper.common.languages import UNSPACED_SCRIPTS

DENSE = "".join(UNSPACED_SCRIPTS.values())
"""Letters of scripts without spaces between words, as ranges of a regular expression."""
UNIT = re.compile(rf"[{DENSE}]|[^\W_{DENSE}]+")
ARABIC_VOWELS = re.compile("[\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06ed]")
"""Arabic vowel signs and the kashida: the same word may be written with or without them."""


def units(text: str) -> list[str]:
    """The case-folded words of a text; each letter, where the script has no spaces. No punctuation."""
    found: list[str] = UNIT.findall(ARABIC_VOWELS.sub("", unicodedata.normalize("NFKC", text).casefold()))
    return found


def words_as_written(text: str) -> list[str]:
    """As `units`, with capital letters."""
    found: list[str] = UNIT.findall(ARABIC_VOWELS.sub("", unicodedata.normalize("NFKC", text)))
    return found
