"""compare: nothing is tested, averaged or called best among scores that were not made alike."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from deepsuper.evaluation.compare.grids import APART, MISSING, grids
from deepsuper.evaluation.compare.layout import Column
from deepsuper.evaluation.compare.pictures import draw_differences
from deepsuper.evaluation.compare.report import as_csv, as_html, as_latex, as_markdown, as_text
from result_folders import compared, made_up, write_run

COMET, CHRF = Column("flores", "en-zh", "comet"), Column("flores", "en-zh", "chrf")


def translated(folder: Path, seed: int, comet: str) -> Path:
    scores = {"flores/en-zh": made_up(seed, gain=seed / 10)["flores/en-zh"]}
    return write_run(folder / f"m{seed}", scores, model=f"m{seed}", comet=comet)


def test_comet_of_another_model_is_compared_to_nothing_and_the_rest_is(tmp_path):
    comparison = compared(translated(tmp_path, 0, "one"), translated(tmp_path, 1, "two"))
    assert [column for _, column, _ in comparison.differences()] == [CHRF]
    other = comparison.tables[1].rows[1].cells[COMET]
    assert other.apart == "COMET by two (unbabel-comet 2.2.7), but by one (unbabel-comet 2.2.7) in m0"
    assert not other.best and comparison.tables[0].rows[1].cells[CHRF].best
    assert f"never best. m1, flores/en-zh: {other.apart}" in as_text(comparison)


def test_comet_of_the_same_model_is_compared(tmp_path):
    comparison = compared(*(translated(tmp_path, n, "one") for n in range(2)))
    assert [column for _, column, _ in comparison.differences()] == [CHRF, COMET]


def test_comet_models_are_told_apart_where_the_baseline_has_no_comet(tmp_path):
    plain = made_up(5)["flores/en-zh"]
    items = [{name: value for name, value in item.items() if name != "comet"} for item in plain[1]]
    base = write_run(tmp_path / "base", {"flores/en-zh": ("chrf", items)})
    others = [translated(tmp_path, n, model) for n, model in enumerate(("one", "two"))]
    (_, comets) = compared(base, *others).tables
    assert [row.cells[COMET].apart is None for row in comets.rows] == [True, False]


def test_a_profile_is_never_taken_for_what_the_paper_reports(tmp_path):
    scores = {key: score for key, score in made_up(0, items=5).items() if key == "xquad/zh"}
    runs = [write_run(tmp_path / profile, scores, model="tft", profile=profile) for profile in ("paper", "corrected")]
    comparison = compared(*runs, paper="llama-2-7b")
    (table,) = comparison.tables
    names = {reported: {row.name for row in table.rows if row.reported is reported} for reported in (True, False)}
    assert names[False] == {"tft (paper)", "tft (corrected)"} and "tft (reported)" in names[True]
    assert "(reported): as the paper reports it" in as_text(comparison)


XCOPA = Column("xcopa", "zh", "acc")


def evaluated(folder: Path, profile: str, *gains: float) -> None:
    """`eval` of models m0, m1, ... in one profile: two benchmarks."""
    for n, gain in enumerate(gains):
        scores = {key: score for key, score in made_up(n, gain=gain).items() if key in ("xcopa/zh", "xnli/zh")}
        write_run(folder / f"m{n}" / profile, scores, model=f"m{n}", profile=profile)


def test_each_profile_has_its_own_baseline_best_and_averages(tmp_path):
    evaluated(tmp_path, "paper", 0.0, 0.4)
    evaluated(tmp_path, "corrected", 0.4, 0.0)
    comparison = compared(tmp_path)
    assert comparison.baselines == ("m0 (corrected)", "m0 (paper)")
    (table,) = comparison.tables
    assert [row.name for row in table.rows] == ["m0 (corrected)", "m1 (corrected)", "m0 (paper)", "m1 (paper)"]
    assert [(row.name, row.baseline) for row, column, _ in comparison.differences() if column == XCOPA] == [
        ("m1 (corrected)", "m0 (corrected)"), ("m1 (paper)", "m0 (paper)"),
    ]  # fmt: skip
    best = [True, False, False, True]
    assert [row.cells[XCOPA].best for row in table.rows] == [row.average.best for row in table.rows] == best
    assert "Best of a column among a profile's runs" in as_text(comparison) and APART not in as_text(comparison)
    titles = [f"Understanding: differences to m0 ({profile}) in points" for profile in ("corrected", "paper")]
    told = [f"against {' and '.join(comparison.baselines)}, each for the runs of its own profile", *titles]
    assert all(words in write(comparison).replace("\\", "") for words in told for write in (as_text, as_markdown))
    rows = csv.DictReader(io.StringIO(as_csv(comparison)))
    assert {(row["run"], row["baseline"]) for row in rows if row["p"]} == {
        ("m1 (corrected)", "m0 (corrected)"), ("m1 (paper)", "m0 (paper)"),
    }  # fmt: skip


def test_a_line_stands_between_the_profiles(tmp_path):
    evaluated(tmp_path, "paper", 0.0, 0.1)
    evaluated(tmp_path, "corrected", 0.0, 0.1)
    comparison = compared(tmp_path, paper="llama-2-7b")
    assert [grid.rules for grid in grids(comparison)] == [(2, 4), (), ()]
    assert as_html(comparison).count('<tr class="rule">') == 2 and as_latex(comparison).count("\\midrule") == 3 + 2


def test_a_profile_of_one_run_is_compared_to_nothing_and_takes_no_average_away(tmp_path):
    evaluated(tmp_path, "paper", 0.0, 0.1)
    evaluated(tmp_path, "corrected", 0.3)
    comparison = compared(tmp_path)
    assert comparison.baselines == ("m0 (paper)",)
    (table,) = comparison.tables
    assert [row.name for row in table.rows] == ["m0 (paper)", "m1", "m0 (corrected)"]
    assert [row.average.apart is None for row in table.rows] == [True, True, False]
    assert [row.average.best for row in table.rows] == [False, True, False]
    said = as_text(comparison)
    assert "m0 (corrected), all scores: profile corrected, but paper in m0 (paper)" in said
    assert "over the 2 of 2 columns that every row has that is not ‡ throughout." in said


def test_a_baseline_that_was_asked_for_is_everyones(tmp_path):
    evaluated(tmp_path, "paper", 0.0, 0.1)
    evaluated(tmp_path, "corrected", 0.0, 0.1)
    comparison = compared(tmp_path, baseline="m1 (paper)")
    assert comparison.baselines == ("m1 (paper)",)
    assert {row.name for row, _, _ in comparison.differences()} == {"m0 (paper)"}
    assert {row.name for row in comparison.tables[0].rows if row.apart} == {"m0 (corrected)", "m1 (corrected)"}


def test_a_row_without_all_columns_of_the_average_has_none(tmp_path):
    evaluated(tmp_path, "paper", 0.0, 0.1)
    scores = {"xcopa/zh": made_up(0)["xcopa/zh"]}
    write_run(tmp_path / "m2", scores, model="m2", limit=60)
    comparison = compared(tmp_path)
    (table,) = comparison.tables
    assert table.rows[2].apart and table.rows[2].average is None and len(table.averaged) == 2
    assert grids(comparison)[0].rows[2][-1].text == MISSING


@pytest.mark.slow
def test_the_picture_names_every_baseline(tmp_path, monkeypatch):
    evaluated(tmp_path, "paper", 0.0, 0.1)
    evaluated(tmp_path, "corrected", 0.0, 0.1)
    said = []
    monkeypatch.setattr("matplotlib.axes.Axes.set_xlabel", lambda _, text: said.append(text))
    draw_differences(tmp_path / "p.png", compared(tmp_path))
    assert said == [
        "difference to m0 (corrected) or m0 (paper),\nby profile, in points (95% paired bootstrap interval)"
    ]


def test_each_score_has_a_limit_of_its_own(tmp_path):
    scores = {key: score for key, score in made_up(0, items=5).items() if key in ("xquad/zh", "xcopa/zh")}
    whole, cut = (write_run(tmp_path / name, scores, model=name) for name in ("whole", "cut"))
    first = write_run(tmp_path / "first", scores, model="first", limit=5)
    record = json.loads((cut / "results.json").read_text())
    record["scores"]["xcopa/zh"]["limit"] = 5
    (cut / "results.json").write_text(json.dumps(record))
    comparison = compared(whole, cut, first)
    assert comparison.limits == ("cut: first 5 items of xcopa/zh", "first: first 5 items")
    apart = {
        (row.name, column.benchmark)
        for t in comparison.tables
        for row in t.rows
        for column, c in row.cells.items()
        if c.apart
    }
    assert apart == {("cut", "xcopa"), ("first", "xcopa"), ("first", "xquad")}
