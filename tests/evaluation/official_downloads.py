"""Official downloads with made-up rows: only their format is official."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deepsuper.evaluation.official.convert import read_official

ODD = '“天空”是"蓝"的\u2028，\u200fالسماء "زرقاء" — trời xanh \\n'


def squad(*questions: dict) -> str:
    context = f"{ODD} blue sky"
    return json.dumps(
        {"version": "1.1", "data": [{"title": "T", "paragraphs": [{"context": context, "qas": list(questions)}]}]}
    )


def asked(n: int, **changed: object) -> dict:
    answers = [{"text": "blue", "answer_start": 3}, {"text": "blue sky", "answer_start": 3}]
    return {"id": f"q{n}", "question": f"{ODD}{n}?", "answers": answers, **changed}


def lines(*rows: dict) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\r\n" for row in rows)


def table(*rows: dict) -> str:
    return "".join("\t".join(map(str, line)) + "\n" for line in (rows[0], *(row.values() for row in rows)))


def nli(language: str, label: str = "entailment", n: int = 1) -> dict:
    """The columns of xnli.dev.tsv; bare quotation marks, as there."""
    parses = {f"sentence{n}_{kind}parse": "" for kind in ("binary_", "") for n in (1, 2)}
    pair = {"sentence1": f'"{language} says', "sentence2": 'she "hears', "promptID": n, "pairID": n, "genre": "fiction"}
    return {"language": language, "gold_label": label, **parses, **pair, "match": "True"}


def told(right: object = 1, n: int = 1) -> dict:
    """The columns of XStoryCloze."""
    sentences = {f"InputSentence{k}": f"第{k}句。" for k in (1, 2, 3)} | {"InputSentence4": '"走吧," 他说。'}
    endings = {"RandomFifthSentenceQuiz1": '"他说 ""好""。"', "RandomFifthSentenceQuiz2": "نهاية أخرى"}
    return {"InputStoryid": f"s{n}", **sentences, **endings, "AnswerRightEnding": right}


def mkqa(n: int, **changed: object) -> dict:
    answers = [
        {"type": "entity", "text": "雷德利", "aliases": ["Ridley", "雷德利"]},
        {"type": "unanswerable", "text": None},
    ]
    queries = {"en": "who", "zh_cn": "谁", "vi": "ai", "ar": "من"}
    golds = {"en": answers, "zh_cn": answers, "vi": [{"type": "unanswerable", "text": None}], "ar": answers}
    return {"example_id": -n, "query": "who", "queries": queries, "answers": golds, **changed}


HUB_TRUTH = {
    "question": ODD, "mc1_targets_choices": ["没", "有"], "mc1_targets_labels": [0, 1],
    "mc2_targets_choices": ["a", "b", "c"], "mc2_targets_labels": [1, 1, 0],
}  # fmt: skip
COPA = {"premise": ODD, "choice1": "一", "choice2": "二", "question": "cause", "label": 1, "idx": 7, "changed": False}
HUB_MMLU = {
    "id": "law/test/3",
    "instruction": ODD,
    "option_a": "1",
    "option_b": "",
    "option_c": "3",
    "option_d": "4",
    "answer": "D",
}


def as_folder(path: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content.encode())
    return path


def refused(benchmark: str, source: Path, language: str) -> str:
    with pytest.raises(ValueError, match=r".") as caught:
        read_official(benchmark, source, language)
    assert "\n" not in str(caught.value)
    return str(caught.value)
