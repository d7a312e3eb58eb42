"""Whether a reply can be a translation: the checks that decide between keeping it and trying again."""

import re
import unicodedata
from dataclasses import dataclass

from deepsuper.common.languages import FUNCTION_WORDS, scripts_of
from deepsuper.common.scripts import script_of_character
from deepsuper.data.nontranslatable import lost


@dataclass(frozen=True)
class Problem:
    """Why there is no translation of a text. `kind`: what such rows are counted by; `tries`: how often it was asked."""

    kind: str
    detail: str = ""
    tries: int = 1

    def __str__(self) -> str:
        told = f"{self.kind}: {self.detail}" if self.detail else self.kind
        return f"{told} (tried {self.tries} times)" if self.tries > 1 else told


@dataclass(frozen=True)
class Reply:
    """What a translator returned for a text, or the problem. `final`: another try would return the same."""

    text: str = ""
    problem: Problem | None = None
    final: bool = False


LOOP = re.compile(r"(.{1,20}?)\1{19,}", re.DOTALL)
"""One to twenty characters repeated twenty times in a row: a model in a repetition loop."""
_MORE = "been do does i we they their its there who when where why would should if but at"
COMMON = FUNCTION_WORDS | frozenset(_MORE.split())
"""Frequent words of English prose."""
PROSE_WORDS = 3
"""A text with this many frequent words is prose, which must change in translation."""


def problem_of(source: str, answer: str, language: str) -> Problem | None:
    """Why `answer` is no translation of `source` into `language`; None where it may be one."""
    if not answer.strip():
        return Problem("empty")
    if "\ufffd" in answer or any(unicodedata.category(c) == "Cs" for c in answer):
        return Problem("garbage", "it holds broken characters")
    if (loop := LOOP.search(answer)) and not LOOP.search(source) and loop[1].strip():
        return Problem("garbage", f"{loop[1][:20]!r} repeated")
    if missing := lost(source, answer, literally=True):
        return Problem("lost", on_one_line(", ".join(missing)))
    # `data check` looks for the English side's placeholders and tags on the other side, whichever was made.
    if language == "en" and (more := lost(answer, source)):
        return Problem("added", on_one_line(", ".join(more)))
    if len(answer) > 6 * len(source) + 100:
        return Problem("runs on", f"{len(answer)} letters for {len(source)}")
    return _wrong_language(source, answer, language)


def on_one_line(text: object) -> str:
    """The first 200 characters of a text, without line breaks."""
    return " ".join(str(text).split())[:200]


def _wrong_language(source: str, answer: str, language: str) -> Problem | None:
    if not _is_prose(source, language):
        return None
    if answer.strip() == source.strip():
        return Problem("untranslated", "it is the text that was to be translated")
    scripts = scripts_of(language)
    ours = sum(script_of_character(c) in scripts for c in answer)
    # Names and code stay in Latin letters, so one letter of the script is enough. For English, half must be Latin.
    need = 1 if language != "en" else len(_letters(answer)) / 2
    if scripts and ours < need:
        return Problem(f"not in {language}", f"{ours} letters of its script ({', '.join(scripts)})")
    return None


def _is_prose(source: str, language: str) -> bool:
    """Whether a text must look different in `language`: code, names and numbers need not."""
    if language == "en":
        letters = _letters(source)
        foreign = sum(script_of_character(c) != "Latin" for c in letters)
        # Letters with diacritics: more of them than one or two names have.
        marked = sum(not c.isascii() for c in letters)
        return foreign * 2 > len(letters) or marked > max(2, len(letters) / 20)
    words = re.findall(r"[A-Za-z]+", source.lower())
    return sum(word in COMMON for word in words) >= PROSE_WORDS


def _letters(text: str) -> list[str]:
    return [c for c in text if unicodedata.category(c)[0] == "L"]
