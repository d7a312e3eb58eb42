"""Evaluation: scorers against the official scripts, local files, the harness on tiny models, resuming."""

from __future__ import annotations

import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsuper.cli import EVERY_BENCHMARK, main
from deepsuper.evaluation.benchmarks import BENCHMARKS
from deepsuper.evaluation.fidelity import in_language
from deepsuper.evaluation.local import read_rows
from deepsuper.evaluation.run import json_line
from deepsuper.evaluation.scorers import best, exact_match, f1, mkqa_f1, mkqa_rules, mlqa_rules, squad_rules
from runs import make_run
from test_cli import fail
from tiny import make_model, make_tokenizer

# Language, answer, gold; F1 and exact match by mlqa_evaluation_v1.py, then by mkqa_eval_util.py: both were run.
OFFICIAL = json.loads(r"""[
["zh", "巴黎 (Paris)", "Paris 巴黎！", 1.0, 0.0, 0.933333, 0.0],
["vi", "", "", 0.0, 1.0, 1.0, 1.0],
["en", "", "the", 0.0, 1.0, 1.0, 1.0],
["ar", "", "", 0.0, 1.0, 1.0, 1.0],
["ar", "الباريس، ال", "باريس", 1.0, 1.0, 0.0, 0.0],
["zh", "法国的首都是巴黎", "IBM公司的 PC", 0.153846, 0.0, 0.125, 0.0],
["zh", "Paris 巴黎！", "IBM公司的 PC", 0.0, 0.0, 0.25, 0.0],
["zh", "巴黎 (Paris)", "法国的首都是巴黎", 0.363636, 0.0, 0.266667, 0.0],
["vi", "là", "là", 0.0, 1.0, 1.0, 1.0],
["vi", "Paris", "thủ đô của Pháp là Paris", 0.4, 0.0, 0.4, 0.0],
["ar", "باريس", "العاصمة هي باريس", 0.5, 0.0, 0.5, 0.0],
["zh", "IBM公司的 PC", "Paris 巴黎！", 0.0, 0.0, 0.25, 0.0],
["zh", "Paris 巴黎！", "法国的首都是巴黎", 0.363636, 0.0, 0.25, 0.0],
["ar", "باريس", "الباريس، ال", 1.0, 1.0, 0.0, 0.0],
["ar", "العاصمة هي باريس", "باريس", 0.5, 0.0, 0.5, 0.0],
["zh", "法国的首都是巴黎", "巴黎 (Paris)", 0.363636, 0.0, 0.266667, 0.0],
["vi", "thủ đô của Pháp là Paris", "Paris", 0.4, 0.0, 0.4, 0.0],
["vi", "", "là", 0.0, 1.0, 1.0, 1.0],
["en", "the", "", 0.0, 1.0, 1.0, 1.0],
["zh", "", "", 0.0, 1.0, 1.0, 1.0],
["ar", "العاصمة هي باريس", "الباريس، ال", 0.5, 0.0, 0.0, 0.0],
["zh", "Paris 巴黎！", "巴黎 (Paris)", 1.0, 0.0, 0.933333, 0.0],
["en", "the", "the", 0.0, 1.0, 1.0, 1.0],
["zh", "巴黎 (Paris)", "IBM公司的 PC", 0.0, 0.0, 0.266667, 0.0],
["zh", "法国的首都是巴黎", "Paris 巴黎！", 0.363636, 0.0, 0.25, 0.0],
["ar", "الباريس، ال", "العاصمة هي باريس", 0.5, 0.0, 0.0, 0.0],
["zh", "IBM公司的 PC", "法国的首都是巴黎", 0.153846, 0.0, 0.125, 0.0],
["zh", "IBM公司的 PC", "巴黎 (Paris)", 0.0, 0.0, 0.266667, 0.0],
["vi", "là", "", 0.0, 1.0, 1.0, 1.0],
["en", "", "", 0.0, 1.0, 1.0, 1.0],
["zh", "法国的首都是巴黎", "IBM公司的 PC", 0.153846, 0.0, 0.125, 0.0],
["en", "The Eiffel Tower", "the", 0.0, 0.0, 0.0, 0.0],
["ar", "مدينة السلام", "", 0.0, 0.0, 0.0, 0.0],
["zh", "法国的首都是巴黎", "Paris 巴黎！", 0.363636, 0.0, 0.25, 0.0],
["vi", "cái bàn, chiếc ghế", "", 0.0, 0.0, 0.0, 0.0],
["en", "Eiffel tower.", "“quoted” text", 0.0, 0.0, 0.0, 0.0],
["zh", "IBM公司的 PC", "二零零一", 0.0, 0.0, 0.0, 0.0],
["vi", "24 tháng 12", "những con mèo", 0.0, 0.0, 0.0, 0.0]
]""")
ROWS = {
    "xquad": {"id": "q1", "context": "the sky is blue", "question": "which colour", "answers": ["blue", "sky blue"]},
    "mlqa": {"id": "q1", "context": "the sky is blue", "question": "which colour", "answers": ["blue"]},
    "truthfulqa": {"question": "is it so", "mc1_choices": ["no", "yes it is", "maybe"], "mc1_label": 1},
    "xnli": {"premise": "it rains", "hypothesis": "it is wet", "label": 0},
    "xcopa": {"premise": "It rained.", "choice1": "Wet.", "choice2": "Dry.", "question": "effect", "label": 0},
    "xstorycloze": {"sentences": ["a b", "c d", "e f", "g h"], "endings": ["good end", "bad end"], "label": 1},
    "mmlu": {"question": "one and one", "choices": ["1", "2", "3", "4"], "answer": 1},
}


