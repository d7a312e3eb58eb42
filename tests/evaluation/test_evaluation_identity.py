"""When two scores are of the same: questions, rows and limits are known alike in every process and on every machine."""

from __future__ import annotations

import io
import json
import logging
import re

import datasets
import pytest
from rich.console import Console

from deepsuper.cli import main
from deepsuper.config import EvalConfig, ModelConfig
from deepsuper.evaluation.benchmarks import BENCHMARKS, PROFILES, file_language
from deepsuper.evaluation.check import folder_name
from deepsuper.evaluation.plan import how_asked, plan
from deepsuper.evaluation.report import print_table
from failing import fail
from local_rows import ROWS, evaluate, write_rows
from runs import make_run


@pytest.fixture
def data(tmp_path):
    return write_rows(tmp_path / "data")


@pytest.mark.slow
def test_how_a_task_asks_is_told_without_an_address_of_this_process(tmp_path, data):
    languages = tuple({file_language(v) for b in BENCHMARKS.values() for v in b.tasks})
    config = EvalConfig((), ModelConfig(""), languages, tuple(BENCHMARKS), PROFILES, data_dir=str(data))
    planned = plan(config, tmp_path / "tasks")
    texts = {(one.key, profile): how_asked(one.tasks[profile]) for one in planned for profile in PROFILES}
    assert not [key for key, text in texts.items() if re.search(r" at 0x|<function|<built-in", text)]
    assert "因为" in json.loads(texts["xcopa/zh", "paper"])["task"]["doc_to_text"][2]["connector"].values()
    # Two languages of one function are told apart by what it is given.
    assert len({texts["xcopa/zh", "paper"], texts["xcopa/vi", "paper"]}) == 2


@pytest.mark.slow
def test_the_hubs_rows_have_a_hash_and_are_asked_anew_where_they_changed(tmp_path, monkeypatch):
    def served(label: int) -> None:
        rows = datasets.Dataset.from_list([{**ROWS["xnli"], "label": label}] * 2)
        parts = datasets.DatasetDict(dict.fromkeys(("train", "validation", "test"), rows))
        monkeypatch.setattr(datasets, "load_dataset", lambda *_, **__: parts)

    def run() -> dict:
        model = make_run(tmp_path).model.name
        line = ["eval", model, "--langs", "zh", "--benchmarks", "xnli", "--output_dir", str(tmp_path / "out")]
        main(line)
        results = tmp_path / "out" / "base-llama" / "paper" / "results.json"
        return json.loads(results.read_text())["scores"]["xnli/zh"]

    served(0)
    first = run()
    assert first["data"]["hub"] == "xnli_zh" and len(first["data"]["sha256"]) == 64
    assert run() == first
    served(2)
    second = run()
    assert second["data"]["sha256"] != first["data"]["sha256"] and {first["mean"], second["mean"]} <= {0.0, 1.0}
    served(1)
    assert [run()["mean"], first["mean"], second["mean"]].count(1.0) == 1


@pytest.mark.slow
def test_a_limit_beyond_the_rows_is_none(tmp_path, data, monkeypatch):
    whole = evaluate(tmp_path, data, "--benchmarks", "xcopa", "--limit", "600")
    assert whole["scores"]["xcopa/zh"]["limit"] is None
    monkeypatch.setattr("deepsuper.evaluation.run.load_harness_model", lambda *_, **__: pytest.fail("loaded again"))
    for limit in ("2", "null", "3"):
        assert evaluate(tmp_path, data, "--benchmarks", "xcopa", "--limit", limit) == whole


@pytest.mark.slow
def test_rows_that_did_not_change_are_not_written_again(tmp_path, data):
    evaluate(tmp_path, data, "--benchmarks", "xcopa")
    file = tmp_path / "out" / ".tasks" / "xcopa.zh.jsonl"
    before = file.stat().st_mtime_ns
    evaluate(tmp_path, data, "--benchmarks", "xcopa")
    assert file.stat().st_mtime_ns == before
    (data / "xcopa" / "zh.jsonl").write_text(json.dumps({**ROWS["xcopa"], "id": "new"}) + "\n")
    evaluate(tmp_path, data, "--benchmarks", "xcopa")
    assert json.loads(file.read_text())["id"] == "new"


@pytest.mark.parametrize(
    "option", [("--dtype", "bfloat16"), ("--revision", "main"), ("--trust_remote_code", "true")], ids=lambda o: o[0]
)
def test_an_option_that_another_backend_does_not_read_is_refused(tmp_path, data, capsys, option):
    name = option[0].removeprefix("--")
    said = fail(capsys, "eval", "m", "--backend", "dummy", "--data_dir", str(data), *option)
    assert f"{name}: backend 'dummy' loads the model itself: give it as --backend_args {name}=" in said


def test_results_lie_in_a_folder_of_the_models_name_whatever_it_is_called_by(tmp_path, monkeypatch):
    (tmp_path / "model" / "inner").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "model")
    assert folder_name(".") == "model" and folder_name("inner/..") == "model" and folder_name("inner/") == "inner"
    assert folder_name("google/gemma-2-2b") == "gemma-2-2b"


def test_a_language_that_a_benchmark_has_not_is_named(tmp_path, data, caplog):
    caplog.set_level(logging.INFO)
    evaluate(tmp_path, data, "--langs", "zh,ar,zh", "--benchmarks", "xcopa,xcopa")
    assert "xcopa/ar: no such language in the benchmark: left out" in caplog.text
    assert "xcopa/zh, paper: 1 of 1" in caplog.text


def test_answerable_f1_is_of_the_answerable_questions(tmp_path, data):
    rows = [{"id": str(n), "question": "which colour", "answers": ["blue"] if n else [""]} for n in range(4)]
    (data / "mkqa" / "zh.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    score = evaluate(tmp_path, data, "--benchmarks", "mkqa")["scores"]["mkqa/zh"]
    assert (score["items"], score["answerable_f1"]["items"]) == (4, 3)


@pytest.mark.parametrize("width", [40, 80, 300])
def test_no_terminal_cuts_a_name_or_a_number(width):
    score = {"items": 9, "metric": "acc", "mean": 0.25, "low": 0.2, "high": 0.3}
    names = [f"model-{n} (paper)" for n in range(4)]
    console = Console(width=width, file=io.StringIO(), color_system=None)
    print_table(console, {name: {"truthfulqa/zh": score, "truthfulqa/vi": score} for name in names})
    said = console.file.getvalue()
    assert all(name in said for name in (*names, "truthfulqa/zh", "truthfulqa/vi", "MC1")) and "…" not in said
    assert said.count("25.0 (20.0 to 30.0)") == 8
