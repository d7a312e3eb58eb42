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


def _task(name: str, prompt: str, target: str) -> dict[str, Any]:
    return {"task": name, **_WRITE, "doc_to_text": prompt, "doc_to_target": target}


def _flores(direction: str) -> dict[str, Any]:
    source, target = direction.split("-")
    given, asked = ("english" if language == "en" else "text" for language in (source, target))
    prompt = f"{name_of(source)} sentence: {{{{{given}}}}}\n{name_of(target)} sentence:"
    return _task(f"flores_{source}_{target}", prompt, f"{{{{{asked}}}}}")


MKQA_TASKS = {
    f"mkqa_{language}": _task(f"mkqa_{language}", f"{question}: {{{{question}}}}\n\n{answer}:", "{{answers[0]}}")
    for language, (question, answer) in _QUESTION_ANSWER.items()
}
FLORES_TASKS = {task["task"]: task for task in map(_flores, FLORES_DIRECTIONS)}
