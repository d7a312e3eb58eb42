"""The two profiles: `paper` is the harness's own task with its quirks, `corrected` mends those that are listed here.

Each correction is a line of docs/evaluation.md, with an example and its effect.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from deepsuper.evaluation.benchmarks import answer_language
from deepsuper.evaluation.scorers import Rules, best, exact_match, f1, mkqa_f1, mkqa_rules, mlqa_rules

PROFILES = ("paper", "corrected")
SCORING = 1
"""Raise it with every change of how this project scores an answer: what was scored before is then scored anew."""

_XCOPA = "{{{{premise.strip()}}}} {{{{'{cause}' if question == 'cause' else '{effect}'}}}}"
_PROMPTS: dict[str, dict[str, Any]] = {
    # The harness's Arabic "No" is رقم, a number; and its word for "context" lacks its last letter.
    "xnli/ar": {
        "doc_to_choice": "{{[premise+', صحيح? نعم, '+hypothesis, premise+', صحيح? لذا, '+hypothesis, "
        "premise+', صحيح? لا, '+hypothesis]}}"
    },
    "xquad/ar": {"doc_to_text": "سياق: {{context}}\n\nسؤال: {{question}}\n\nإجابة:"},
    # The harness cuts the last character of the premise, unseen: in both languages it is always the full stop.
    "xcopa/zh": {"doc_to_text": _XCOPA.format(cause="因为", effect="所以")},
    "xcopa/vi": {"doc_to_text": _XCOPA.format(cause="bởi vì", effect="vì vậy")},
    # Chinese is written without spaces between sentences.
    "xstorycloze/zh": {
        "doc_to_text": "{{[input_sentence_1, input_sentence_2, input_sentence_3, input_sentence_4]|join('')}}",
        "target_delimiter": "",
    },
    # Six English questions and answers stand before every question.
    **{f"truthfulqa/{language}": {"doc_to_text": "Q: {{question}}\nA:"} for language in ("zh", "vi", "ar")},
}


def prompt_changes(profile: str, key: str) -> dict[str, Any]:
    """What a profile changes in the task of `key` (benchmark/variant)."""
    return _PROMPTS.get(key, {}) if profile == "corrected" else {}


def answer_scores(profile: str, benchmark: str, variant: str) -> Callable[[str, list[str]], dict[str, float]] | None:
    """How an answer is scored against all right ones: F1 and exact match; None where the harness's own score stands."""
    language = answer_language(variant)
    if benchmark == "mkqa":
        return _scorer(mkqa_f1, mkqa_rules(language))
    if profile == "corrected" and benchmark in ("xquad", "mlqa"):
        return _scorer(f1, mlqa_rules(language))
    return None


def _scorer(measure: Callable[[str, str, Rules], float], rules: Rules) -> Callable[[str, list[str]], dict[str, float]]:
    def score(said: str, golds: list[str]) -> dict[str, float]:
        return {"f1": best(measure, said, golds, rules), "exact_match": best(exact_match, said, golds, rules)}

    return score
