"""F1 and exact match of short answers by the rules of SQuAD, MLQA and MKQA, each language with its own.

The rules are those of the official scripts (`evaluate-v1.1.py`, `mlqa_evaluation_v1.py`, `mkqa_eval.py`) with their
faults, so that scores are comparable. The Arabic article rule of MLQA and MKQA removes the two letters anywhere in a
word, and MKQA splits every Chinese answer into single characters, Latin words too.
"""

import re
import string
import sys
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from deepsuper.common.errors import UserError

SCORING = 1
"""Raise it with every change of how this project scores an answer: earlier scores are then computed again."""
ENGLISH_ARTICLES = r"\b(a|an|the)\b"
ARTICLES = {
    "en": ENGLISH_ARTICLES,
    "vi": r"\b(của|là|cái|chiếc|những)\b",
    "ar": r"\sال^|ال",
}
_HAN = re.compile(r"[\u4e00-\u9fa5]")


@dataclass(frozen=True)
class Rules:
    """How an answer is split into words: lower case, without `punctuation`, without `articles`, then by `split`."""

    punctuation: frozenset[str]
    articles: str | None
    split: Callable[[str], list[str]]

    def words(self, text: str) -> list[str]:
        """The words that are compared."""
        kept = "".join(c for c in text.lower() if c not in self.punctuation)
        if self.articles is not None:
            kept = re.sub(self.articles, " ", kept)
        return " ".join(word for word in self.split(kept) if word.strip()).split()


def _chinese(text: str) -> list[str]:
    """Each Chinese character is a word; all other text is split at spaces."""
    return _HAN.sub(lambda match: f" {match[0]} ", text).split()


@lru_cache(maxsize=1)
def unicode_punctuation() -> frozenset[str]:
    """Every character of a Unicode category P, and ASCII's."""
    every = (chr(n) for n in range(sys.maxunicode))
    return frozenset(c for c in every if unicodedata.category(c)[0] == "P") | frozenset(string.punctuation)


def squad_rules() -> Rules:
    """SQuAD 1.1's, English for every language: what the harness uses for XQuAD."""
    return Rules(frozenset(string.punctuation), ENGLISH_ARTICLES, str.split)


def mlqa_rules(language: str) -> Rules:
    """MLQA's, which XTREME also uses for XQuAD."""
    return Rules(unicode_punctuation(), ARTICLES.get(language), _chinese if language == "zh" else str.split)


def mkqa_rules(language: str) -> Rules:
    """MKQA's; its `zh_cn` is `zh` here."""
    split = list if language == "zh" else str.split
    return Rules(frozenset(string.punctuation), ARTICLES.get(language), split)


def f1(prediction: str, gold: str, rules: Rules) -> float:
    """Harmonic mean of precision and recall over words, in [0, 1]; 0 where nothing is shared."""
    said, right = Counter(rules.words(prediction)), Counter(rules.words(gold))
    shared = (said & right).total()
    if not shared:
        return 0.0
    # In the official scripts' order of operations: the same to the last digit.
    precision, recall = shared / said.total(), shared / right.total()
    return 2.0 * precision * recall / (precision + recall)


def exact_match(prediction: str, gold: str, rules: Rules) -> float:
    """1 where both have the same words in the same order, else 0."""
    return float(rules.words(prediction) == rules.words(gold))


def mkqa_f1(prediction: str, gold: str, rules: Rules) -> float:
    """`f1`, but an empty answer is the right one where the gold is empty: the question is unanswerable."""
    if not rules.words(prediction) or not rules.words(gold):
        return float(rules.words(prediction) == rules.words(gold))
    return f1(prediction, gold, rules)


def mlqa_scores(said: str, golds: Sequence[str], language: str) -> dict[str, float]:
    """F1 and exact match by MLQA's rules, each the best over all right answers."""
    rules = mlqa_rules(language)
    return {"f1": best(f1, said, golds, rules), "exact_match": best(exact_match, said, golds, rules)}


def mkqa_scores(said: str, golds: Sequence[str], language: str) -> dict[str, float]:
    """The same by MKQA's rules."""
    rules = mkqa_rules(language)
    return {"f1": best(mkqa_f1, said, golds, rules), "exact_match": best(exact_match, said, golds, rules)}


def best(score: Callable[[str, str, Rules], float], prediction: str, golds: Sequence[str], rules: Rules) -> float:
    """The best score over all right answers. Raises: UserError where there is none."""
    if not golds:
        raise UserError("need at least one right answer to score against")
    return max(score(prediction, gold, rules) for gold in golds)
