"""From a record of an official file, of the hub or of the local layout to the local row: one function for each format.

Each raises KeyError for a missing field and UserError for a value that cannot be used.
"""

from collections.abc import Mapping
from typing import Any

from deepsuper.common.errors import UserError
from deepsuper.common.lines import is_unicode
from deepsuper.evaluation.own_tasks import SIB200_TOPICS

OfficialRecord = Mapping[str, Any]
"""A record as a reader gives it: the names and values of its fields."""
XNLI_LABELS = {"entailment": 0, "neutral": 1, "contradiction": 2}
"""The hub's numbering."""
OPTIONS = ("option_a", "option_b", "option_c", "option_d")
"""The choices of MMLU as the hub names them; the original tables have A to D."""
MKQA_CODES = {"zh": "zh_cn"}


def text(record: OfficialRecord, name: str, *, blank: bool = False) -> str:
    """The field as it is. Raises: UserError where it is no string, empty (unless `blank`) or half a surrogate pair."""
    return _checked(record[name], name, blank=blank)


def _checked(value: Any, name: str, *, blank: bool = False) -> str:
    if not isinstance(value, str):
        raise UserError(f"{name} is a {type(value).__name__} ({str(value)[:40]}): need a string")
    if not value.strip() and not blank:
        raise UserError(f"{name} is empty: need a text")
    if not is_unicode(value):
        raise UserError(f"{name} holds half of a surrogate pair: need the character itself")
    return value


def texts(value: Any, name: str, *, number: int | None = None, blank: bool = False) -> list[str]:
    """A list of strings. Raises: UserError where it is no such list, is empty, or has another length than `number`."""
    if not isinstance(value, list | tuple) or not value or (number is not None and len(value) != number):
        need = "a list with a string or more" if number is None else f"a list of {number} strings"
        raise UserError(f"{name} is {str(value)[:40]!r}: need {need}")
    return [_checked(one, f"{name}[{n}]", blank=blank) for n, one in enumerate(value)]


def one_of(record: OfficialRecord, name: str, values: Mapping[str, int]) -> int:
    """The number of a label, which may be a number already. Raises: UserError naming the known labels."""
    label = record[name]
    if isinstance(label, str | int) and not isinstance(label, bool) and str(label) in values:
        return values[str(label)]
    raise UserError(f"{name} is {str(label)[:40]!r}: need one of {', '.join(values)}")


def question(record: OfficialRecord, language: str) -> dict[str, Any]:
    """XQuAD and MLQA: all golds, with their offsets, and the article. Every question has an answer in both."""
    answers = record["answers"]
    if isinstance(answers, dict):  # the hub's format
        golds, starts = answers["text"], answers["answer_start"]
    elif isinstance(answers, list) and all(isinstance(answer, dict) for answer in answers):
        golds, starts = [a["text"] for a in answers], [a["answer_start"] for a in answers]
    else:
        golds, starts = answers, record.get("answer_start")
    golds = texts(golds, "answers")
    starts = [0] * len(golds) if starts is None else starts  # no score needs them
    if not isinstance(starts, list) or len(starts) != len(golds) or not all(type(s) is int and s >= 0 for s in starts):
        raise UserError(f"answer_start is {str(starts)[:40]!r}: need an offset for each of {len(golds)} answers")
    fields = {name: text(record, name) for name in ("context", "question")}
    title = {"title": str(record["title"])} if record.get("title") not in (None, "") else {}
    return {**fields, "answers": golds, "answer_start": starts, **title}


def open_question(record: OfficialRecord, language: str) -> dict[str, Any]:
    """MKQA: every right text and alias, sorted; [""] where nothing is right. As its `read_annotations` does."""
    if "queries" not in record:
        golds = texts(record["answers"], "answers", blank=True)
        return {"question": text(record, "question"), "answers": sorted(set(golds))}
    code = MKQA_CODES.get(language, language)
    if code not in record["queries"] or code not in record["answers"]:
        raise UserError(f"no {language} ({code}): it has {', '.join(sorted(record['queries']))}")
    answers = record["answers"][code]
    golds = [gold for answer in answers for gold in (answer["text"] or "", *(answer.get("aliases") or []))]
    return {"question": text(record["queries"], code), "answers": sorted(set(texts(golds, "answers", blank=True)))}


def truthful(record: OfficialRecord, language: str) -> dict[str, Any]:
    """TruthfulQA: the choices and the place of the right one; those of MC2 if the record has them."""
    if "mc1_label" in record:
        choices = texts(record["mc1_choices"], "mc1_choices")
        label = one_of(record, "mc1_label", _numbers(len(choices)))
    else:
        choices, labels = _targets(record, "mc1")
        if sum(labels) != 1:
            raise UserError(f"mc1 has {sum(labels)} right choices: need one")
        label = labels.index(1)
    row: dict[str, Any] = {"question": text(record, "question"), "mc1_choices": choices, "mc1_label": label}
    if any(record.get(name) is not None for name in ("mc2_targets", "mc2_targets_choices", "mc2_choices")):
        row["mc2_choices"], row["mc2_labels"] = _targets(record, "mc2")
        if not any(row["mc2_labels"]):
            raise UserError("mc2 has no right choice: need one or more")
    return row


