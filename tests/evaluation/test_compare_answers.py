"""compare: the share of answers in the language stands with how many can be told and how many are empty."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from deepsuper.evaluation.compare.grids import grids
from deepsuper.evaluation.compare.report import FORMATS, as_csv
from result_folders import compared, write_run
from test_compare_formats import unlatex


def answers(folder: Path, *languages: bool | None, said: str = "x") -> Path:
    """A run on XQuAD. `languages`: of each answer whether it is in the language; None: an empty one."""
    items = [
        {"id": n, "f1": 0.5, "in_language": spoken, "prediction": "" if spoken is None else said}
        for n, spoken in enumerate(languages)
    ]
    return write_run(folder, {"xquad/zh": ("f1", items)}, model=folder.name)


@pytest.fixture
def comparison(tmp_path):
    return compared(answers(tmp_path / "a", True, None, None, None), answers(tmp_path / "b", None, None, None, None))


def test_a_share_stands_with_what_it_is_of(comparison):
    spoken = grids(comparison)[1]
    assert [[cell.text for cell in row] for row in spoken.rows] == [
        ["a", "in the language, %", "100.00"], ["", "can be told", "1 of 4"], ["", "empty, %", "75.00"],
        ["b", "in the language, %", "-"], ["", "can be told", "0 of 4"], ["", "empty, %", "100.00"],
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["text", "md", "latex", "html"])
def test_every_format_tells_both(comparison, name):
    said = FORMATS[name](comparison)
    said = unlatex(said) if name == "latex" else said
    assert all(words in said for words in ("can be told", "1 of 4", "0 of 4", "empty, %", "75.00"))
    assert "In the language: of the answers whose language can be told" in said


def test_the_long_form_has_them_as_fields(comparison):
    rows = [row for row in csv.DictReader(io.StringIO(as_csv(comparison))) if row["metric"] == "in_language"]
    assert [(row["mean"], row["items"], row["told"], row["empty"]) for row in rows] == [
        ("100.000000", "4", "1", "75.000000"), ("", "4", "0", "100.000000"),
    ]  # fmt: skip
