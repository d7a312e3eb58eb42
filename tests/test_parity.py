"""The `paper` profile is the harness's own built-in task on the same rows and model, to the last digit."""

from __future__ import annotations

import json
import sys

import datasets
import pytest

from deepsuper.cli import main
from deepsuper.evaluation.benchmarks import BENCHMARKS
from deepsuper.evaluation.decoder import Decoder
from deepsuper.evaluation.harness import provide_squad_metrics, task_manager
from deepsuper.evaluation.local import local_file, read_rows
from deepsuper.evaluation.official import convert
from shared import SHARED
from test_evaluation import ROWS
from tiny import make_model, make_tokenizer

HARNESS = [name for name, benchmark in BENCHMARKS.items() if not benchmark.own]
REAL = {"xquad": "xquad", "xcopa": "xcopa", "truthfulqa": "truthfulqa", "mmlu": "m_mmlu"}
SPLITS = ("train", "dev", "validation", "val", "eval", "test")


def made_up(name: str, language: str, n: int) -> dict:
    """Rows that differ, so that a score is between 0 and 1."""
    row = json.loads(json.dumps(ROWS[name]).replace("it is", f"it {'abc'[n % 3] * n} is").replace("wet", "wet" * n))
    label = {"xnli": ("label", 3), "xcopa": ("label", 2), "xstorycloze": ("label", 2), "mmlu": ("answer", 4)}.get(name)
    return {**row, "id": f"{n}", **({label[0]: n % label[1]} if label else {})}


@pytest.fixture
def rows(tmp_path):
    """Real rows where they are at hand, else made up in the layout's fields."""
    folder = tmp_path / "data"
    for name in HARNESS:
        (folder / name).mkdir(parents=True)
        if name in REAL and SHARED.is_dir():
            convert(name, SHARED / "data" / "benchmarks" / REAL[name], folder, ["zh", "vi"])
        for language in (v for v in BENCHMARKS[name].tasks if local_file(folder, name, v) is None):
            lines = (json.dumps(made_up(name, language, n)) + "\n" for n in range(1, 7))
            (folder / name / f"{language}.jsonl").write_text("".join(lines))
    return folder


@pytest.mark.parametrize("language", ["zh", "ar"])
def test_the_paper_profile_is_the_harness(tmp_path, rows, language, monkeypatch):
    from lm_eval import simple_evaluate
    from lm_eval.models.huggingface import HFLM

    # A random model never answers right: a piece of the passage does sometimes, and shows how it is scored.
    for kind in (HFLM, Decoder):
        monkeypatch.setattr(
            kind, "generate_until", lambda self, requests, **_: [request.args[0][8:90] for request in requests]
        )
    model, tokenizer = make_model("llama"), make_tokenizer()
    model.save_pretrained(tmp_path / "tiny")
    tokenizer.save_pretrained(tmp_path / "tiny")
    line = ["eval", str(tmp_path / "tiny"), "--data_dir", str(rows), "--output_dir", str(tmp_path / "out")]
    main([*line, "--langs", language, "--limit", "6", "--batch_size", "4", "--benchmarks", ",".join(HARNESS)])
    ours = json.loads((tmp_path / "out" / "tiny" / "paper" / "results.json").read_text())["scores"]
    here = {}

    def from_disk(path, name=None, **_):
        part = datasets.Dataset.from_list(here["rows"])
        return datasets.DatasetDict(dict.fromkeys(SPLITS, part))

    monkeypatch.setattr(datasets, "load_dataset", from_disk)
    provide_squad_metrics()
    lm = HFLM(pretrained=model.eval(), tokenizer=tokenizer, batch_size=4)
    for name in HARNESS:
        benchmark = BENCHMARKS[name]
        if language not in benchmark.tasks:
            continue
        here["rows"] = read_rows(local_file(rows, name, language), benchmark)[:6]
        task = benchmark.tasks[language]
        theirs = simple_evaluate(model=lm, tasks=[task], task_manager=task_manager(), bootstrap_iters=0)["results"]
        assert ours[f"{name}/{language}"]["mean"] == theirs[task][f"{benchmark.metric},none"]
        if benchmark.generates:
            assert ours[f"{name}/{language}"]["exact_match"]["mean"] == theirs[task]["exact_match,none"]
    assert any(0.0 < ours[f"{name}/{language}"]["mean"] < 1.0 for name in ("xquad", "mlqa"))


def test_the_harness_finds_a_squad_scorer():
    provide_squad_metrics()
    from transformers.data.metrics import squad_metrics

    assert sys.modules["transformers.data.metrics.squad_metrics"] is squad_metrics
    assert squad_metrics.compute_f1("the sky blue", "blue") == pytest.approx(2 / 3)
