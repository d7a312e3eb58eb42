"""Local rows as the harness's tasks read them: the fields of the same benchmark on the hub."""

from typing import Any


def question(row: dict[str, Any]) -> dict[str, Any]:
    """XQuAD and MLQA."""
    answers = row["answers"]
    if not isinstance(answers, dict):  # the hub's rows have a dictionary
        answers = {"text": answers, "answer_start": row.get("answer_start", [0] * len(answers))}
    title = {"title": row["title"]} if "title" in row else {}
    return {"context": row["context"], "question": row["question"], "answers": answers, **title}


def truthful(row: dict[str, Any]) -> dict[str, Any]:
    """TruthfulQA. The harness takes the first choice as the right one; the order of the others does not matter."""
    choices, right = row["mc1_choices"], row["mc1_label"]
    ordered = [choices[right], *(c for n, c in enumerate(choices) if n != right)]
    labels = [1] + [0] * (len(choices) - 1)
    mc2 = {"choices": row.get("mc2_choices", ordered), "labels": row.get("mc2_labels", labels)}
    return {
        "question": row["question"],
        "mc1_targets_choices": ordered,
        "mc2_targets_choices": mc2["choices"],
        "mc2_targets_labels": mc2["labels"],
        "mc1_targets": {"choices": ordered, "labels": labels},
        "mc2_targets": mc2,
    }


def four_choices(row: dict[str, Any]) -> dict[str, Any]:
    """MMLU."""
    options = dict(zip(("option_a", "option_b", "option_c", "option_d"), row["choices"], strict=True))
    return {"instruction": row["question"], **options, "answer": "ABCD"[row["answer"]]}


def story(row: dict[str, Any]) -> dict[str, Any]:
    """XStoryCloze."""
    sentences = {f"input_sentence_{n}": text for n, text in enumerate(row["sentences"], start=1)}
    endings = dict(zip(("sentence_quiz1", "sentence_quiz2"), row["endings"], strict=True))
    return {**sentences, **endings, "answer_right_ending": row["label"] + 1}
