"""A text as words: where each begins and ends, and the normalised form under which it is looked up."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

CHINESE = "zh"
_HAN = re.compile(r"[\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+")
_SIGNS = "".join(chr(code) for code in range(0x300, 0x10000) if unicodedata.category(chr(code))[0] == "M")
# A number with points and commas; a word with combining marks and an inner apostrophe; any other character.
_WORD = re.compile(rf"\d+(?:[.,٫٬]\d+)*|[^\W\d_](?:[^\W\d_]|[{_SIGNS}])*(?:['’][^\W\d_]+)?|\S")
_THOUSANDS = re.compile(r"(?<=\d)[.,](?=\d{3}(?!\d))")
_MARKS = str.maketrans(dict(zip("。、،؛؟“”「」«»‘’٫٬", '.,,;?""""""\'\'.,', strict=True)))
_SILENT = re.compile(r"[\u064b-\u065f\u0670\u0640]")  # Arabic vowel signs and the lengthening stroke
_ARTICLE = re.compile(
    r"^[وف]?(?:[بك]?ال|لل)(?=\w{3})"
)  # the Arabic article, with the particles that are written before it
_ALEFS = str.maketrans("أإآى", "اااي")


@dataclass(frozen=True)
class Token:
    """One word or punctuation mark of a text: `text[start:end]`, and its normalised form."""

    start: int
    end: int
    form: str


def segment(text: str, language: str) -> list[str]:
    """The normalised words and punctuation marks of `text` (`form_of`), in order.

    Chinese characters (in a text of language "zh") are segmented by rjieba, everything else by Unicode's letters and
    digits: a word of Vietnamese is one syllable.
    """
    return [token.form for token in tokens(text, language)]


def tokens(text: str, language: str) -> list[Token]:
    """The words and punctuation marks of `text` with their positions: only white space is between them."""
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
    """The normalised form of a word: in lower case, and the same for all its spellings.

    NFKC; Arabic without vowel signs and article, and with one alef; digits and punctuation of every script as the
    English ones ("３" and "٣" are "3", "。" is "."); numbers without separators of thousands, with a decimal point
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
