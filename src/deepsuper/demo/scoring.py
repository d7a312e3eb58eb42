"""Scores of short answers: F1 and exact match as for XQuAD and MLQA, and whether one is in the target language."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

_HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")
_ARABIC = re.compile(r"[\u0600-\u06ff\u0750-\u077f\ufb50-\ufdff\ufe70-\ufeff]")
_ARTICLES = {"en": r"\b(a|an|the)\b", "ar": r"\bال", "vi": r"\b(của|là|cái|chiếc|những)\b"}


def tokens(text: str, language: str) -> list[str]:
    """Lower-case words without punctuation and articles; each Chinese character is a word (MLQA's evaluation)."""
    text = unicodedata.normalize("NFC", text).lower()
    text = "".join(" " if unicodedata.category(c)[0] == "P" and language == "zh" else c for c in text)
    text = "".join(c for c in text if unicodedata.category(c)[0] != "P")
    if language in _ARTICLES:
        text = re.sub(_ARTICLES[language], " ", text)
    return _HAN.sub(lambda match: f" {match[0]} ", text).split()


def f1(prediction: str, reference: str, language: str) -> float:
    """Harmonic mean of precision and recall over words, in [0, 1]."""
    said, gold = Counter(tokens(prediction, language)), Counter(tokens(reference, language))
    shared = sum((said & gold).values())
    if not said or not gold:
        return float(said == gold)
    return 2.0 * shared / (sum(said.values()) + sum(gold.values()))


def exact_match(prediction: str, reference: str, language: str) -> float:
    """1 where both have the same words in the same order, else 0."""
    return float(tokens(prediction, language) == tokens(reference, language))


def in_language(text: str, language: str) -> bool | None:
    """Whether an answer is in `language`; None where it holds no letter (numbers, dates).

    Chinese and Arabic by script: at least half of the letters. Vietnamese by a language identifier that chooses
    between Vietnamese and English.
    """
    letters = [c for c in text if unicodedata.category(c)[0] == "L"]
    if not letters:
        return None
    script = {"zh": _HAN, "ar": _ARABIC}.get(language)
    if script is not None:
        return sum(bool(script.match(c)) for c in letters) * 2 >= len(letters)
    return _identify(text, language) == language


def _identify(text: str, language: str) -> str:
    import py3langid

    py3langid.set_languages([language, "en"])
    return str(py3langid.classify(text)[0])
