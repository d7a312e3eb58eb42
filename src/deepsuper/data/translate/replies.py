"""What local models and endpoints share: prompts, replies, and the checks of a reply that decide on another try."""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

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


Batch = Mapping[str, Reply]
"""Texts and the reply to each."""
THINKING = re.compile(r"^\s*<think>.*?</think>", re.DOTALL)
LOOP = re.compile(r"(.{1,20}?)\1{19,}", re.DOTALL)
"""One to twenty characters repeated twenty times in a row: a model in a repetition loop."""
_MORE = "been do does i we they their its there who when where why would should if but at"
COMMON = FUNCTION_WORDS | frozenset(_MORE.split())
"""Frequent words of English prose."""
PROSE_WORDS = 3
"""A text with this many frequent words is prose, which must change in translation."""


class Translator(Protocol):
    """Makes translations. `maker`: all settings that they depend on, as text; `lines`: texts are split into lines."""

    maker: str
    lines: bool

    def translate(self, texts: Sequence[str], attempt: int) -> Iterator[Batch]:
        """The replies for all `texts`, as they come. From the second attempt on, they are sampled."""
        ...


def fill(prompt: str, text: str, source: str, target: str) -> str:
    """The prompt for one text. Braces in the text are not replaced."""
    values = {"{text}": text, "{source}": source, "{target}": target}
    return re.sub(r"\{(text|source|target)\}", lambda found: values[found[0]], prompt)


def clean(text: str) -> str:
    """A reply without the reasoning that some models write before it."""
    return THINKING.sub("", text).strip()


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
