"""What a translation must keep as it is: placeholders, markup, addresses, code, numbers."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from itertools import islice

from deepsuper.config.check import CheckConfig
from deepsuper.data.check.findings import FindRows, Found, shortened, sides
from deepsuper.data.nontranslatable import ADDRESSES, PLACEHOLDERS, TAGS, Nontranslatable
from deepsuper.data.rows import Row

ENTITY = re.compile(r"&(?:#\d+|#x[0-9a-fA-F]+|[a-z]{2,6});")
KEYWORD = re.compile(
    r"\b(?:def|return|import|elif|else:|print|for \w+ in|while|lambda|class|function|var|let|const|public|static|void|"
    r"int|SELECT|FROM|WHERE|INSERT|UPDATE|JOIN|GROUP BY|ORDER BY|console\.log|System\.out|#include|std::)(?!\w)"
)  # fmt: skip
PROGRAM = re.compile(
    r"[{};=]|\w\(.{0,200}?\)|\bSELECT\b.{0,200}\bFROM\b|^[ \t]*(?:def|for|if|while)\b.{0,200}:[ \t]*$", re.MULTILINE
)
NUMBER = re.compile(r"\d+(?:[.,٫٬]\d+)*")
GARBLED = re.compile("[\ufffd\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ue000-\uf8ff]|Ã[\x80-\xbf]|â€|ï»¿")
SHORT_ANSWER = 200
"""Characters up to which the numbers of an answer are its content."""
ABSENT = re.compile(
    r"<?(?:no[ _]?(?:output|input|answer|response)|n/a|null|nan|undefined|todo|tbd)>?\.?|[\s.…_–—-]{1,10}",
    re.IGNORECASE,
)


def _of_sides(problem: Callable[[str, str, str], str | None]) -> FindRows:
    """The check that finds the rows with a problem. `problem` reads a side's name, its English text and its target."""

    @wraps(problem)
    def find(rows: Sequence[Row], config: CheckConfig) -> Iterable[Found]:
        for n, row in enumerate(rows):
            told = ((side[0], problem(*side)) for side in sides(row))
            yield from islice((Found(n, f"{name}: {text}") for name, text in told if text is not None), 1)

    return find


def _carried(kind: Nontranslatable) -> FindRows:
    def problem(name: str, english: str, target: str) -> str | None:
        lost = kind.lost(english, target)
        return f"{shortened(', '.join(lost))} is not in the target" if lost else None

    return _of_sides(problem)


placeholders = _carried(PLACEHOLDERS)
markup = _carried(TAGS)
addresses = _carried(ADDRESSES)


@_of_sides
def code(name: str, english: str, target: str) -> str | None:
    """Rows whose code was translated: at least two of its keywords, and a third of them, are missing."""
    ours = set(KEYWORD.findall(english))
    lost = sorted(word for word in ours if word not in target)
    translated = len(PROGRAM.findall(english)) >= 3 and len(lost) >= 2 and len(lost) * 3 >= len(ours)
    return f"{shortened(', '.join(lost))} of the code is translated" if translated else None


@_of_sides
def garbled(name: str, english: str, target: str) -> str | None:
    """Rows with control characters, wrongly decoded ones, or HTML entities that the English side does not have."""
    found = GARBLED.search(english) or GARBLED.search(target)
    if found is None and not ENTITY.search(english):
        found = ENTITY.search(target)
    return None if found is None else repr(found.group())


def no_answer(rows: Sequence[Row], config: CheckConfig) -> Iterable[Found]:
    """Rows with a mark such as N/A in place of an answer, or such a mark in a tag as the input."""
    for n, row in enumerate(rows):
        texts = (("English answer", row.output_en), ("target answer", row.output), ("English input", row.input_en))
        for name, text in texts:
            if ABSENT.fullmatch(text.strip()) and (name != "English input" or text.strip().startswith("<")):
                yield Found(n, f"{name}: {shortened(text)!r}")
                break


@_of_sides
def numbers(name: str, english: str, target: str) -> str | None:
    """Rows that lost most numbers of two or more digits, or whose short answers have different numbers."""
    ours, theirs = ({_digits(found) for found in NUMBER.findall(text)} for text in (english, target))
    long = {digits for digits in ours if len(digits) >= 2}
    together = " ".join(theirs)
    lost = sorted(digits for digits in long if digits.rstrip("0") not in together)
    if len(lost) >= 2 and len(lost) * 2 > len(long):
        return f"{shortened(', '.join(lost))} of {len(long)} numbers are not in the target"
    if name == "answer" and len(english) < SHORT_ANSWER and ours and theirs and not _some_alike(ours, theirs):
        told = (shortened(", ".join(sorted(numbers)), 30) for numbers in (ours, theirs))
        return "the numbers are {} in English, {} in the target".format(*told)
    return None


def _some_alike(ours: set[str], theirs: set[str]) -> bool:
    """Whether a number is on both sides, ignoring zeros at its ends: 5 million may be 500 of another unit."""
    stripped = {digits.strip("0") for digits in theirs}
    return any(digits.strip("0") in stripped for digits in ours)


def _digits(number: str) -> str:
    """The digits alone, as ASCII: separators differ between languages."""
    return "".join(str(unicodedata.digit(c)) for c in number if c.isdigit())
