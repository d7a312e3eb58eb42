"""Which language and script a text is in, as far as it can be told without being rash."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from deepsuper.common.languages import FUNCTION_WORDS, identifier
from deepsuper.common.scripts import NONE, script_of_character
from deepsuper.config.check import CheckConfig
from deepsuper.data.check.findings import Found, shortened, sides
from deepsuper.data.check.normalise import units, words_as_written
from deepsuper.data.rows import Row

WIDESPREAD = frozenset((
    "en", "zh", "es", "ar", "fr", "de", "pt", "ru", "ja", "it", "ko", "vi", "tr", "fa", "pl", "nl", "id", "th",
    "hi", "ur", "bn", "sv", "cs", "el", "he", "hu", "ro", "uk", "fi", "da", "sw", "ta", "te",
))  # fmt: skip
"""The identifier knows hundreds; of a short text it would name any. It chooses among these and the file's own."""
CUT = 240
"""Characters that the identifier reads."""
LEAST_LETTERS, LEAST_WORDS = 40, 8
SURE = 0.8
SAMPLED, USUAL = 2000, 60
"""Rows that show which scripts and words a language has, and how many of the words."""
LATIN = frozenset({"Latin"})
QUOTED = 4
"""English words in a row that a prompt keeps: a task about English, whose answer may be English."""
SYLLABIC_SCRIPTS = frozenset({"Han", "Hiragana", "Katakana", "Hangul"})
SYLLABLE_WEIGHT = 3
"""A character of these scripts is a syllable or a word: as long as some letters of an alphabet."""
NAME = re.compile(r"https?://\S+|[\w.+-]{1,64}@[\w.-]{1,255}|\b[A-Z][\w'’.&-]*")
"""Addresses, and Latin words with a capital: they stay in any text."""
CODE = re.compile(r"[{};=<>\\]|\w\(|^[ \t]*(?:#|//|\|)|[a-z]_[a-z]|https?:|```", re.MULTILINE)
NAMES_A_LANGUAGE = re.compile(
    r"translat|\b(?:english|french|spanish|german|italian|latin|chinese|japanese|mandarin|portuguese|russian|korean|"
    r"arabic|hindi|vietnamese|greek|swahili|turkish|dutch|polish|swedish|language|haiku)\b", re.IGNORECASE
)  # fmt: skip


def identify(text: str, extra: str | None = None) -> str | None:
    """The language of a text, of the widespread ones and `extra`; None where it is short or the identifier unsure."""
    scripts = script_counts(text)
    syllables = sum(scripts[script] for script in SYLLABIC_SCRIPTS)
    letters = scripts.total() + SYLLABLE_WEIGHT * syllables
    if letters < LEAST_LETTERS or (syllables == 0 and len(text.split()) < LEAST_WORDS):
        return None
    language, sure = identifier(WIDESPREAD if extra is None else WIDESPREAD | {extra}).classify(text[:CUT])
    return str(language) if sure >= SURE else None


def script_counts(text: str) -> Counter[str]:
    """How many letters of each script."""
    counts: Counter[str] = Counter()
    for character, count in Counter(text).items():
        counts[script_of_character(character)] += count
    del counts[NONE]
    return counts


def own_scripts(texts: Iterable[str]) -> frozenset[str]:
    """The scripts of a language as its own texts show them: each with a tenth of the letters, Latin if it leads."""
    counts = sum((script_counts(text) for text in texts), Counter[str]())
    own = {script for script, count in counts.items() if count * 10 >= counts.total()}
    leading = counts.most_common(1)
    return frozenset(own if leading and leading[0][0] == "Latin" else own - {"Latin"})


def looks_like_code(text: str) -> bool:
    """Whether a text holds code, a table or addresses, which need no translation."""
    return len(CODE.findall(text)) >= 2


def wrong_language(rows: Sequence[Row], config: CheckConfig) -> Iterable[Found]:
    """Rows with a side in another language or script. Code, short texts, and tasks about a language are let be."""
    if not rows:
        return
    language, own = rows[0].language, own_scripts(f"{row.instruction}\n{row.output}" for row in rows[:SAMPLED])
    usual = _usual_words(f"{row.instruction}\n{row.output}" for row in rows[:SAMPLED]) - FUNCTION_WORDS
    for n, row in enumerate(rows):
        if NAMES_A_LANGUAGE.search(row.instruction_en):
            continue
        for name, english, target in sides(row):
            # What both sides have alike is a name, a quotation or code: `untranslated` knows the rest.
            if looks_like_code(english) or looks_like_code(target) or units(english) == units(target):
                continue
            problem = _foreign(target, own, language, usual) or _foreign(english, LATIN, "en", FUNCTION_WORDS)
            if problem and not is_about_english(row):
                yield Found(n, f"{name}: {problem}")
                break


def is_about_english(row: Row) -> bool:
    """Whether the task is about a language, or its prompt keeps English words on the other side: so may its answer."""
    if NAMES_A_LANGUAGE.search(row.instruction_en):
        return True
    (_, english, target), _ = sides(row)
    return bool(shared_run(words_as_written(english), words_as_written(target), QUOTED))


def shared_run(words: Sequence[str], others: Sequence[str], length: int) -> tuple[str, ...]:
    """The first `length` words in a row of `others` that stand in `words` too; empty where none do."""
    runs = {tuple(words[k : k + length]) for k in range(len(words) - length + 1)}
    there = (tuple(others[k : k + length]) for k in range(len(others) - length + 1))
    return next((run for run in there if run in runs), ())


def _usual_words(texts: Iterable[str]) -> frozenset[str]:
    """The words that the texts of a file are full of."""
    counts = Counter(word for text in texts for word in text.lower().split())
    return frozenset(word for word, _ in counts.most_common(USUAL))


def _is_usual(text: str, usual: frozenset[str]) -> bool:
    """Whether an eighth of its words are such as its language is full of: the identifier need not be asked."""
    words = text.lower().split()
    return sum(word in usual for word in words) * 8 >= len(words)


def _foreign(text: str, own: frozenset[str], language: str, usual: frozenset[str]) -> str | None:
    """What is foreign about a text that should be in `language`."""
    counts = script_counts(NAME.sub(" ", text))
    ours = sum(counts[script] for script in own)
    more = sum(counts[script] * (SYLLABLE_WEIGHT - 1) for script in own & SYLLABIC_SCRIPTS)
    if counts.total() >= LEAST_LETTERS // 2 and ours + more < counts.total() - ours:
        return f"{ours} of {counts.total()} letters are {' or '.join(sorted(own))}: {shortened(text)}"
    if _is_usual(text, usual):
        return None
    told = identify(text, language)
    return None if told in (None, language) else f"reads as {told}, not {language}: {shortened(text)}"
