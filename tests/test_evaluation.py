"""Evaluation: scorers against the official scripts, local files, the harness on tiny models, resuming."""

from __future__ import annotations

import gc
import gzip
import io
import json
import re
import shutil
import unicodedata
import weakref
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from deepsuper.cli import main
from deepsuper.config import LoraConfig, ModelConfig
from deepsuper.evaluation.benchmarks import BENCHMARKS, file_language
from deepsuper.evaluation.fidelity import in_language
from deepsuper.evaluation.items import read_item_lines, summarise
from deepsuper.evaluation.local import read_rows
from deepsuper.evaluation.measures import MEASURES
from deepsuper.evaluation.profiles import _PROMPTS
from deepsuper.evaluation.scorers import best, exact_match, f1, mkqa_f1, mkqa_rules, mlqa_rules, squad_rules
from deepsuper.evaluation.terminal import print_table
from deepsuper.models import add_lora, load_model, load_tokenizer
from deepsuper.run_folder import json_line, write_json_lines
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
    "mkqa": {"question": "which colour", "answers": ["blue", "sky blue"]},
    "flores": {"text": "天是蓝色的", "english": "the sky is blue"},
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
     ("the largest city of the country", "en", True), ("法国最大的城市", "en", False),
     ("أكبر مدينة في البلاد", "en", False), ("法国最大的城市", "vi", False),
     ("La plus grande ville de France", "en", False), ("Die größte Stadt des Landes", "vi", False),
     ("Paris", "vi", None), ("Paris", "en", None), ("New York", "vi", None), ("Paris", "zh", False),
     ("Hà Nội", "vi", True), ("Hà Nội", "en", False), ("Napoleon Bonaparte, Emperor Napoleon", "en", None),
     ("پاریس پایتخت فرانسه است", "ar", False), ("فرانس کا دارالحکومت پیرس ہے", "ar", False),
     ("أكبر مدينة في البلاد", "ar", True), ("پاریس", "ar", True), ("saluton", "eo", None), ("", "en", None)],
)  # fmt: skip
def test_language_of_an_answer(text, language, want):
    assert in_language(text, language) is want
    assert in_language(unicodedata.normalize("NFD", text), language) is want


def test_the_language_of_an_answer_does_not_depend_on_what_else_uses_the_identifier():
    import py3langid

    py3langid.set_languages(["fr", "de"])
    assert in_language("the largest city of the country", "en") is True
    assert py3langid.classify("the largest city of the country")[0] in ("fr", "de")
    py3langid.set_languages(None)


def test_a_score_says_of_how_many_answers_the_language_can_be_told_and_how_many_are_empty():
    said = ["thành phố lớn nhất của nước Pháp", "Paris", " ", "the largest city of the country"]
    items = [
        {"prediction": text, "in_language": in_language(text, "vi"), "f1": 0.0, "exact_match": 0.0} for text in said
    ]
    score = summarise(items, BENCHMARKS["xquad"])
    assert (score["items"], score["in_language"]["items"], score["in_language"]["mean"]) == (4, 2, 0.5)
    assert score["empty"]["mean"] == 0.25
    console = Console(width=200, file=io.StringIO(), color_system=None)
    print_table(console, {"m": {"xquad/vi": score}})
    assert re.search(
        r"xquad/vi +. F1 .* in language 50\.0 \(.* to .*\) of 2 that can be told; empty 25\.0", console.file.getvalue()
    )


ODD = st.text(st.sampled_from('\ud800\u2028\u2029\x85\x00\x1b\x7f\t"\\\n\r\u202e\u2066\u200f\ufeff</script>ب猫'))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "id": st.integers() | ODD,
                "prediction": st.text(st.characters()) | ODD,
                "golds": st.lists(ODD, max_size=2),
            }
        ),
        max_size=4,
    )
)
def test_items_are_read_as_they_were_written(tmp_path_factory, items):
    file = tmp_path_factory.getbasetemp() / "xquad.zh.jsonl"
    write_json_lines(file, items)
    # Two halves of a pair side by side are one character in JSON.
    assert list(read_item_lines(file)) == json.loads(json.dumps(items))


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters()), ODD)
def test_no_prediction_breaks_a_file(tmp_path_factory, one, two):
    path = tmp_path_factory.getbasetemp() / "items.jsonl"
    path.write_text(json_line({"prediction": one}) + json_line({"prediction": two}), encoding="utf-8", newline="")
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["prediction"] for line in lines] == [one, two]


