"""Evaluation on tiny models: every benchmark through the harness, both profiles, backends, mistakes."""

from __future__ import annotations

import gc
import json
import weakref
from pathlib import Path

import pytest
import torch

from deepsuper.cli import main
from deepsuper.config import LoraConfig, ModelConfig
from deepsuper.evaluation.benchmarks import BENCHMARKS
from deepsuper.evaluation.items import summarise
from deepsuper.evaluation.measures import MEASURES
from deepsuper.models.adapters import add_lora
from deepsuper.models.load import load_model, load_tokenizer
from failing import fail
from local_rows import ROWS, evaluate, no_comet, read_items, write_rows
from result_folders import score_of
from runs import make_run
from tiny import make_model, make_tokenizer


@pytest.fixture
def data(tmp_path):
    return write_rows(tmp_path / "data")


@pytest.mark.slow
def test_every_benchmark_runs_on_local_rows_and_keeps_every_item(tmp_path, data, capsys):
    record = evaluate(tmp_path, data, profile="paper,corrected")
    want = {f"{name}/zh" for name in BENCHMARKS if name != "flores"} | {"flores/en-zh", "flores/zh-en"}
    for profile in ("paper", "corrected"):
        record = json.loads((tmp_path / "out" / "base-llama" / profile / "results.json").read_text())
        assert set(record["scores"]) == want and record["asked"]["profile"] == profile
        for key, score in record["scores"].items():
            items = read_items(tmp_path, key, profile)
            assert score["items"] == len(items) == 2 and len(score["data"]["sha256"]) == 64
            assert score["engine"] == "own"
            assert score["mean"] == pytest.approx(score_of(MEASURES[score["metric"]], items))
            assert score["low"] <= score["mean"] <= score["high"] and score["stderr"] >= 0.0
            assert items[0]["id"] == f"{key.split('/')[0]}-0"
    assert "score in percent" in capsys.readouterr().out


@pytest.mark.slow
def test_accuracy_and_mc1_equal_a_direct_computation(tmp_path, data):
    rows = [
        {**ROWS["truthfulqa"], "question": f"is it {word}", "mc1_label": n} for n, word in enumerate(("so", "no", "a"))
    ]
    (data / "truthfulqa" / "zh.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    scores = evaluate(tmp_path, data, "--benchmarks", "xcopa,mmlu,truthfulqa")["scores"]
    model, tokenizer = make_model("llama").eval(), make_tokenizer()

    def logprob(prompt: str, ending: str) -> float:
        whole = tokenizer(prompt + ending)["input_ids"]
        # A prompt that is too long loses its beginning; what is predicted last is not read.
        ids = whole[-model.config.max_position_embeddings - 1 :]
        start = len(tokenizer(prompt)["input_ids"]) - (len(whole) - len(ids))
        p = model(torch.tensor([ids[:-1]])).logits[0].log_softmax(dim=-1)
        return sum(p[n - 1, ids[n]].item() for n in range(start, len(ids)))

    # The harness puts the right choice of TruthfulQA first, as this project's rows give it to it.
    for name, right in (("xcopa", 0), ("mmlu", 1), ("truthfulqa", 0)):
        acc = []
        for item in read_items(tmp_path, f"{name}/zh"):
            want = [logprob(item["prompt"], choice) for choice in item["choices"]]
            assert item["logprobs"] == pytest.approx(want, abs=1e-3)
            acc.append(float(max(range(len(want)), key=want.__getitem__) == right))
            assert item["acc"] == acc[-1]
        assert scores[f"{name}/zh"]["mean"] == pytest.approx(sum(acc) / len(acc))
    asked = [(row["question"], row["mc1_choices"][row["mc1_label"]]) for row in rows]
    items = read_items(tmp_path, "truthfulqa/zh")
    assert [item["choices"][0].strip() for item in items] == [right for _, right in asked]
    assert all(question in item["prompt"] for (question, _), item in zip(asked, items, strict=True))


@pytest.mark.slow
def test_one_model_is_let_go_before_the_next_is_loaded(tmp_path, data, monkeypatch):
    from lm_eval.models.dummy import DummyLM

    loaded: list[weakref.ref] = []

    def load(*_):
        gc.collect()
        assert not any(one() for one in loaded)
        model = DummyLM()
        loaded.append(weakref.ref(model))
        return model

    monkeypatch.setattr("deepsuper.evaluation.run.load_harness_model", load)
    line = ["eval", "one", "two", "--backend", "dummy", "--data_dir", str(data), "--output_dir", str(tmp_path / "out")]
    main([*line, "--langs", "zh", "--benchmarks", "xcopa"])
    assert len(loaded) == 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--benchmarks", "xqad"], "xstorycloze,mmlu,flores,sib200, got 'xqad': did you mean xquad?"),
        (["--benchmarks", "magic"], "benchmarks: need some of xquad,mlqa"),
        (["--langs", "Chinese"], "langs: need some of ar,en,vi,zh, got 'Chinese': did you mean zh?"),
        (["--profile", "correct"], "profile: need some of paper,corrected, got 'correct': did you mean corrected?"),
        (["--langs", "sw"], "langs: need some of ar,en,vi,zh, got 'sw'"),
        (["--profile", "mine"], "profile: need some of paper,corrected, got 'mine'"),
        (["--backend", "magic"], "backend 'magic': "),
        (["--backend_args", "device"], "backend_args: need name=value with commas, got 'device'"),
        (["--langs", "en", "--benchmarks", "xcopa"], "langs: none of xcopa in en is there to run"),
        (["--limit", "0"], "limit: need at least 1, got 0"),
        (["--data_dir", "nowhere"], "data_dir: no such folder 'nowhere'"),
        (["other/base-llama"], "models: need names that end differently"),
    ],
)
def test_a_mistake_ends_in_one_line(tmp_path, capsys, options, words):
    assert words in fail(capsys, "eval", make_run(tmp_path).model.name, *options, "--output_dir", str(tmp_path / "out"))


