"""The `paper` profile is the harness's own built-in task on the same rows and model, to the last digit."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import datasets
import pytest

from deepsuper.cli import main
from deepsuper.evaluation.benchmarks import BENCHMARKS
from deepsuper.evaluation.engine.decoder import Decoder
from deepsuper.evaluation.harness import provide_squad_metrics, task_manager
from deepsuper.evaluation.items import items_file, read_item_lines
from deepsuper.evaluation.local import local_file, read_rows
from deepsuper.evaluation.official.convert import convert
from local_rows import ROWS
from shared import SHARED
from tiny import make_model, make_tokenizer

HARNESS = [name for name, benchmark in BENCHMARKS.items() if not benchmark.own]
REAL = {"xquad": "xquad", "xcopa": "xcopa", "truthfulqa": "truthfulqa", "mmlu": "m_mmlu"}
SPLITS = ("train", "dev", "validation", "val", "eval", "test")


def made_up(name: str, language: str, n: int) -> dict:
    """Rows that differ, so that a score is between 0 and 1."""
    row = json.loads(json.dumps(ROWS[name]).replace("it is", f"it {'abc'[n % 3] * n} is").replace("wet", "wet" * n))
    label = {"xnli": ("label", 3), "xcopa": ("label", 2), "xstorycloze": ("label", 2), "mmlu": ("answer", 4)}.get(name)
    return {**row, "id": f"{n}", **({label[0]: n % label[1]} if label else {})}


def write_rows(folder: Path, language: str) -> Path:
    """Real rows where they are at hand, else made up in the layout's fields."""
    for name in HARNESS:
        if language not in BENCHMARKS[name].tasks:
            continue
        (folder / name).mkdir(parents=True)
        source = SHARED / "data" / "benchmarks" / REAL.get(name, "absent")
        if source.is_dir():
            convert(name, source, folder, [language])
        if local_file(folder, name, language) is None:
            lines = (json.dumps(made_up(name, language, n)) + "\n" for n in range(1, 7))
            (folder / name / f"{language}.jsonl").write_text("".join(lines))
    return folder


class Both:
    """A tiny random model by the command and by the harness's own entry point."""

    def __init__(self, folder: Path, rows: Path, language: str, names: list[str], monkeypatch) -> None:
        from lm_eval.models.huggingface import HFLM

        self.rows, self.language, self.patch = rows, language, monkeypatch
        model, tokenizer = make_model("llama"), make_tokenizer()
        model.save_pretrained(folder / "tiny")
        tokenizer.save_pretrained(folder / "tiny")
        line = ["eval", str(folder / "tiny"), "--data_dir", str(rows), "--output_dir", str(folder / "out")]
        main([*line, "--langs", language, "--limit", "6", "--batch_size", "4", "--benchmarks", ",".join(names)])
        self.folder = folder / "out" / "tiny" / "paper"
        self.ours = json.loads((self.folder / "results.json").read_text())["scores"]
        self.lm = HFLM(pretrained=model.eval(), tokenizer=tokenizer, batch_size=4)

    def theirs(self, name: str) -> tuple[dict, list[dict]]:
        """Scores and samples of the built-in task, which takes our rows for the hub's."""
        from lm_eval import simple_evaluate

        rows = read_rows(local_file(self.rows, name, self.language), BENCHMARKS[name], self.language)[:6]
        part = datasets.Dataset.from_list(rows)
        self.patch.setattr(datasets, "load_dataset", lambda *_, **__: datasets.DatasetDict(dict.fromkeys(SPLITS, part)))
        provide_squad_metrics()
        task = BENCHMARKS[name].tasks[self.language]
        done = simple_evaluate(model=self.lm, tasks=[task], task_manager=task_manager(), bootstrap_iters=0)
        return done["results"][task], done["samples"][task]


@pytest.mark.slow
@pytest.mark.parametrize("language", ["zh", "vi", "ar", "en"])
def test_the_paper_profile_is_the_harness(tmp_path, language, monkeypatch):
    from lm_eval.models.huggingface import HFLM

    # A random model never answers right: a piece of the passage does sometimes, and shows how it is scored.
    for kind in (HFLM, Decoder):
        monkeypatch.setattr(
            kind, "generate_until", lambda self, requests, **_: [request.args[0][8:90] for request in requests]
        )
    rows = write_rows(tmp_path / "data", language)
    both = Both(tmp_path, rows, language, HARNESS, monkeypatch)
    for name in (name for name in HARNESS if language in BENCHMARKS[name].tasks):
        benchmark, ours = BENCHMARKS[name], both.ours[f"{name}/{language}"]
        theirs, _ = both.theirs(name)
        assert ours["mean"] == theirs[f"{benchmark.metric},none"]
        if benchmark.generates:
            assert ours["exact_match"]["mean"] == theirs["exact_match,none"]
    assert any(0.0 < both.ours[f"{name}/{language}"]["mean"] < 1.0 for name in ("xquad", "mlqa"))


@pytest.mark.slow
def test_what_a_model_writes_is_what_it_writes_in_the_harness(tmp_path, monkeypatch):
    (tmp_path / "data" / "xquad").mkdir(parents=True)
    words = ("sky", "Sea 7", "old, old hat", "what else?")
    rows = [{"id": w, "context": f"the {w} is {w * 2}", "question": f"{w[::-1]}", "answers": ["it"]} for w in words]
    (tmp_path / "data" / "xquad" / "en.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    both = Both(tmp_path, tmp_path / "data", "en", ["xquad"], monkeypatch)
    scores, samples = both.theirs("xquad")
    theirs = [s["filtered_resps"][0] for s in sorted(samples, key=lambda sample: sample["doc_id"])]
    ours = [item["prediction"] for item in read_item_lines(items_file(both.folder, "xquad/en"))]
    assert ours == theirs and len(set(ours)) > 1
    assert both.ours["xquad/en"]["mean"] == scores["f1,none"]


def test_the_harness_finds_a_squad_scorer():
    provide_squad_metrics()
    from transformers.data.metrics import squad_metrics

    assert sys.modules["transformers.data.metrics.squad_metrics"] is squad_metrics
    assert squad_metrics.compute_f1("the sky blue", "blue") == pytest.approx(2 / 3)
