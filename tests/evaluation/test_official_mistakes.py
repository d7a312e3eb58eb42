"""A mistake in an official download is one line that names the place."""

from __future__ import annotations

import gzip
import json

import pytest

from deepsuper.evaluation.official import sources as official_sources
from official_downloads import (
    COPA,
    HUB_MMLU,
    HUB_TRUTH,
    as_folder,
    asked,
    lines,
    mkqa,
    nli,
    refused,
    squad,
    table,
    told,
)

BAD = {
    "label": (
        "xnli",
        {"xnli.dev.tsv": table(nli("zh"), nli("zh", "-", 2))},
        "xnli.dev.tsv:3: gold_label is '-': need one of entailment, neutral, contradiction",
    ),
    "columns": (
        "xnli",
        {"xnli.dev.tsv": table(nli("zh")) + "zh\tneutral\n"},
        "xnli.dev.tsv:3: 2 columns, need 12 (language,",
    ),
    "other languages": (
        "xnli",
        {"xnli.dev.tsv": table(nli("ar"), nli("vi"))},
        "xnli.dev.tsv: no row in 'zh': it has ar, vi",
    ),
    "id twice": ("xnli", {"xnli.dev.tsv": table(nli("zh"), nli("zh"))}, "xnli.dev.tsv:3: id '1' is also at "),
    "no language": (
        "mkqa",
        {"mkqa.jsonl": lines({"question": "q", "answers": ["a"]})},
        "mkqa.jsonl:1: tells no language",
    ),
    "language of a row": (
        "mkqa",
        {"mkqa.jsonl": lines(mkqa(1, queries={"en": "q"}))},
        "mkqa.jsonl:1: no zh (zh_cn): it has en",
    ),
    "no answer": (
        "xquad",
        {"xquad.zh.json": squad(asked(1), asked(2, answers=[]))},
        "xquad.zh.json:data[0].paragraphs[0].qas[1]: answers is '[]': need a list with a string or more",
    ),
    "empty answer": (
        "xquad",
        {"xquad.zh.json": squad(asked(1, answers=[{"text": " ", "answer_start": 1}]))},
        "answers[0] is empty",
    ),
    "offset": (
        "xquad",
        {"xquad.zh.json": squad(asked(1, answers=[{"text": "b", "answer_start": None}]))},
        "need an offset for each of 1",
    ),
    "field": ("xquad", {"xquad.zh.json": squad({"id": "q", "question": "q"})}, "qas[0]: has no field 'answers'"),
    "not SQuAD": (
        "xquad",
        {"xquad.zh.json": '{"data": [{"title": 1}]}'},
        "data[0]: not SQuAD's JSON (KeyError('paragraphs'))",
    ),
    "not JSON": ("xquad", {"xquad.zh.json": '{"data":\n [}'}, "xquad.zh.json:2: not JSON ("),
    "other JSON": ("xquad", {"xquad.zh.json": "3"}, "a JSON int: need a list of rows, or SQuAD's {'data': [...]}"),
    "no object": ("truthfulqa", {"zh_validation.json": "[3]"}, "zh_validation.json[0]: a JSON int"),
    "not a JSON line": ("xcopa", {"test.zh.jsonl": lines(COPA) + "{\n"}, "test.zh.jsonl:2: not JSON ("),
    "question": (
        "xcopa",
        {"test.zh.jsonl": lines({**COPA, "question": "why"})},
        ":1: question is 'why': need one of cause, effect",
    ),
    "true": ("xcopa", {"test.zh.jsonl": lines({**COPA, "label": True})}, ":1: label is 'True': need one of 0, 1"),
    "surrogate": (
        "xcopa",
        {"test.zh.jsonl": json.dumps({**COPA, "choice1": "\ud800"})},
        ":1: choice1 holds half of a surrogate",
    ),
    "two right": (
        "truthfulqa",
        {"zh/val.jsonl": lines({**HUB_TRUTH, "mc1_targets_labels": [1, 1]})},
        ":1: mc1 has 2 right choices",
    ),
    "labels": (
        "truthfulqa",
        {"zh/val.jsonl": lines({**HUB_TRUTH, "mc2_targets_labels": [1]})},
        "need 0 or 1 for each of 3 choices",
    ),
    "ending": (
        "xstorycloze",
        {"spring2016.val.zh.tsv.split_20_80_eval.tsv": table(told(3))},
        ":2: AnswerRightEnding is '3': need one of 1, 2",
    ),
    "letter": (
        "mmlu",
        {"zh/test.jsonl": lines({**HUB_MMLU, "answer": "E"})},
        ":1: answer is 'E': need one of A, B, C, D",
    ),
    "choices": (
        "mmlu",
        {"mmlu.zh.jsonl": lines({"question": "q", "choices": ["1"], "answer": 0})},
        "need a list of 4 strings",
    ),
    "CSV": ("mmlu", {"mmlu_ZH-CN.csv": 'q,"1,2,3,4,A\n'}, "mmlu_ZH-CN.csv:1: not CSV ("),
    "lengths": ("flores", {"zho_Hans.devtest": "一\n", "eng_Latn.devtest": "one\ntwo\n"}, "1 lines, but 2 in "),
    "no English": (
        "flores",
        {"zho_Hans.devtest": "一\n"},
        "no eng_Latn.devtest beside it: name the folder that holds both",
    ),
    "blank": (
        "flores",
        {"zho_Hans.devtest": "一\n\n", "eng_Latn.devtest": "one\ntwo\n"},
        "zho_Hans.devtest:2: text is empty",
    ),
    "no row": ("xcopa", {"test.zh.jsonl": ""}, "test.zh.jsonl: no row in 'zh'"),
    "missing": (
        "xcopa",
        {"test.vi.jsonl": "", "zh.txt": "", "data/th/test.th.jsonl": ""},
        "source: no xcopa in 'zh': it has th, vi",
    ),
    "missing code": (
        "flores",
        {"vie_Latn.devtest": "", "fra_Latn.devtest": "", "eng_Latn.devtest": ""},
        "it has fra_Latn, vi",
    ),
    "nothing": (
        "mlqa",
        {"a.txt": ""},
        "source: no file of mlqa: need one named such as test-context-zh-question-zh.json",
    ),
    "two files": (
        "xquad",
        {"a/xquad.zh.json": "", "b/xquad.zh.json": ""},
        "a/xquad.zh.json and b/xquad.zh.json both fit",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_mistake_is_one_line_that_names_the_place(tmp_path, case):
    benchmark, files, words = BAD[case]
    assert words in refused(benchmark, as_folder(tmp_path / "source", files), "zh")


def test_what_cannot_be_read_is_named(tmp_path, monkeypatch):
    assert "no such file or folder" in refused("xquad", tmp_path / "nowhere.zip", "zh")
    path = tmp_path / "mkqa.jsonl.gz"
    path.write_bytes(gzip.compress(lines(*map(mkqa, range(1, 500))).encode())[:-100])
    said = refused("mkqa", path, "zh")
    assert f"{path}:" in said and "cannot read on" in said and "fetch the file again" in said
    for name in ("a.zip", "a.tar.gz"):
        (tmp_path / name).write_bytes(b"<html>not found</html>")
        assert f"{name}: cannot be read (" in refused("xquad", tmp_path / name, "zh")
    (tmp_path / "test.zh.jsonl").write_bytes("{'é'}".encode("latin-1"))
    assert "test.zh.jsonl:1: byte 0xe9 at position 2 is not UTF-8" in refused("xcopa", tmp_path / "test.zh.jsonl", "zh")
    (tmp_path / "xquad.zh.json").write_bytes("é".encode("latin-1"))
    assert "xquad.zh.json: byte 0xe9 at position 0 is not UTF-8" in refused("xquad", tmp_path / "xquad.zh.json", "zh")
    monkeypatch.setattr(official_sources, "LIMIT", 100)
    assert "more than 100 bytes" in refused(
        "xquad", as_folder(tmp_path / "f", {"xquad.zh.json": squad(asked(1))}), "zh"
    )


@pytest.mark.parametrize(
    ("benchmark", "language", "words"),
    [("magic", "zh", "benchmark: need one of xquad, mlqa"), ("xquad", "../zh", "languages: need codes such as zh"),
     ("flores", "en", "languages: need codes such as zh"),
     ("flores", "zh", "need one named such as devtest/zho_Hans.devtest")],
)  # fmt: skip
def test_a_wrong_name_is_told(tmp_path, benchmark, language, words):
    assert words in refused(benchmark, tmp_path, language)