@pytest.mark.parametrize(("language", "said", "gold", "mlqa", "mlqa_em", "mkqa", "mkqa_em"), OFFICIAL)
def test_scores_are_the_official_scripts(language, said, gold, mlqa, mlqa_em, mkqa, mkqa_em):
    assert f1(said, gold, mlqa_rules(language)) == pytest.approx(mlqa, abs=1e-6)
    assert exact_match(said, gold, mlqa_rules(language)) == mlqa_em
    assert mkqa_f1(said, gold, mkqa_rules(language)) == pytest.approx(mkqa, abs=1e-6)
    assert exact_match(said, gold, mkqa_rules(language)) == mkqa_em


def test_squad_by_hand_and_the_best_of_all_answers():
    rules = squad_rules("zh")
    assert f1("The Eiffel Tower!", "eiffel tower", rules) == 1.0
    assert f1("a tall tower in Paris", "the tower", rules) == pytest.approx(2 / 5)
    assert f1("法国巴黎", "巴黎", rules) == 0.0 and f1("法国巴黎", "巴黎", mlqa_rules("zh")) == pytest.approx(2 / 3)
    assert best(f1, "blue", ["red", "sky blue"], rules) == pytest.approx(2 / 3)
    with pytest.raises(ValueError, match="at least one right answer"):
        best(f1, "blue", [], rules)


@pytest.mark.parametrize(
    ("text", "language", "want"),
    [("巴黎", "zh", True), ("Paris is in France", "zh", False), ("1999", "zh", None), ("باريس", "ar", True),
     ("thành phố lớn nhất của nước Pháp", "vi", True), ("the largest city of the country", "vi", False),
     ("the largest city of the country", "en", True)],
)  # fmt: skip
def test_language_of_an_answer(text, language, want):
    assert in_language(text, language) is want


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters()), st.text(st.sampled_from('\ud800\u2028\u2029\x85\x00"\\\n\r\u202e\u200f</script>ب')))
def test_no_prediction_breaks_a_file(tmp_path_factory, one, two):
    path = tmp_path_factory.getbasetemp() / "items.jsonl"
    path.write_text(json_line({"prediction": one}) + json_line({"prediction": two}), encoding="utf-8", newline="")
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["prediction"] for line in lines] == [one, two]


