"""Local benchmark files: every value checked, absent ones named."""

from __future__ import annotations

import json
import re

import pytest

from deepsuper.cli import main
from deepsuper.common.errors import UserError
from deepsuper.evaluation.benchmarks import BENCHMARKS
from deepsuper.evaluation.local import read_rows
from failing import fail
from local_rows import ROWS, evaluate, read_items, write_rows
from runs import make_run


@pytest.fixture
def data(tmp_path):
    return write_rows(tmp_path / "data")


@pytest.mark.slow
def test_an_absent_file_is_named_and_left_out_or_with_strict_an_error(tmp_path, data, caplog, capsys):
    (data / "xnli" / "zh.jsonl").unlink()
    record = evaluate(tmp_path, data, "--benchmarks", "xcopa,xnli")
    assert set(record["scores"]) == {"xcopa/zh"} and "has no xnli/zh.jsonl (https://" in caplog.text
    name = make_run(tmp_path).model.name
    line = ["--data_dir", str(data), "--langs", "zh", "--output_dir", str(tmp_path / "out")]
    assert "xnli/zh.jsonl" in fail(capsys, "eval", name, *line, "--strict")


@pytest.mark.slow
def test_what_the_hub_does_not_give_is_named_and_left_out_or_with_strict_an_error(
    tmp_path, monkeypatch, caplog, capsys
):
    from deepsuper.evaluation import plan

    own = {"mkqa": [{**ROWS["mkqa"], "id": "1"}]}
    monkeypatch.setattr(plan, "fetch_rows", lambda benchmark, _: own.get(benchmark.name) or fetch_nothing())
    line = ["eval", "anything", "--backend", "dummy", "--langs", "zh", "--comet_model", "none"]
    line += ["--output_dir", str(tmp_path / "out"), "--benchmarks"]
    main([*line, "xnli,flores,mkqa"])
    assert set(json.loads((tmp_path / "out/anything/paper/results.json").read_text())["scores"]) == {"mkqa/zh"}
    assert "cannot be fetched: xnli/zh (" in caplog.text and "facebook/xnli" in caplog.text
    assert "; flores/zh (no network): left out" in caplog.text
    monkeypatch.setattr("deepsuper.evaluation.run.load_harness_model", lambda *_, **__: pytest.fail("loaded"))
    said = fail(capsys, *line, "xnli,mkqa", "--strict")
    assert "xnli/zh (" in said and "mkqa" not in said and "--data_dir" in said
    assert "flores/zh (no network)" in fail(capsys, *line, "flores")


def fetch_nothing():
    raise UserError("no network")


def test_a_missing_field_is_named_with_file_line_and_all_fields(tmp_path):
    path = tmp_path / "zh.jsonl"
    path.write_text('{"question": "q", "choices": ["1", "2", "3", "4"], "answer": 0}\n{"question": "q", "answer": 0}\n')
    with pytest.raises(ValueError, match=r"zh.jsonl:2: has no field 'choices': mmlu needs question, choices, answer"):
        read_rows(path, BENCHMARKS["mmlu"], "zh")


@pytest.mark.parametrize(
    ("benchmark", "change", "words"),
    [
        ("xnli", {"label": "entailment"}, "label is 'entailment': need one of 0, 1, 2"),
        ("xnli", {"label": -1}, "label is '-1': need one of 0, 1, 2"),
        ("xnli", {"hypothesis": None}, "hypothesis is a NoneType"),
        ("xcopa", {"label": 2}, "label is '2': need one of 0, 1"),
        ("xcopa", {"question": "Cause"}, "question is 'Cause': need one of cause, effect"),
        ("xcopa", {"premise": " "}, "premise is empty"),
        ("xstorycloze", {"sentences": ["a", "b"]}, "need a list of 4 strings"),
        ("xstorycloze", {"label": -1}, "label is '-1'"),
        ("mmlu", {"answer": -1}, "answer is '-1': need one of 0, 1, 2, 3"),
        ("mmlu", {"answer": True}, "answer is 'True'"),
        ("mmlu", {"choices": "abcd"}, "choices is 'abcd': need a list of 4 strings"),
        ("truthfulqa", {"mc1_label": -1}, "mc1_label is '-1'"),
        ("xquad", {"answers": "cat"}, "answers is 'cat': need a list"),
        ("xquad", {"answers": []}, "answers is '[]': need a list with a string or more"),
        ("xquad", {"answers": [4]}, "answers"),
        ("mkqa", {"answers": [None]}, "answers[0] is a NoneType"),
        ("flores", {"text": None}, "text is a NoneType"),
        ("xcopa", {"id": 1.5}, "id is 1.5: need a string or a whole number"),
        ("xcopa", {"id": "x1"}, "id 'x1' is also at "),
    ],
)
def test_a_bad_value_is_named_with_file_line_and_remedy(tmp_path, benchmark, change, words):
    path = tmp_path / "zh.jsonl"
    rows = [{**ROWS[benchmark], "id": "x1"}, {**ROWS[benchmark], "id": "x2", **change}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(ValueError, match=f"zh.jsonl:2: .*{re.escape(words)}"):
        read_rows(path, BENCHMARKS[benchmark], "zh")


@pytest.mark.parametrize("answers", [["sky blue"], [{"text": "sky blue", "answer_start": 4}]])
def test_answers_are_read_in_both_forms_and_need_no_offsets(tmp_path, answers):
    path = tmp_path / "zh.jsonl"
    path.write_text(json.dumps({**ROWS["xquad"], "answers": answers}) + "\n")
    assert read_rows(path, BENCHMARKS["xquad"], "zh")[0]["answers"]["text"] == ["sky blue"]


def test_the_layout_names_every_benchmark_and_its_fields(capsys):
    main(["data", "layout"])
    said = capsys.readouterr().out
    assert all(f"{name}/" in said and ", ".join(b.fields) in said for name, b in BENCHMARKS.items())


def test_rows_without_an_id_are_named_by_their_place(tmp_path, data):
    rows = [{**ROWS["xcopa"], "premise": f"It rained on day {n}."} for n in range(2)]
    (data / "xcopa" / "zh.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    evaluate(tmp_path, data, "--benchmarks", "xcopa")
    assert [item["id"] for item in read_items(tmp_path, "xcopa/zh")] == ["xcopa-0", "xcopa-1"]
