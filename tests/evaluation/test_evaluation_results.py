"""The results of an evaluation: what is done, what is resumed, what is computed again, what is never replaced."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
import sacrebleu

from deepsuper.cli import main
from deepsuper.common.files import alone_in
from deepsuper.config import ModelConfig
from deepsuper.evaluation.benchmarks import BENCHMARKS
from deepsuper.evaluation.measures import MEASURES
from failing import fail
from local_rows import ROWS, evaluate, no_comet, read_items, write_rows
from runs import make_run
from tiny import make_model


@pytest.fixture
def data(tmp_path):
    return write_rows(tmp_path / "data")


@pytest.mark.slow
def test_what_is_done_is_not_run_again(tmp_path, data, monkeypatch, capsys):
    first = evaluate(tmp_path, data, "--benchmarks", "xcopa")
    both = evaluate(tmp_path, data, "--benchmarks", "xcopa,xnli")
    assert both["scores"]["xcopa/zh"] == first["scores"]["xcopa/zh"] and "xnli/zh" in both["scores"]
    monkeypatch.setattr("deepsuper.evaluation.run.load_harness_model", lambda *_, **__: pytest.fail("loaded again"))
    assert evaluate(tmp_path, data, "--benchmarks", "xcopa,xnli")["scores"] == both["scores"]
    (data / "xnli" / "zh.jsonl").write_text(
        json.dumps({**ROWS["xnli"], "label": 2}) + "\n"
    )  # other rows are other data
    with pytest.raises(pytest.fail.Exception):
        evaluate(tmp_path, data, "--benchmarks", "xnli")


@pytest.mark.slow
@pytest.mark.parametrize("change", ["prompt", "scoring"])
def test_a_changed_prompt_or_score_is_evaluated_anew_and_the_rest_keeps_its_own_versions(
    tmp_path, data, monkeypatch, change
):
    options = ("--benchmarks", "xcopa,xquad")
    before = evaluate(tmp_path, data, *options, profile="corrected")["scores"]
    monkeypatch.setattr("deepsuper.evaluation.run.versions", lambda packages: {"lm_eval": "9"})
    if change == "scoring":
        monkeypatch.setattr("deepsuper.evaluation.plan.SCORING", 0)
    else:
        monkeypatch.setitem(BENCHMARKS["xcopa"].corrections, "zh", {"doc_to_text": "{{premise}} so"})
    after = evaluate(tmp_path, data, *options, profile="corrected")["scores"]
    again = {key for key in before if after[key]["asks"] != before[key]["asks"]}
    assert again == ({"xcopa/zh"} if change == "prompt" else set(before))
    for key in before:
        assert (after[key]["versions"] == {"lm_eval": "9"}) == (key in again)
        assert key in again or after[key] == before[key]
    if change == "prompt":
        assert read_items(tmp_path, "xcopa/zh", "corrected")[0]["prompt"] == "It rained. so"


@pytest.mark.slow
def test_results_of_another_model_or_of_more_items_are_not_replaced(tmp_path, data, monkeypatch, capsys):
    def line(model: str, *options: str) -> list[str]:
        start = ["eval", model, "--backend", "dummy", "--data_dir", str(data), "--output_dir", str(tmp_path / "out")]
        return [*start, "--langs", "zh", "--benchmarks", "xcopa", *options]

    main(line("demo-zh/tft", "--limit", "1"))
    file = tmp_path / "out" / "tft" / "paper" / "results.json"
    main(line("demo-zh/tft", "--limit", "2"))
    whole = file.read_text()
    assert json.loads(whole)["scores"]["xcopa/zh"]["limit"] is None  # there are two rows
    monkeypatch.setattr("deepsuper.evaluation.run.load_harness_model", lambda *_, **__: pytest.fail("loaded"))
    for options, words in (
        (["demo-vi/tft"], "holds results of model demo-zh/tft, backend dummy, and asked is model demo-vi"),
        (["demo-zh/tft", "--limit", "1"], "holds xcopa/zh with limit None, and asked is limit 1: choose another"),
        (["demo-zh/tft", "--backend_args", "a=1"], "and asked is model demo-zh/tft, backend dummy, backend_args a=1"),
    ):
        said = fail(capsys, *line(*options))
        assert words in said and f"output_dir {file.parent}: " in said and file.read_text() == whole


class Stopped(Exception):
    """Stands for a power cut."""


@pytest.mark.slow
def test_an_interrupted_benchmark_goes_on_behind_its_last_answer(tmp_path, data, monkeypatch):
    from deepsuper.evaluation.engine import decoder

    rows = [{**ROWS["xcopa"], "premise": f"It rained on day {n}.", "id": f"r{n}"} for n in range(8)]
    (data / "xcopa" / "zh.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    options = ("--benchmarks", "xcopa", "--batch_size", "2")
    whole = evaluate(tmp_path, data, *options)["scores"]
    shutil.rmtree(tmp_path / "out")
    original, passes = decoder.score_choices, []

    def counted(*args):
        passes.append(1)
        if len(passes) == 4:
            raise Stopped
        return original(*args)

    monkeypatch.setattr(decoder, "score_choices", counted)
    with pytest.raises(Stopped):
        evaluate(tmp_path, data, *options)
    assert evaluate(tmp_path, data, *options)["scores"] == whole
    assert len(passes) == 4 + 5  # of 8 batches, 3 were kept


@pytest.mark.slow
def test_the_profiles_share_the_answers_to_what_they_ask_alike(tmp_path, data, monkeypatch):
    evaluate(tmp_path, data, "--benchmarks", "xquad")
    monkeypatch.setattr("deepsuper.evaluation.engine.decoder.decode", lambda *_: pytest.fail("asked again"))
    evaluate(tmp_path, data, "--benchmarks", "xquad", profile="corrected")


def test_a_model_trained_anew_is_evaluated_anew(tmp_path, data):
    first = evaluate(tmp_path, data, "--benchmarks", "xcopa")
    folder = Path(make_run(tmp_path).model.name)
    make_model("llama", seed=7).save_pretrained(folder)
    second = evaluate(tmp_path, data, "--benchmarks", "xcopa")
    assert first["asked"]["files"] != second["asked"]["files"]
    assert first["asked"]["files"].keys() == second["asked"]["files"].keys() == {"model.safetensors"}


@pytest.mark.slow
def test_translations_get_their_comet_when_it_is_at_hand(tmp_path, data, monkeypatch):
    from deepsuper.evaluation.comet import scores as comet

    def run(model: str) -> dict:
        return evaluate(tmp_path, data, "--benchmarks", "flores", "--comet_model", model)["scores"]["flores/en-zh"]

    monkeypatch.setattr(comet, "comet_python", no_comet)
    before = run("a/model")
    assert before["comet"] is None
    monkeypatch.setattr("deepsuper.evaluation.run.load_harness_model", lambda *_, **__: pytest.fail("loaded again"))
    monkeypatch.setattr(comet, "comet_python", lambda: Path("python"))
    monkeypatch.setattr(comet, "comet_version", lambda _: "2.2.7")
    monkeypatch.setattr(comet, "comet_scores", lambda *_, **__: [0.25, 0.75])
    after = run("a/model")
    scored = after.pop("comet")
    assert (scored["mean"], scored["model"], scored["version"]) == (0.5, "a/model", "2.2.7")
    assert after == {name: value for name, value in before.items() if name != "comet"}
    monkeypatch.setattr(comet, "comet_scores", lambda *_, **__: pytest.fail("scored again"))
    assert run("a/model")["comet"] == run("none")["comet"] == scored


@pytest.mark.slow
def test_translations_get_their_spbleu_when_its_tokenizer_is_at_hand(tmp_path, data, monkeypatch):
    def interval(*_, **__):
        raise OSError("no network")

    def run() -> dict:
        return evaluate(tmp_path, data, "--benchmarks", "flores")["scores"]["flores/en-zh"]

    monkeypatch.setitem(MEASURES, "spbleu", replace(MEASURES["bleu"], numbers=interval))
    before = run()
    items = read_items(tmp_path, "flores/en-zh")
    said, right = ([item[name] for item in items] for name in ("prediction", "gold"))
    assert before["spbleu"] is None
    assert before["bleu"]["mean"] == pytest.approx(sacrebleu.corpus_bleu(said, [right], tokenize="zh").score / 100)
    monkeypatch.setitem(MEASURES, "spbleu", MEASURES["bleu"])
    monkeypatch.setattr("deepsuper.evaluation.run.load_harness_model", lambda *_, **__: pytest.fail("loaded again"))
    assert run() == {**before, "spbleu": before["bleu"]}


def test_an_adapter_is_another_one_on_another_base(tmp_path, monkeypatch):
    from deepsuper.evaluation.run import _weights

    (tmp_path / "base").mkdir()
    (tmp_path / "run" / "adapter").mkdir(parents=True)
    for file, text in (("base/model.safetensors", "one"), ("run/adapter/adapter_model.safetensors", "two")):
        (tmp_path / file).write_text(text)

    def weights(base: str) -> dict[str, str]:
        config = {"peft_type": "LORA", "base_model_name_or_path": base}
        (tmp_path / "run" / "adapter" / "adapter_config.json").write_text(json.dumps(config))
        return _weights(ModelConfig(name=str(tmp_path / "run")))

    before = weights(str(tmp_path / "base"))
    assert before.keys() == {"adapter_model.safetensors", "base/model.safetensors"}
    (tmp_path / "base" / "model.safetensors").write_text("trained on")
    assert weights(str(tmp_path / "base")) != before
    monkeypatch.setattr("deepsuper.evaluation.run.load_config", lambda config: None)
    monkeypatch.setattr("deepsuper.evaluation.run.commit_of", lambda config: f"{config.name}@1")
    assert weights("org/hub")["base/commit"] == "org/hub@1"
    assert _weights(ModelConfig(name="org/hub")) == {"commit": "org/hub@1"}


def test_a_higher_limit_goes_on_behind_the_answers_of_a_lower_one(tmp_path, data, monkeypatch):
    from deepsuper.evaluation.engine import decoder

    asked = []
    original = decoder.score_choices
    monkeypatch.setattr(decoder, "score_choices", lambda *a: asked.extend(a[1]) or original(*a))
    row = {**ROWS["xcopa"], "premise": "The sun was out."}
    (data / "xcopa" / "zh.jsonl").write_text(json.dumps(ROWS["xcopa"]) + "\n" + json.dumps(row) + "\n")
    assert evaluate(tmp_path, data, "--benchmarks", "xcopa", "--limit", "1")["scores"]["xcopa/zh"]["items"] == 1
    assert len(asked) == 2
    assert evaluate(tmp_path, data, "--benchmarks", "xcopa")["scores"]["xcopa/zh"]["items"] == 2
    assert len(asked) == 4


def test_each_benchmark_has_a_limit_of_its_own(tmp_path, data):
    evaluate(tmp_path, data, "--benchmarks", "xcopa,mmlu", "--limit", "1")
    scores = evaluate(tmp_path, data, "--benchmarks", "xcopa")["scores"]
    assert {key: (score["limit"], score["items"]) for key, score in scores.items()} == {
        "xcopa/zh": (None, 2),
        "mmlu/zh": (1, 1),
    }


def test_what_is_done_is_known_under_another_spelling_of_its_paths(tmp_path, data, monkeypatch):
    first = evaluate(tmp_path, data, "--benchmarks", "xcopa")
    moved = shutil.copytree(data, tmp_path / "elsewhere")
    with gzip.open(moved / "xcopa" / "zh.jsonl.gz", "wb") as file:
        file.write((moved / "xcopa" / "zh.jsonl").read_bytes())
    (moved / "xcopa" / "zh.jsonl").unlink()
    monkeypatch.setattr("deepsuper.evaluation.run.load_harness_model", lambda *_, **__: pytest.fail("loaded"))
    monkeypatch.chdir(tmp_path)
    line = ["eval", "base-llama", "--data_dir", "elsewhere", "--output_dir", "out", "--langs", "zh"]
    main([*line, "--benchmarks", "xcopa", "--comet_model", "none"])
    assert json.loads((tmp_path / "out" / "base-llama" / "paper" / "results.json").read_text()) == first


@pytest.mark.slow
def test_scores_of_other_weights_are_named_before_they_go(tmp_path, data, caplog):
    evaluate(tmp_path, data, "--benchmarks", "xcopa,mmlu")
    make_model("llama", seed=7).save_pretrained(Path(make_run(tmp_path).model.name))
    assert set(evaluate(tmp_path, data, "--benchmarks", "xcopa")["scores"]) == {"xcopa/zh"}
    assert "xcopa/zh, mmlu/zh: scores of other weights, which the first new score will replace" in caplog.text


@pytest.mark.parametrize(
    ("name", "words"),
    [("paper/results.json", "results.json: is no result of `deepsuper eval`"), ("answers-*.db", ".db: is broken")],
)
def test_a_broken_file_of_an_earlier_run_is_named(tmp_path, data, capsys, name, words):
    evaluate(tmp_path, data, "--benchmarks", "xcopa")
    (file,) = (tmp_path / "out" / "base-llama").glob(name)
    file.write_bytes(b"{broken" * 999)
    line = ["eval", str(tmp_path / "base-llama"), "--data_dir", str(data), "--output_dir", str(tmp_path / "out")]
    assert words in fail(capsys, *line, "--langs", "zh", "--benchmarks", "xcopa")


def test_other_backends_know_a_folder_by_its_weights(tmp_path, data):
    options = ("--benchmarks", "xcopa", "--backend", "dummy")
    first = evaluate(tmp_path, data, *options)
    make_model("llama", seed=7).save_pretrained(Path(make_run(tmp_path).model.name))
    assert first["asked"]["files"] != evaluate(tmp_path, data, *options)["asked"]["files"] != {}


def test_a_score_that_lacks_a_field_is_named(tmp_path, data, capsys):
    results = evaluate(tmp_path, data, "--benchmarks", "xcopa")
    del results["scores"]["xcopa/zh"]["asks"]
    (tmp_path / "out" / "base-llama" / "paper" / "results.json").write_text(json.dumps(results))
    line = ["eval", str(tmp_path / "base-llama"), "--data_dir", str(data), "--output_dir", str(tmp_path / "out")]
    assert "xcopa/zh has no 'asks'" in fail(capsys, *line, "--langs", "zh", "--benchmarks", "xcopa")


HOLD = """
import pathlib, sys, time
from deepsuper.common.files import alone_in
with alone_in(pathlib.Path(sys.argv[1]), "output_dir"):
    print("in", flush=True)
    time.sleep(600)
