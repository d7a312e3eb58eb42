"""Texts that are still English, and tasks about the form of English words, which a translation rarely keeps."""

import re
from collections.abc import Iterable, Sequence

from deepsuper.common.languages import FUNCTION_WORDS
from deepsuper.config.check import CheckConfig
from deepsuper.data.check.findings import Found, shortened, sides
from deepsuper.data.check.languages import is_about_english, looks_like_code, shared_run
from deepsuper.data.check.normalise import units, words_as_written
from deepsuper.data.nontranslatable import ADDRESS
from deepsuper.data.rows import Row

MIN_WORDS = 4
"""Shorter texts may be names."""
MIN_RUN = 8
"""Consecutive English words that both sides must share."""
KEPT_WORDS = 3
"""Consecutive English words on the target side: it then still quotes what the task is about."""
FORM = re.compile(
    r"\b(?:grammar|grammatical\w*|(?:mis)?spell(?:ed|ings?)?|commas?|capitaliz\w*|rhym\w*|alliterat\w*|anagrams?|"
    r"palindromes?|syllables?|vowels?|consonants?|tense|active voice|homophones?|homonyms?|prefix|suffix|puns?|"
    r"limericks?|letters of the|first letter|words by length)\b",
    re.IGNORECASE,
)
"""Words of such tasks. Those about verbs, nouns or adjectives are left out: half of them can be translated."""


def untranslated(rows: Sequence[Row], config: CheckConfig) -> Iterable[Found]:
    """Rows whose prompt or answer is the English one, word for word; not names, code and tasks about English."""
    for n, row in enumerate(rows):
        for name, english, target in sides(row):
            words = words_as_written(ADDRESS.sub(" ", english))
            if len(words) < MIN_WORDS or not _is_prose(words) or units(english) != units(target):
                continue
            if name == "prompt" or not (looks_like_code(english) or is_about_english(row)):
                yield Found(n, f"{name}: both sides are {shortened(english)!r}")
                break


def partly_untranslated(rows: Sequence[Row], config: CheckConfig) -> Iterable[Found]:
    """Rows with the same English sentence in both answers; not code and tasks about English."""
    for n, row in enumerate(rows):
        if looks_like_code(row.output_en) or is_about_english(row):
            continue
        words, others = (words_as_written(ADDRESS.sub(" ", text)) for text in (row.output_en, row.output))
        run = shared_run(words, others, MIN_RUN)
        if words != others and _is_prose(run):
            yield Found(n, f"answer: English on both sides: {' '.join(run)!r}")


def english_form(rows: Sequence[Row], config: CheckConfig) -> Iterable[Found]:
    """Rows whose task is about the form of English words, where the target side quotes no English."""
    for n, row in enumerate(rows):
        found = FORM.search(row.instruction_en)
        if found is None:
            continue
        (_, english, target), _ = sides(row)
        if not shared_run(words_as_written(english), words_as_written(target), KEPT_WORDS):
            yield Found(n, f"asks about {found.group()!r}: {shortened(row.instruction_en)}")


def _is_prose(words: Sequence[str]) -> bool:
    """Whether most are lower-case words, and one is a function word: no names, lists, numbers or ciphers."""
    small = sum(word.islower() and word.isalpha() and len(word) > 1 for word in words)
    return any(word.lower() in FUNCTION_WORDS for word in words) and small * 2 > len(words)
