"""Whether what came back can be a translation: the checks that decide between keeping it and trying again."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from deepsuper.common.languages import FUNCTION_WORDS, scripts_of
from deepsuper.common.scripts import script_of_character
from deepsuper.data.carried import lost


@dataclass(frozen=True)
class Answer:
    """What a translator gave for a text, or the problem that it met. `final`: trying again would give the same."""

    text: str = ""
    problem: str | None = None
    final: bool = False


LOOP = re.compile(r"(.{1,20}?)\1{19,}", re.DOTALL)
"""One to twenty letters that come twenty times in a row, as models do that lost their thread."""
_MORE = "been do does i we they their its there who when where why would should if but at"
COMMON = FUNCTION_WORDS | frozenset(_MORE.split())
"""Words that English prose cannot do without: a text with several of them has to change in translation."""
PROSE_WORDS = 3


def problem_of(source: str, answer: str, language: str) -> str | None:
    """Why `answer` is no translation of `source` into `language`, or None."""
    if not answer.strip():
        return "empty"
    if "\ufffd" in answer or any(unicodedata.category(c) == "Cs" for c in answer):
        return "garbage: it holds broken characters"
    if (loop := LOOP.search(answer)) and not LOOP.search(source) and loop[1].strip():
        return f"garbage: {loop[1][:20]!r} again and again"
    if missing := lost(source, answer, literally=True):
        return f"lost: {_on_a_line(missing)}"
    # The doctor looks for the English side's marks on the other side, whichever of them was made.
    if language == "en" and (more := lost(answer, source)):
        return f"added: {_on_a_line(more)}"
    if len(answer) > 6 * len(source) + 100:
        return f"runs on: {len(answer)} letters for {len(source)}"
    return _wrong_language(source, answer, language)


def _on_a_line(marks: list[str]) -> str:
    return " ".join(", ".join(marks).split())[:200]


def _wrong_language(source: str, answer: str, language: str) -> str | None:
    if not _is_prose(source, language):
        return None
    if answer.strip() == source.strip():
        return "untranslated: it is the text that was asked about"
    scripts = scripts_of(language)
    ours = sum(script_of_character(c) in scripts for c in answer)
    # Names and code stay as they are, so one letter is enough; but English has its letters in every text.
    need = 1 if language != "en" else len(_letters(answer)) / 2
    if scripts and ours < need:
        return f"not in {language}: {ours} letters of its script ({', '.join(scripts)})"
    return None


def _is_prose(source: str, language: str) -> bool:
    """Whether a text must look different in `language`: code, names and numbers need not."""
    if language == "en":
        letters = _letters(source)
        foreign = sum(script_of_character(c) != "Latin" for c in letters)
        # Marks on Latin letters, in more than a name or two.
        marked = sum(not c.isascii() for c in letters)
        return foreign * 2 > len(letters) or marked > max(2, len(letters) / 20)
    words = re.findall(r"[A-Za-z]+", source.lower())
    return sum(word in COMMON for word in words) >= PROSE_WORDS


def _letters(text: str) -> list[str]:
    return [c for c in text if unicodedata.category(c)[0] == "L"]
