"""The tasks that lm-evaluation-harness lacks: MKQA, and FLORES-200 between English and Chinese, Vietnamese, Arabic.

Zero-shot, greedy, up to the end of the line, as the harness asks XQuAD. The scores are computed from the items.
"""

from typing import Any

from deepsuper.common.languages import name_of

_WRITE: dict[str, Any] = {
    "output_type": "generate_until",
    "target_delimiter": " ",
    "generation_kwargs": {"until": ["\n"], "do_sample": False, "temperature": 0.0},
    "metric_list": [{"metric": "bypass", "aggregation": "bypass", "higher_is_better": True}],
    "metadata": {"version": 1.0},
}
_QUESTION_ANSWER = {
    "en": ("Question", "Answer"),
    "zh": ("问题", "回答"),
    "vi": ("Câu hỏi", "Trả lời"),
    "ar": ("سؤال", "إجابة"),
}
"""The words of the harness's XQuAD prompts: MKQA is XQuAD without the passage."""
FLORES_DIRECTIONS = tuple(pair for other in ("zh", "vi", "ar") for pair in (f"en-{other}", f"{other}-en"))


def _mkqa(language: str) -> dict[str, Any]:
    question, answer = _QUESTION_ANSWER[language]
    return {
        "task": f"mkqa_{language}",
        **_WRITE,
        "doc_to_text": f"{question}: {{{{question}}}}\n\n{answer}:",
        "doc_to_target": "{{answers[0]}}",
    }


def _flores(direction: str) -> dict[str, Any]:
    source, target = direction.split("-")
    field = {"en": "english"}
    return {
        "task": f"flores_{source}_{target}",
        **_WRITE,
        "doc_to_text": f"{name_of(source)} sentence: {{{{{field.get(source, 'text')}}}}}\n{name_of(target)} sentence:",
        "doc_to_target": f"{{{{{field.get(target, 'text')}}}}}",
    }


MKQA_TASKS = {task["task"]: task for task in map(_mkqa, _QUESTION_ANSWER)}
FLORES_TASKS = {task["task"]: task for task in map(_flores, FLORES_DIRECTIONS)}