def _targets(record: OfficialRecord, name: str) -> tuple[list[str], list[int]]:
    """Choices and labels, from {choice: label}, {choices, labels}, the hub's flat fields or the local ones."""
    targets = record.get(f"{name}_targets")
    if isinstance(targets, dict) and isinstance(targets.get("choices"), list):
        choices, labels = targets["choices"], targets["labels"]
    elif isinstance(targets, dict):
        choices, labels = list(targets), list(targets.values())
    elif f"{name}_choices" in record:
        choices, labels = record[f"{name}_choices"], record[f"{name}_labels"]
    else:
        choices, labels = record[f"{name}_targets_choices"], record[f"{name}_targets_labels"]
    choices = texts(choices, f"{name} choices")
    if not isinstance(labels, list) or len(labels) != len(choices):
        raise UserError(f"{name} labels are {str(labels)[:40]!r}: need 0 or 1 for each of {len(choices)} choices")
    return choices, [one_of({f"{name} label": label}, f"{name} label", _numbers(2)) for label in labels]


def entailment(record: OfficialRecord, language: str) -> dict[str, Any]:
    """XNLI: 0 entailment, 1 neutral, 2 contradiction."""
    if "sentence1" not in record:
        fields = {name: text(record, name) for name in ("premise", "hypothesis")}
        return {**fields, "label": one_of(record, "label", _numbers(3))}
    sides = {"premise": text(record, "sentence1"), "hypothesis": text(record, "sentence2")}
    return {**sides, "label": one_of(record, "gold_label", XNLI_LABELS)}


def cause_or_effect(record: OfficialRecord, language: str) -> dict[str, Any]:
    """XCOPA."""
    fields = {name: text(record, name) for name in ("premise", "choice1", "choice2", "question")}
    if fields["question"] not in ("cause", "effect"):
        raise UserError(f"question is {fields['question'][:40]!r}: need one of cause, effect")
    return {**fields, "label": one_of(record, "label", _numbers(2))}


def story(record: OfficialRecord, language: str) -> dict[str, Any]:
    """XStoryCloze: the official columns, or the hub's names of them."""
    if "sentences" in record:
        lists = {name: texts(record[name], name, number=number) for name, number in (("sentences", 4), ("endings", 2))}
        return {**lists, "label": one_of(record, "label", _numbers(2))}
    official = "InputSentence1" in record
    four, two = (
        ("InputSentence{}", "RandomFifthSentenceQuiz{}") if official else ("input_sentence_{}", "sentence_quiz{}")
    )
    right = "AnswerRightEnding" if official else "answer_right_ending"
    return {
        "sentences": [text(record, four.format(n)) for n in (1, 2, 3, 4)],
        "endings": [text(record, two.format(n)) for n in (1, 2)],
        "label": one_of(record, right, {"1": 0, "2": 1}),
    }


def four_choices(record: OfficialRecord, language: str) -> dict[str, Any]:
    """MMLU. A choice may be empty, since its letter is scored."""
    name = "instruction" if "instruction" in record else "question"
    names = next((names for names in (OPTIONS, "ABCD") if names[0] in record), None)
    if names is None:
        choices = texts(record["choices"], "choices", number=4, blank=True)
    else:
        choices = [text(record, one, blank=True) for one in names]
    # Letters come first because an error message lists them.
    letters = {"A": 0, "B": 1, "C": 2, "D": 3}
    answer = record["answer"]
    return {
        "question": text(record, name),
        "choices": choices,
        "answer": one_of(record, "answer", letters if isinstance(answer, str) else _numbers(4)),
    }


def translation(record: OfficialRecord, language: str) -> dict[str, Any]:
    """FLORES: a sentence and its English original."""
    if "english" in record:
        return {name: text(record, name) for name in ("text", "english")}
    if language not in record:
        raise UserError(
            f"no {language}: it has {', '.join(n for n in record if len(n) == 2 and n not in ('id', 'en'))}"
        )
    return {"text": text(record, language), "english": text(record, "en")}


def topic(record: OfficialRecord, language: str) -> dict[str, Any]:
    """SIB-200: a sentence and its topic."""
    name = "category" if "category" in record else "label"
    topics = {one: n for n, one in enumerate(SIB200_TOPICS)}
    return {"text": text(record, "text"), "label": one_of(record, name, topics if name == "category" else _numbers(7))}


def _numbers(end: int) -> dict[str, int]:
    return {str(n): n for n in range(end)}
