"""A text as words: where each begins and ends, and the form under which it is looked up."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

CHINESE = "zh"
_HAN = re.compile(r"[\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+")
_SIGNS = "".join(chr(code) for code in range(0x300, 0x10000) if unicodedata.category(chr(code))[0] == "M")
# A number with its points and commas, a word with its vowel signs and an apostrophe within, or any other character.
_WORD = re.compile(rf"\d+(?:[.,٫٬]\d+)*|[^\W\d_](?:[^\W\d_]|[{_SIGNS}])*(?:['’][^\W\d_]+)?|\S")
_THOUSANDS = re.compile(r"(?<=\d)[.,](?=\d{3}(?!\d))")
_MARKS = str.maketrans(dict(zip("。、،؛؟“”「」«»‘’٫٬", '.,,;?""""""\'\'.,', strict=True)))
_SILENT = re.compile(r"[\u064b-\u065f\u0670\u0640]")  # Arabic vowel signs and the lengthening stroke
_ARTICLE = re.compile(r"^[وف]?(?:[بك]?ال|لل)(?=\w{3})")  # the Arabic article, with what is written together with it
_ALEFS = str.maketrans("أإآى", "اااي")


@dataclass(frozen=True)
class Token:
    """One word or mark of a text: `text[start:end]`, and the form under which it is looked up."""

    start: int
    end: int
    form: str


def segment(text: str, language: str) -> list[str]:
    """The words and marks of `text` in lower case and in one form each (`form_of`), in order.

    Chinese characters (in a text of language "zh") are cut by rjieba; all else by Unicode's letters and digits, so a
    word of Vietnamese is one syllable.
    """
    return [token.form for token in tokens(text, language)]


def tokens(text: str, language: str) -> list[Token]:
    """The words and marks of `text` with their places: everything between them is white space."""
    if language != CHINESE:
        return list(_unicode_words(text, 0, len(text)))
    found: list[Token] = []
    done = 0
    for run in _HAN.finditer(text):
        found += _unicode_words(text, done, run.start())
        found += _chinese_words(run.group(), run.start())
        done = run.end()
    return [*found, *_unicode_words(text, done, len(text))]


def _unicode_words(text: str, start: int, end: int) -> Iterator[Token]:
    for match in _WORD.finditer(text, start, end):
        yield Token(match.start(), match.end(), form_of(match.group()))


def _chinese_words(run: str, start: int) -> Iterator[Token]:
    import rjieba

    for word in rjieba.cut(run):
        yield Token(start, start + len(word), form_of(word))
        start += len(word)


@lru_cache(maxsize=2**18)
def form_of(word: str) -> str:
    """The form under which a word is looked up: in lower case, and the same for all ways to write it.

    That of NFKC; Arabic without vowel signs and article, and with one alef; digits and marks of every script as those
    of English ("３" and "٣" are "3", "。" is "."); numbers without marks between thousands, and with a decimal point
    ("3.000" and "3,000" are "3000").
    """
    plain = unicodedata.normalize("NFKC", word).translate(_MARKS).casefold()
    if plain.isascii():
        pass
    elif plain[0].isdecimal():
        plain = "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in plain)
    else:
        plain = _ARTICLE.sub("", _SILENT.sub("", plain)).translate(_ALEFS) or plain
    return _THOUSANDS.sub("", plain).replace(",", ".") if plain[0].isdecimal() else plain
