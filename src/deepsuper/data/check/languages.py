"""Rows with a side in the wrong language or script. Doubtful texts are not flagged."""

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
"""The identifier chooses among these and the file's own language. It knows hundreds, too many for a short text."""
MAX_IDENTIFIED = 240
"""Characters that the identifier reads."""
LEAST_LETTERS = 40
"""Letters below which a text is too short to identify."""
LEAST_WORDS = 8
"""Words below which a text is too short, in a script with spaces."""
SURE = 0.8
"""The least probability of an identified language."""
SAMPLED_ROWS = 2000
"""Rows from which the scripts and the frequent words of a language are taken."""
FREQUENT_WORDS = 60
"""How many words count as frequent."""
LATIN = frozenset({"Latin"})
QUOTED = 4
"""Consecutive English words that a target prompt keeps: the task is about English, and the answer may be English."""
SYLLABIC_SCRIPTS = frozenset({"Han", "Hiragana", "Katakana", "Hangul"})
SYLLABLE_WEIGHT = 3
"""A character of these scripts, a syllable or a word, counts as this many letters."""
NAME = re.compile(r"https?://\S+|[\w.+-]{1,64}@[\w.-]{1,255}|\b[A-Z][\w'’.&-]*")
"""Addresses, and capitalised Latin words: they may appear in a text of any language."""
CODE = re.compile(r"[{};=<>\\]|\w\(|^[ \t]*(?:#|//|\|)|[a-z]_[a-z]|https?:|```", re.MULTILINE)
NAMES_A_LANGUAGE = re.compile(
    r"translat|\b(?:english|french|spanish|german|italian|latin|chinese|japanese|mandarin|portuguese|russian|korean|"
    r"arabic|hindi|vietnamese|greek|swahili|turkish|dutch|polish|swedish|language|haiku)\b", re.IGNORECASE
)  # fmt: skip


def identify(text: str, extra: str | None = None) -> str | None:
    """The language of a text, among WIDESPREAD and `extra`; None for a short text or where the identifier is unsure."""
    scripts = script_counts(text)
    syllables = sum(scripts[script] for script in SYLLABIC_SCRIPTS)
    letters = scripts.total() + SYLLABLE_WEIGHT * syllables
    if letters < LEAST_LETTERS or (syllables == 0 and len(text.split()) < LEAST_WORDS):
        return None
    language, sure = identifier(WIDESPREAD if extra is None else WIDESPREAD | {extra}).classify(text[:MAX_IDENTIFIED])
    return str(language) if sure >= SURE else None


def script_counts(text: str) -> Counter[str]:
    """The number of letters of each script."""
    counts: Counter[str] = Counter()
    for character, count in Counter(text).items():
        counts[script_of_character(character)] += count
    del counts[NONE]
    return counts


def own_scripts(texts: Iterable[str]) -> frozenset[str]:
    """The scripts of a language, from its texts: those with a tenth of the letters; Latin only where it has most."""
    counts = sum((script_counts(text) for text in texts), Counter[str]())
    own = {script for script, count in counts.items() if count * 10 >= counts.total()}
    leading = counts.most_common(1)
    return frozenset(own if leading and leading[0][0] == "Latin" else own - {"Latin"})


def looks_like_code(text: str) -> bool:
    """Whether a text holds code, a table or addresses, which need no translation."""
    return len(CODE.findall(text)) >= 2


def wrong_language(rows: Sequence[Row], config: CheckConfig) -> Iterable[Found]:
    """Rows with a side in another language or script; not code, short texts and tasks about a language."""
    if not rows:
        return
    sample = [f"{row.instruction}\n{row.output}" for row in rows[:SAMPLED_ROWS]]
    language, own = rows[0].language, own_scripts(sample)
    words = Counter(word for text in sample for word in text.lower().split())
    usual = frozenset(word for word, _ in words.most_common(FREQUENT_WORDS)) - FUNCTION_WORDS
    for n, row in enumerate(rows):
        if NAMES_A_LANGUAGE.search(row.instruction_en):
            continue
        for name, english, target in sides(row):
            # Equal sides are a name, a quotation or code; `untranslated` finds the rest.
            if looks_like_code(english) or looks_like_code(target) or units(english) == units(target):
                continue
            problem = _foreign(target, own, language, usual) or _foreign(english, LATIN, "en", FUNCTION_WORDS)
            if problem and not is_about_english(row):
                yield Found(n, f"{name}: {problem}")
                break


def is_about_english(row: Row) -> bool:
    """Whether the task is about a language, or the target prompt keeps English words: the answer may be English too."""
    if NAMES_A_LANGUAGE.search(row.instruction_en):
        return True
    (_, english, target), _ = sides(row)
    return bool(shared_run(words_as_written(english), words_as_written(target), QUOTED))


def shared_run(words: Sequence[str], others: Sequence[str], length: int) -> tuple[str, ...]:
    """The first `length` consecutive words of `others` that are in `words` too; empty where there are none."""
    runs = {tuple(words[k : k + length]) for k in range(len(words) - length + 1)}
    there = (tuple(others[k : k + length]) for k in range(len(others) - length + 1))
    return next((run for run in there if run in runs), ())


def _foreign(text: str, own: frozenset[str], language: str, usual: frozenset[str]) -> str | None:
    """What is wrong with a text that should be in `language`; None where nothing is."""
    counts = script_counts(NAME.sub(" ", text))
    ours = sum(counts[script] for script in own)
    more = sum(counts[script] * (SYLLABLE_WEIGHT - 1) for script in own & SYLLABIC_SCRIPTS)
    if counts.total() >= LEAST_LETTERS // 2 and ours + more < counts.total() - ours:
        return f"{ours} of {counts.total()} letters are {' or '.join(sorted(own))}: {shortened(text)}"
    words = text.lower().split()
    if sum(word in usual for word in words) * 8 >= len(words):
        return None  # so many frequent words of the language need no identifier
    told = identify(text, language)
    return None if told in (None, language) else f"reads as {told}, not {language}: {shortened(text)}"
