"""Scores of the demo's short answers: F1 and exact match by rules of its own, and which are in the target language.

The rules are like MLQA's, which `deepsuper.evaluation.scorers` has to the letter, but part Chinese words at punctuation
and take the Arabic article off where a word begins: docs/results.md says what that does to the scores.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

from deepsuper.evaluation.fidelity import in_language

__all__ = ["exact_match", "f1", "in_language", "tokens"]
_HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")
_ARTICLES = {"en": r"\b(a|an|the)\b", "ar": r"\bال", "vi": r"\b(của|là|cái|chiếc|những)\b"}


def tokens(text: str, language: str) -> list[str]:
    """Lower-case words without punctuation and articles; each Chinese character is a word."""
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
