"""What a translation must keep as it is (placeholders, tags, addresses), and what of it is lost."""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

PLACEHOLDER = re.compile(r"\{\{?\s*\w[\w .]*\}?\}|%[sd]\b|\$\{\w+\}|<(?:name|blank|mask|unk)>|_{3,}", re.IGNORECASE)
TAG = re.compile(
    r"</?(?:html|head|body|title|p|br|hr|b|i|u|em|strong|a|img|div|span|ul|ol|li|dl|dt|dd|table|thead|tbody|tr|th|td|"
    r"h[1-6]|form|input|button|label|select|option|textarea|script|style|link|meta|nav|header|footer|section|code|pre)"
    r"(?:\s+[\w-]+=[^<>]*)?\s*/?>"
)
# ASCII only: Chinese has no space after an address.
ADDRESS = re.compile(
    r"(?:https?://[^\s<>\"')\]\u0080-\U0010ffff]+|(?a:[\w.+-]{1,64}@[\w-]{1,63}\.[\w.]{1,99}))(?<![.,;:!?])"
)
LITERAL = re.compile(
    rf"{ADDRESS.pattern}|\{{\{{\w{{1,40}}\}}\}}|\$?\{{\w{{1,40}}\}}|</?[A-Za-z][^<>\n]{{0,80}}>"
    r"|%(?:\(\w{1,40}\))?[sdif]\b|\[[A-Z][A-Z_ ]{1,30}\]|__\w{1,40}__"
)


@dataclass(frozen=True)
class Nontranslatable:
    """One kind of text that both sides must have; `often`: equally often. `same`: normalises what may differ."""

    pattern: re.Pattern[str]
    same: Callable[[str], str] = str
    often: bool = True

    def lost(self, source: str, translation: str) -> list[str]:
        """What the translation lacks, or has fewer of, without duplicates."""
        there = Counter(self.same(found) for found in self.pattern.findall(translation))
        lost = []
        for found in self.pattern.findall(source):
            kind = self.same(found)
            if not there[kind]:
                lost.append(found)
            there[kind] -= self.often and there[kind] > 0
        return list(dict.fromkeys(lost))


def _kind(placeholder: str) -> str:
    # A name inside braces may be translated, but not left out.
    return "_" if placeholder.startswith("_") else placeholder[0]


def _tag(tag: str) -> str:
    end = "/" if tag.startswith("</") else ""
    return end + re.split(r"[\s/>]", tag.lstrip("</").lower())[0]


PLACEHOLDERS = Nontranslatable(PLACEHOLDER, _kind)
TAGS = Nontranslatable(TAG, _tag)
ADDRESSES = Nontranslatable(ADDRESS, str.lower, often=False)
"""Kinds that `data check` warns of: names in braces, and the attributes of a tag, may differ."""
LITERALS = Nontranslatable(LITERAL)
"""What a translation model must keep letter by letter."""


def lost(source: str, translation: str, *, literally: bool = False) -> list[str]:
    """What of `source` is not in `translation`, without duplicates. `literally`: LITERALS must be identical."""
    kinds = (LITERALS, PLACEHOLDERS, TAGS, ADDRESSES) if literally else (PLACEHOLDERS, TAGS, ADDRESSES)
    return list(dict.fromkeys(mark for kind in kinds for mark in kind.lost(source, translation)))