@pytest.fixture
def data(tmp_path):
    """Two rows of every benchmark and language, made up in the layout's fields."""
    for name, benchmark in BENCHMARKS.items():
        (tmp_path / "data" / name).mkdir(parents=True)
        for language in benchmark.tasks:
            rows = [{**ROWS[name], "id": f"{name}-{n}"} for n in range(2)]
            (tmp_path / "data" / name / f"{language}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path / "data"


def evaluate(tmp_path, data, *options: str) -> dict:
    name = make_run(tmp_path).model.name
    line = ["eval", name, "--data_dir", str(data), "--output_dir", str(tmp_path / "out"), "--langs", "zh", *options]
    main(line)
    return json.loads((tmp_path / "out" / "base-llama" / "results.json").read_text())


def test_every_benchmark_runs_on_local_rows_and_keeps_every_item(tmp_path, data, capsys):
    assert tuple(BENCHMARKS) == EVERY_BENCHMARK
    record = evaluate(tmp_path, data)
    assert set(record["scores"]) == {f"{name}/zh" for name in BENCHMARKS}
    for key, score in record["scores"].items():
        file = tmp_path / "out" / "base-llama" / "items" / f"{key.replace('/', '.')}.jsonl"
        items = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        assert score["items"] == len(items) == 2 and len(score["data"]["sha256"]) == 64
        assert score["mean"] == pytest.approx(sum(item[score["metric"]] for item in items) / 2)
        assert items[0]["id"] == f"{key.split('/')[0]}-0"
    assert "score in percent" in capsys.readouterr().out


def test_accuracy_equals_a_direct_computation(tmp_path, data):
    evaluate(tmp_path, data, "--benchmarks", "xcopa,mmlu")
    model, tokenizer = make_model("llama").eval(), make_tokenizer()

    def logprob(prompt: str, ending: str) -> float:
        start, ids = len(tokenizer(prompt)["input_ids"]), tokenizer(prompt + ending)["input_ids"]
        p = model(torch.tensor([ids])).logits[0].log_softmax(dim=-1)
        return sum(p[n - 1, ids[n]].item() for n in range(start, len(ids)))

    for name in ("xcopa", "mmlu"):
        line = (tmp_path / "out" / "base-llama" / "items" / f"{name}.zh.jsonl").read_text().splitlines()[0]
        item = json.loads(line)
        want = [logprob(item["prompt"], choice) for choice in item["choices"]]
        assert item["logprobs"] == pytest.approx(want, abs=1e-3)
        right = {"xcopa": 0, "mmlu": 1}[name]
        assert item["acc"] == float(max(range(len(want)), key=want.__getitem__) == right)


def test_what_is_done_is_not_run_again(tmp_path, data, monkeypatch, capsys):
    first = evaluate(tmp_path, data, "--benchmarks", "xcopa")
    both = evaluate(tmp_path, data, "--benchmarks", "xcopa,xnli")
    assert both["scores"]["xcopa/zh"] == first["scores"]["xcopa/zh"] and "xnli/zh" in both["scores"]
    monkeypatch.setattr("deepsuper.evaluation.run.load_harness_model", lambda *_: pytest.fail("loaded again"))
    assert evaluate(tmp_path, data, "--benchmarks", "xcopa,xnli")["scores"] == both["scores"]
    (data / "xnli" / "zh.jsonl").write_text(json.dumps(ROWS["xnli"]) + "\n")  # other rows are other data
    with pytest.raises(pytest.fail.Exception):
        evaluate(tmp_path, data, "--benchmarks", "xnli")


def test_an_absent_file_is_named_and_left_out_or_with_strict_an_error(tmp_path, data, caplog, capsys):
    (data / "xnli" / "zh.jsonl").unlink()
    record = evaluate(tmp_path, data, "--benchmarks", "xcopa,xnli")
    assert set(record["scores"]) == {"xcopa/zh"} and "has no xnli/zh.jsonl (https://" in caplog.text
    name = make_run(tmp_path).model.name
    line = ["--data_dir", str(data), "--langs", "zh", "--output_dir", str(tmp_path / "out")]
    assert "xnli/zh.jsonl" in fail(capsys, "eval", name, *line, "--strict", "true")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--benchmarks", "magic"], "benchmarks: need some of xquad,mlqa"),
        (["--langs", "sw"], "langs: need some of ar,en,vi,zh, got 'sw'"),
        (["--limit", "0"], "limit: need at least 1, got 0"),
        (["--data_dir", "nowhere"], "data_dir: no such folder 'nowhere'"),
        (["other/base-llama"], "models: need names that end differently"),
    ],
)
def test_a_mistake_ends_in_one_line(tmp_path, capsys, options, words):
    assert words in fail(capsys, "eval", make_run(tmp_path).model.name, *options, "--output_dir", str(tmp_path / "out"))


def test_a_bad_row_is_named_with_file_line_and_fields(tmp_path):
    path = tmp_path / "zh.jsonl"
    path.write_text(
        '{"question": "q", "choices": ["1", "2", "3", "4"], "answer": 0}\n'
        '{"question": "q", "choices": ["1"], "answer": 0}\n'
    )
    with pytest.raises(ValueError, match=r"zh.jsonl:2: .*"):
        read_rows(path, BENCHMARKS["mmlu"])
    path.write_text('{"question": "q", "answer": 0}\n')
    with pytest.raises(ValueError, match="has no field 'choices': mmlu needs question, choices, answer"):
        read_rows(path, BENCHMARKS["mmlu"])


def test_the_layout_names_every_benchmark_and_its_fields(capsys):
    main(["eval", "--layout", "true"])
    said = capsys.readouterr().out
    assert all(f"{name}/" in said and ", ".join(b.fields) in said for name, b in BENCHMARKS.items())
