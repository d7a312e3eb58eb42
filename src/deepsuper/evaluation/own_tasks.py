"""The tasks that lm-evaluation-harness lacks: MKQA, SIB-200, FLORES-200 from and to English.

Zero-shot. What is written ends with the line and is greedy, as the harness asks XQuAD; its scores are computed from the
items. Of SIB-200's topics the model chooses the likeliest.
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
SIB200_TOPICS = ("science/technology", "travel", "politics", "sports", "health", "entertainment", "geography")
FLORES_DIRECTIONS = tuple(pair for other in ("zh", "vi", "ar") for pair in (f"en-{other}", f"{other}-en"))


def _task(name: str, prompt: str, target: str) -> dict[str, Any]:
    return {"task": name, **_WRITE, "doc_to_text": prompt, "doc_to_target": target}


def _topic(language: str) -> dict[str, Any]:
    return {
        "task": f"sib200_{language}",
        "output_type": "multiple_choice",
        "doc_to_text": "What is the topic of this text? {{text}}",
        "target_delimiter": "\n",
        "doc_to_choice": list(SIB200_TOPICS),
        "doc_to_target": "{{label}}",
        "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
        "metadata": {"version": 1.0},
    }


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
SIB200_TASKS = {task["task"]: task for task in map(_topic, ("en", "zh", "vi", "ar"))}
"""The question is English in every language: what is asked there is the topic of a text in that language."""