"""


@pytest.mark.slow
def test_a_model_is_evaluated_by_one_run_at_a_time_and_a_killed_run_locks_nothing(tmp_path, data, capsys):
    folder = tmp_path / "out" / "base-llama"
    line = ("eval", make_run(tmp_path).model.name, "--data_dir", str(data), "--output_dir", str(tmp_path / "out"))
    asked = ("--langs", "zh", "--benchmarks", "xcopa")
    with subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE, text=True) as other:
        try:
            assert other.stdout.readline() == "in\n"
            said = fail(capsys, *line, *asked)
        finally:
            other.kill()
    assert said.endswith(
        f"output_dir {folder}: another run is writing there: wait until it has ended, or choose another --output_dir"
    )
    assert not list(folder.glob("*/results.json"))
    assert evaluate(tmp_path, data, "--benchmarks", "xcopa")["scores"]


@pytest.mark.slow
def test_runs_of_several_models_take_turns_at_what_the_harness_reads(tmp_path, data):
    released = []

    def hold() -> None:
        with alone_in(tmp_path / "out" / ".tasks", "output_dir"):
            there.set()
            time.sleep(2)
            released.extend(tmp_path.glob("out/.tasks/*.jsonl"))
            released.append("at the end")

    there = threading.Event()
    other = threading.Thread(target=hold)
    other.start()
    assert there.wait(60)
    assert evaluate(tmp_path, data, "--benchmarks", "xcopa")["scores"]
    other.join()
    assert released == ["at the end"], "rows were written while another run was at work there"


@pytest.mark.slow
def test_the_table_has_what_was_asked_in_that_order_and_then_what_was_there(tmp_path, data, capsys):
    evaluate(tmp_path, data, "--benchmarks", "xnli")
    evaluate(tmp_path, data, "--benchmarks", "xcopa")
    capsys.readouterr()
    evaluate(tmp_path, data, "--benchmarks", "mmlu,xcopa")
    table = capsys.readouterr().out
    assert sorted(("mmlu/zh", "xcopa/zh", "xnli/zh"), key=table.index) == ["mmlu/zh", "xcopa/zh", "xnli/zh"]