def test_several_processes_are_refused(tmp_path, data, monkeypatch, capsys):
    monkeypatch.setenv("WORLD_SIZE", "2")
    line = ["eval", "anything", "--data_dir", str(data), "--output_dir", str(tmp_path / "out")]
    assert "eval runs in one process" in fail(capsys, *line)


@pytest.mark.slow
def test_other_backends_of_the_harness_run_by_name(tmp_path, data):
    line = ["eval", "anything", "--backend", "dummy", "--data_dir", str(data), "--output_dir", str(tmp_path / "out")]
    main([*line, "--comet_model", "none", "--langs", "zh,en", "--benchmarks", "xquad,mkqa,flores,xnli"])
    scores = json.loads((tmp_path / "out" / "anything" / "paper" / "results.json").read_text())["scores"]
    keys = {f"{name}/{lang}" for name in ("xquad", "mkqa", "xnli") for lang in ("zh", "en")}
    assert set(scores) == keys | {"flores/en-zh", "flores/zh-en"}
    items = (tmp_path / "out" / "anything" / "paper" / "items" / "mkqa.zh.jsonl").read_text().splitlines()
    assert [json.loads(item)["prediction"] for item in items] == ["lol", "lol"]
    assert scores["xquad/zh"]["in_language"]["mean"] == 0.0


PROMPTS = {  # made by hand from the rows above
    ("xnli", "ar"): ("choices", 2, " it rains, صحيح? لا, it is wet"),
    ("xcopa", "zh"): ("prompt", None, "It rained. 所以"),
    ("xcopa", "vi"): ("prompt", None, "It rained. vì vậy"),
    ("xstorycloze", "zh"): ("prompt", None, "a bc de fg h"),
    **{("truthfulqa", lang): ("prompt", None, "Q: is it so\nA:") for lang in ("zh", "vi", "ar")},
    ("xquad", "ar"): ("prompt", None, "سياق: the sky is blue\n\nسؤال: which colour\n\nإجابة:"),
}