def test_a_share_has_wilsons_interval_and_never_an_empty_one():
    n, z = 48, 1.959964
    none = MEASURES["acc"].interval([{"acc": 0.0}] * n)
    assert (none.mean, none.low, none.high) == pytest.approx((0.0, 0.0, z**2 / (n + z**2)))
    every = MEASURES["in_language"].interval([{"in_language": True}] * n + [{"in_language": None}])
    assert (every.mean, every.low, every.high) == pytest.approx((1.0, n / (n + z**2), 1.0))
    some = MEASURES["exact_match"].interval([{"exact_match": float(k < 12)} for k in range(n)])
    middle, half = (12 + z**2 / 2) / (n + z**2), z * (12 * 36 / n + z**2 / 4) ** 0.5 / (n + z**2)
    assert (some.mean, some.low, some.high) == pytest.approx((0.25, middle - half, middle + half))
    assert some.stderr == pytest.approx((0.25 * 0.75 / 47) ** 0.5)
    assert MEASURES["f1"].interval([{"f1": 0.0}] * n).high == 0.0  # a bootstrap: F1 is no share of items


@pytest.fixture
def data(tmp_path):
    """Two rows of every benchmark and language, made up in the layout's fields."""
    for name, benchmark in BENCHMARKS.items():
        (tmp_path / "data" / name).mkdir(parents=True)
        for language in {file_language(variant) for variant in benchmark.tasks}:
            rows = [{**ROWS[name], "id": f"{name}-{n}"} for n in range(2)]
            (tmp_path / "data" / name / f"{language}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path / "data"


def evaluate(tmp_path, data, *options: str, profile: str = "paper") -> dict:
    name = make_run(tmp_path).model.name
    line = ["eval", name, "--data_dir", str(data), "--output_dir", str(tmp_path / "out"), "--langs", "zh"]
    main([*line, "--comet_model", "none", "--profile", profile, *options])
    return json.loads((tmp_path / "out" / "base-llama" / profile.split(",")[-1] / "results.json").read_text())


def read_items(tmp_path, key: str, profile: str = "paper") -> list[dict]:
    file = tmp_path / "out" / "base-llama" / profile / "items" / f"{key.replace('/', '.')}.jsonl"
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def test_every_benchmark_runs_on_local_rows_and_keeps_every_item(tmp_path, data, capsys):
    record = evaluate(tmp_path, data, profile="paper,corrected")
    want = {f"{name}/zh" for name in BENCHMARKS if name != "flores"} | {"flores/en-zh", "flores/zh-en"}
    for profile in ("paper", "corrected"):
        record = json.loads((tmp_path / "out" / "base-llama" / profile / "results.json").read_text())
        assert set(record["scores"]) == want and record["asked"]["profile"] == profile
        for key, score in record["scores"].items():
            items = read_items(tmp_path, key, profile)
            assert score["items"] == len(items) == 2 and len(score["data"]["sha256"]) == 64
            assert score["mean"] == pytest.approx(MEASURES[score["metric"]].of(items))
            assert score["low"] <= score["mean"] <= score["high"] and score["stderr"] >= 0.0
            assert items[0]["id"] == f"{key.split('/')[0]}-0"
    assert "score in percent" in capsys.readouterr().out


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


@pytest.mark.parametrize("change", ["prompt", "scoring"])
def test_a_changed_prompt_or_score_is_evaluated_anew_and_the_rest_keeps_its_own_versions(
    tmp_path, data, monkeypatch, change
):
    options = ("--benchmarks", "xcopa,xquad")
    before = evaluate(tmp_path, data, *options, profile="corrected")["scores"]
    monkeypatch.setattr("deepsuper.evaluation.run._versions", lambda: {"lm_eval": "9"})
    if change == "scoring":
        monkeypatch.setattr("deepsuper.evaluation.plan.SCORING", 0)
    else:
        monkeypatch.setitem(_PROMPTS, "xcopa/zh", {"doc_to_text": "{{premise}} so"})
    after = evaluate(tmp_path, data, *options, profile="corrected")["scores"]
    again = {key for key in before if after[key]["asks"] != before[key]["asks"]}
    assert again == ({"xcopa/zh"} if change == "prompt" else set(before))
    for key in before:
        assert (after[key]["versions"] == {"lm_eval": "9"}) == (key in again)
        assert key in again or after[key] == before[key]
    if change == "prompt":
        assert read_items(tmp_path, "xcopa/zh", "corrected")[0]["prompt"] == "It rained. so"


def test_scores_of_before_the_task_was_kept_are_done(tmp_path, data, monkeypatch):
    before = evaluate(tmp_path, data, "--benchmarks", "xcopa")
    file = tmp_path / "out" / "base-llama" / "paper" / "results.json"
    for name in ("asks", "versions", "command"):
        del before["scores"]["xcopa/zh"][name]
    before |= {"versions": {"lm_eval": "0.4.0"}, "command": ["eval"]}
    file.write_text(json.dumps(before))
    after = evaluate(tmp_path, data, "--benchmarks", "xcopa,xnli")
    assert after["scores"].pop("xnli/zh")["versions"]["lm_eval"] == metadata.version("lm_eval")
    assert after == before


def test_an_absent_file_is_named_and_left_out_or_with_strict_an_error(tmp_path, data, caplog, capsys):
    (data / "xnli" / "zh.jsonl").unlink()
    record = evaluate(tmp_path, data, "--benchmarks", "xcopa,xnli")
    assert set(record["scores"]) == {"xcopa/zh"} and "has no xnli/zh.jsonl (https://" in caplog.text
    name = make_run(tmp_path).model.name
    line = ["--data_dir", str(data), "--langs", "zh", "--output_dir", str(tmp_path / "out")]
    assert "xnli/zh.jsonl" in fail(capsys, "eval", name, *line, "--strict")


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
    raise ValueError("no network")


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


def test_results_of_another_model_or_of_more_items_are_not_replaced(tmp_path, data, monkeypatch, capsys):
    def line(model: str, *options: str) -> list[str]:
        start = ["eval", model, "--backend", "dummy", "--data_dir", str(data), "--output_dir", str(tmp_path / "out")]
        return [*start, "--langs", "zh", "--benchmarks", "xcopa", *options]

    main(line("demo-zh/tft", "--limit", "1"))
    file = tmp_path / "out" / "tft" / "paper" / "results.json"
    main(line("demo-zh/tft", "--limit", "2"))
    whole = file.read_text()
    assert json.loads(whole)["scores"]["xcopa/zh"]["limit"] == 2
    monkeypatch.setattr("deepsuper.evaluation.run.load_harness_model", lambda *_, **__: pytest.fail("loaded"))
    for options, words in (
        (["demo-vi/tft"], "holds results of model demo-zh/tft, backend dummy, and asked is model demo-vi"),
        (["demo-zh/tft", "--limit", "1"], "holds xcopa/zh with limit 2, and asked is limit 1: choose another"),
        (["demo-zh/tft", "--dtype", "float16"], "and asked is model demo-zh/tft, dtype float16"),
    ):
        said = fail(capsys, *line(*options))
        assert words in said and f"output_dir {file.parent}: " in said and file.read_text() == whole


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--benchmarks", "magic"], "benchmarks: need some of xquad,mlqa"),
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


class Stopped(Exception):
    """Stands for a power cut."""


def test_an_interrupted_benchmark_goes_on_behind_its_last_answer(tmp_path, data, monkeypatch):
    from deepsuper.evaluation import decoder

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


def test_the_profiles_share_the_answers_to_what_they_ask_alike(tmp_path, data, monkeypatch):
    evaluate(tmp_path, data, "--benchmarks", "xquad")
    monkeypatch.setattr("deepsuper.evaluation.decoder.decode", lambda *_: pytest.fail("asked again"))
    evaluate(tmp_path, data, "--benchmarks", "xquad", profile="corrected")


def test_a_model_trained_anew_is_evaluated_anew(tmp_path, data):
    first = evaluate(tmp_path, data, "--benchmarks", "xcopa")
    folder = Path(make_run(tmp_path).model.name)
    make_model("llama", seed=7).save_pretrained(folder)
    second = evaluate(tmp_path, data, "--benchmarks", "xcopa")
    assert first["asked"]["files"] != second["asked"]["files"]
    assert first["asked"]["files"].keys() == second["asked"]["files"].keys() == {"model.safetensors"}


def test_several_processes_are_refused(tmp_path, data, monkeypatch, capsys):
    monkeypatch.setenv("WORLD_SIZE", "2")
    line = ["eval", "anything", "--data_dir", str(data), "--output_dir", str(tmp_path / "out")]
    assert "eval runs in one process" in fail(capsys, *line)


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
    from deepsuper.evaluation import comet

    items = [{"source": "s", "prediction": f"p{n}", "gold": "g", "language": "zh", "in_language": True} for n in (1, 2)]
    monkeypatch.setattr(comet, "comet_python", lambda: (None, "no COMET: make comet"))
    comet.add_comet(items, "a/model")
    assert "make comet" in caplog.text and summarise(items, BENCHMARKS["flores"])["comet"] is None
    monkeypatch.setattr(comet, "comet_python", lambda: (Path("python"), ""))
    monkeypatch.setattr(comet, "comet_scores", lambda *_, **__: [0.25, 0.75])
    comet.add_comet(items, "a/model")
    assert [item["comet"] for item in items] == [0.25, 0.75]
    assert summarise(items, BENCHMARKS["flores"])["comet"]["mean"] == 0.5


def test_translations_get_their_comet_when_it_is_at_hand(tmp_path, data, monkeypatch):
    from deepsuper.evaluation import comet

    def run(model: str) -> dict:
        return evaluate(tmp_path, data, "--benchmarks", "flores", "--comet_model", model)["scores"]["flores/en-zh"]

    monkeypatch.setattr(comet, "comet_python", lambda: (None, "no COMET: make comet"))
    before = run("a/model")
    assert before["comet"] is None
    monkeypatch.setattr("deepsuper.evaluation.run.load_harness_model", lambda *_, **__: pytest.fail("loaded again"))
    monkeypatch.setattr(comet, "comet_python", lambda: (Path("python"), ""))
    monkeypatch.setattr(comet, "comet_version", lambda _: "2.2.7")
    monkeypatch.setattr(comet, "comet_scores", lambda *_, **__: [0.25, 0.75])
    after = run("a/model")
    scored = after.pop("comet")
    assert (scored["mean"], scored["model"], scored["version"]) == (0.5, "a/model", "2.2.7")
    assert after == {name: value for name, value in before.items() if name != "comet"}
    monkeypatch.setattr(comet, "comet_scores", lambda *_, **__: pytest.fail("scored again"))
    assert run("a/model")["comet"] == run("none")["comet"] == scored


def test_translations_get_their_spbleu_when_its_tokenizer_is_at_hand(tmp_path, data, monkeypatch):
    def interval(*_, **__):
        raise OSError("no network")

    def run() -> dict:
        return evaluate(tmp_path, data, "--benchmarks", "flores")["scores"]["flores/en-zh"]

    monkeypatch.setitem(MEASURES, "spbleu", replace(MEASURES["bleu"], numbers=interval))
    before = run()
    assert before["spbleu"] is None and before["bleu"]["mean"] >= 0.0
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
    from deepsuper.evaluation import decoder

    asked = []
    original = decoder.score_choices
    monkeypatch.setattr(decoder, "score_choices", lambda *a: asked.extend(a[1]) or original(*a))
    row = {**ROWS["xcopa"], "premise": "The sun was out."}
    (data / "xcopa" / "zh.jsonl").write_text(json.dumps(ROWS["xcopa"]) + "\n" + json.dumps(row) + "\n")
    assert evaluate(tmp_path, data, "--benchmarks", "xcopa", "--limit", "1")["scores"]["xcopa/zh"]["items"] == 1
    assert len(asked) == 2
    assert evaluate(tmp_path, data, "--benchmarks", "xcopa")["scores"]["xcopa/zh"]["items"] == 2
    assert len(asked) == 4


def test_rows_without_an_id_are_named_by_their_place(tmp_path, data):
    rows = [{**ROWS["xcopa"], "premise": f"It rained on day {n}."} for n in range(2)]
    (data / "xcopa" / "zh.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    evaluate(tmp_path, data, "--benchmarks", "xcopa")
    assert [item["id"] for item in read_items(tmp_path, "xcopa/zh")] == ["xcopa-0", "xcopa-1"]


def test_each_benchmark_has_a_limit_of_its_own(tmp_path, data):
    evaluate(tmp_path, data, "--benchmarks", "xcopa,mmlu", "--limit", "1")
    scores = evaluate(tmp_path, data, "--benchmarks", "xcopa")["scores"]
    assert {key: (score["limit"], score["items"]) for key, score in scores.items()} == {
        "xcopa/zh": (None, 2),
        "mmlu/zh": (1, 1),
    }


def test_records_of_one_limit_for_all_are_read_on(tmp_path, data, monkeypatch):
    scores = evaluate(tmp_path, data, "--benchmarks", "xcopa", "--limit", "1")
    for score in scores["scores"].values():
        del score["limit"]
    scores["asked"]["limit"] = 1
    (tmp_path / "out" / "base-llama" / "paper" / "results.json").write_text(json.dumps(scores))
    monkeypatch.setattr("deepsuper.evaluation.run.load_harness_model", lambda *_, **__: pytest.fail("loaded"))
    evaluate(tmp_path, data, "--benchmarks", "xcopa", "--limit", "1")


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


def test_scores_of_other_weights_are_named_before_they_go(tmp_path, data, caplog):
    evaluate(tmp_path, data, "--benchmarks", "xcopa,mmlu")
    make_model("llama", seed=7).save_pretrained(Path(make_run(tmp_path).model.name))
    assert set(evaluate(tmp_path, data, "--benchmarks", "xcopa")["scores"]) == {"xcopa/zh"}
    assert "xcopa/zh, mmlu/zh: scores of other weights than now" in caplog.text


@pytest.mark.parametrize(
    ("name", "words"),
    [("paper/results.json", "results.json: is no record of an evaluation"), ("answers-*.db", ".db: is broken")],
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


def test_an_adapter_without_a_tokenizer_has_its_bases(tmp_path):
    name = make_run(tmp_path).model.name
    adapter = add_lora(load_model(ModelConfig(name)), LoraConfig(r=2))
    adapter.save_pretrained(tmp_path / "adapter")
    want = load_tokenizer(ModelConfig(name))
    assert load_tokenizer(ModelConfig(str(tmp_path / "adapter"))).get_vocab() == want.get_vocab()


def test_what_comet_lacks_is_said_once_for_all_translations(monkeypatch, caplog):
    from deepsuper.evaluation import comet

    monkeypatch.setattr(comet, "comet_python", lambda: (None, "no COMET: make comet"))
    of_run = comet.Comet("a/model")
    items = [{"source": "a", "prediction": "b", "gold": "c"}]
    assert of_run.add(items) is of_run.add(items) is None
    assert caplog.text.count("make comet") == 1
