"""A benchmark is one row of the table."""

from __future__ import annotations

import ast
import json
from dataclasses import replace
from pathlib import Path

import pytest

from deepsuper.cli import main, make_parser
from deepsuper.evaluation import benchmarks
from deepsuper.evaluation.benchmarks import BENCHMARKS
from local_rows import evaluate, write_rows


def test_no_other_file_of_the_evaluation_names_a_benchmark():
    """Texts that are a name alone; `compare` has an order of its own, and docstrings may give examples."""
    folder = Path(benchmarks.__file__).parent
    for file in set(folder.rglob("*.py")) - {folder / "benchmarks.py", *(folder / "compare").rglob("*.py")}:
        texts = {node.value for node in ast.walk(ast.parse(file.read_text("utf-8"))) if isinstance(node, ast.Constant)}
        assert not texts & set(BENCHMARKS), f"{file.name} names {sorted(texts & set(BENCHMARKS))}"


@pytest.fixture
def data(tmp_path, monkeypatch):
    """Local rows, and one more benchmark in the table. The parser lists the names and is kept: it is made again."""
    folder = write_rows(tmp_path / "data")
    row = replace(BENCHMARKS["truthfulqa"], name="mine", titles={"acc": "my accuracy"}, corrections={})
    monkeypatch.setitem(BENCHMARKS, "mine", row)
    make_parser.cache_clear()
    yield folder
    make_parser.cache_clear()


@pytest.mark.slow
def test_a_new_row_is_a_new_benchmark_everywhere(data, tmp_path, capsys):
    main(["data", "layout"])
    assert "mine/{en,zh,vi,ar}.jsonl: question, mc1_choices, mc1_label" in capsys.readouterr().out
    source = data / "truthfulqa" / "zh.jsonl"
    main(["data", "convert", "mine", str(source), "--data_dir", str(data), "--langs", "zh"])
    scores = evaluate(tmp_path, data, "--benchmarks", "mine,truthfulqa")["scores"]
    assert "my accuracy" in capsys.readouterr().out
    assert scores["mine/zh"]["mean"] == scores["truthfulqa/zh"]["mean"]
    assert json.loads((data / "mine" / "zh.jsonl").read_text().splitlines()[0])["mc1_label"] == 1