@pytest.mark.slow
def test_what_the_corrected_profile_asks(tmp_path, data):
    line = ["eval", "anything", "--backend", "dummy", "--data_dir", str(data), "--output_dir", str(tmp_path / "out")]
    line += ["--comet_model", "none"]
    main([*line, "--profile", "paper,corrected"])
    for path in sorted((tmp_path / "out" / "anything" / "paper" / "items").iterdir()):
        benchmark, variant, _ = path.name.split(".")
        paper, corrected = (
            json.loads((tmp_path / "out" / "anything" / profile / "items" / path.name).read_text().splitlines()[0])
            for profile in ("paper", "corrected")
        )
        field, index, want = PROMPTS.get((benchmark, variant), ("prompt", None, paper["prompt"]))
        got = corrected[field] if index is None else corrected[field][index]
        assert got == want
        assert ((benchmark, variant) in PROMPTS) == (paper[field] != corrected[field])
    story = json.loads((tmp_path / "out/anything/corrected/items/xstorycloze.zh.jsonl").read_text().splitlines()[0])
    assert story["choices"] == ["good end", "bad end"]


@pytest.mark.slow
def test_the_corrected_profile_scores_by_the_official_rules_and_every_answer(tmp_path, data, monkeypatch):
    from lm_eval.models.dummy import DummyLM

    row = {"context": "蓝", "question": "色", "answers": ["红色", "天蓝色"], "id": "a"}
    (data / "xquad" / "zh.jsonl").write_text(json.dumps(row) + "\n")
    monkeypatch.setattr(DummyLM, "generate_until", lambda self, requests, **_: ["蓝色" for _ in requests])
    line = ["eval", "anything", "--backend", "dummy", "--data_dir", str(data), "--output_dir", str(tmp_path / "out")]
    line += ["--comet_model", "none"]
    main([*line, "--profile", "paper,corrected", "--benchmarks", "xquad", "--langs", "zh"])
    means = [
        json.loads((tmp_path / "out" / "anything" / profile / "results.json").read_text())["scores"]["xquad/zh"]["mean"]
        for profile in ("paper", "corrected")
    ]
    assert means == [0.0, pytest.approx(0.8)]  # two of three characters: P = 1, R = 2/3


def test_comet_is_added_to_each_translation_or_its_lack_is_said(monkeypatch, caplog):
    from deepsuper.evaluation.comet import scores as comet

    items = [{"source": "s", "prediction": f"p{n}", "gold": "g", "language": "zh", "in_language": True} for n in (1, 2)]
    monkeypatch.setattr(comet, "comet_python", no_comet)
    comet.Comet("a/model").add(items)
    assert "make comet" in caplog.text and summarise(items, BENCHMARKS["flores"])["comet"] is None
    monkeypatch.setattr(comet, "comet_python", lambda: Path("python"))
    monkeypatch.setattr(comet, "comet_scores", lambda *_, **__: [0.25, 0.75])
    comet.Comet("a/model").add(items)
    assert [item["comet"] for item in items] == [0.25, 0.75]
    assert summarise(items, BENCHMARKS["flores"])["comet"]["mean"] == 0.5


def test_an_adapter_without_a_tokenizer_has_its_bases(tmp_path):
    name = make_run(tmp_path).model.name
    adapter = add_lora(load_model(ModelConfig(name)), LoraConfig(r=2))
    adapter.save_pretrained(tmp_path / "adapter")
    want = load_tokenizer(ModelConfig(name))
    assert load_tokenizer(ModelConfig(str(tmp_path / "adapter"))).get_vocab() == want.get_vocab()


def test_what_comet_lacks_is_said_once_for_all_translations(monkeypatch, caplog):
    from deepsuper.evaluation.comet import scores as comet

    monkeypatch.setattr(comet, "comet_python", no_comet)
    of_run = comet.Comet("a/model")
    items = [{"source": "a", "prediction": "b", "gold": "c"}]
    assert of_run.add(items) is of_run.add(items) is None
    assert caplog.text.count("make comet") == 1
