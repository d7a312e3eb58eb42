"""compare: laws of the paired statistics, what is marked best, five formats that hold every score, refusals."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import stats

from deepsuper.common.intervals import mean_interval, paired_interval
from deepsuper.config import CompareConfig
from deepsuper.evaluation.compare.grids import notes
from deepsuper.evaluation.compare.layout import PAPER_TABLES, Column, in_order, paper_rows
from deepsuper.evaluation.compare.paired import corrected, difference, drawn_differences, mcnemar
from deepsuper.evaluation.compare.report import FORMATS, as_text
from deepsuper.evaluation.compare.tables import Score, mean_of, shown
from deepsuper.evaluation.measures import MEASURES
from result_folders import SCORES, compared, made_up, numbered, only_difference, score_of, write_run
from shared import SHARED
from test_compare_formats import unlatex

F1, CHRF, MKQA = MEASURES["f1"], MEASURES["chrf"], MEASURES["official_f1"]


def column_of(values: Sequence[float]) -> np.ndarray:
    return np.asarray(values, dtype=float).reshape(-1, 1)


# The statistics


@pytest.mark.parametrize("correction", ["holm", "bh", "none"])
def test_a_run_differs_from_itself_by_nothing(tmp_path, correction):
    run = write_run(tmp_path / "run", made_up(0))
    found = [d for _, _, d in compared(f"a={run}", f"b={run}", correction=correction).differences()]
    assert len(found) == 24
    assert {(d.mean, d.low, d.high, d.p, d.p_corrected) for d in found} == {(0.0, 0.0, 0.0, 1.0, 1.0)}


def test_on_items_of_unequal_difficulty_pairs_know_more():
    rng = np.random.default_rng(0)
    easy = rng.random(400)
    one, two = (easy * 0.9 + 0.1 * rng.random(400) for _ in range(2))
    paired = difference(F1, column_of(one), column_of(two), "bootstrap", CompareConfig((), resamples=2000, seed=0))
    alone = [mean_interval(values.tolist()) for values in (one, two)]
    unpaired = np.hypot(*(i.high - i.low for i in alone))
    assert paired.high - paired.low < 0.3 * unpaired


def test_the_interval_of_a_mean_is_the_bootstrap_over_items():
    rng = np.random.default_rng(1)
    one, two = rng.random(200).round(1), rng.random(200).round(1)
    ours = difference(F1, column_of(one), column_of(two), "bootstrap", CompareConfig((), resamples=20_000, seed=0))
    plain = paired_interval(one.tolist(), two.tolist(), resamples=20_000)
    assert ours.mean == pytest.approx(plain.mean)
    assert (ours.low, ours.high) == pytest.approx((plain.low, plain.high), abs=0.002)


def test_few_values_at_a_time_or_all_give_one_interval(monkeypatch):
    values, nothing = column_of(np.random.default_rng(2).random(50)), column_of([0] * 50)
    whole = drawn_differences(F1, values, nothing, resamples=300, seed=5)
    monkeypatch.setattr("deepsuper.evaluation.compare.paired.CELLS", 200)
    pieces = drawn_differences(F1, values, nothing, resamples=300, seed=5)
    assert len(pieces) == 300 and pieces.tolist() == whole.tolist()


@pytest.mark.slow
def test_the_paired_interval_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(3)
    held = 0
    for trial in range(300):
        easy = rng.random(150)
        one, two = (np.clip(easy + shift + 0.2 * rng.standard_normal(150), -9, 9) for shift in (0.05, 0.0))
        found = difference(
            F1, column_of(one), column_of(two), "bootstrap", CompareConfig((), resamples=400, seed=trial)
        )
        held += found.low <= 0.05 <= found.high
    assert 0.90 <= held / 300 <= 0.99


def test_a_corpus_score_is_resampled_with_both_runs_on_the_same_items(tmp_path):
    scores = [dict(made_up(n, gain=g))["flores/en-zh"][1] for n, g in ((0, 0.0), (1, 0.2))]
    one, two = (CHRF.numbers(items) for items in scores)
    found = difference(CHRF, two, one, "bootstrap", CompareConfig((), resamples=300, seed=0))
    assert found.mean == pytest.approx(score_of(CHRF, scores[1]) - score_of(CHRF, scores[0]))
    assert found.low < found.mean < found.high and found.p < 0.05


def test_mcnemar_is_the_exact_binomial_test():
    run = np.array([1.0] * 9 + [0.0] * 2 + [1.0] * 5 + [0.0] * 4)
    base = np.array([0.0] * 9 + [1.0] * 2 + [1.0] * 5 + [0.0] * 4)
    # 9 of 11 discordant items, two sides: 2 * (C(11,0) + C(11,1) + C(11,2)) / 2^11.
    assert mcnemar(run, base) == pytest.approx(2 * (1 + 11 + 55) / 2048)
    assert mcnemar(run, run) == 1.0


def test_two_items_prove_nothing():
    found = difference(
        F1, column_of([0.9, 0.8]), column_of([0.1, 0.2]), "bootstrap", CompareConfig((), resamples=5000, seed=0)
    )
    assert found.p == 0.5


p_values = st.lists(st.floats(0, 1), min_size=1, max_size=20)


@given(p_values)
def test_corrections_are_monotone_and_never_below_the_raw_p(p):
    for name in ("holm", "bh", "none"):
        found = corrected(p, name)
        assert all(c >= raw - 1e-12 and c <= 1 for raw, c in zip(p, found, strict=True))
        assert [found[n] for n in np.argsort(p, kind="stable")] == sorted(found)
    assert all(h >= b - 1e-12 for h, b in zip(corrected(p, "holm"), corrected(p, "bh"), strict=True))


def test_holm_by_hand():
    assert corrected([0.01, 0.04, 0.03, 0.5], "holm") == pytest.approx([0.04, 0.09, 0.09, 0.5])
    assert corrected([], "holm") == []


@pytest.mark.slow
def test_nothing_is_found_among_forty_columns_without_a_difference(tmp_path):
    rng = np.random.default_rng(4)
    keys = [f"{benchmark}/l{n}" for n in range(20) for benchmark in ("xnli", "xquad")]
    folders = []
    for name in ("one", "two"):
        scores = {}
        for key in keys:
            metric, values = ("acc", rng.random(150) < 0.5) if "xnli" in key else ("f1", rng.random(150))
            scores[key] = (metric, numbered(metric, values))
        folders.append(write_run(tmp_path / name, scores, model=name))
    found = [d for _, _, d in compared(*folders, resamples=4000).differences()]
    assert len(found) == 40 and any(d.p < 0.1 for d in found)
    assert not any(d.significant for d in found)


# Pairing


@pytest.mark.slow
def test_the_order_of_the_files_does_not_matter(tmp_path):
    scores = {key: score for key, score in made_up(1, gain=0.05).items() if "mkqa" not in key}
    turned = {key: (metric, list(items)[::-1]) for key, (metric, items) in scores.items()}
    base = write_run(tmp_path / "base", {key: score for key, score in made_up(0).items() if "mkqa" not in key})
    found = [
        list(compared(base, f"run={write_run(tmp_path / name, s)}").differences())
        for name, s in (("one", scores), ("two", turned))
    ]
    assert [(c, d) for _, c, d in found[0]] == [(c, d) for _, c, d in found[1]]


def test_official_mkqa_follows_the_file_of_the_baseline(tmp_path):
    key = "mkqa/zh"
    base, items = (list(made_up(n, gain=g)[key][1]) for n, g in ((0, 0.0), (1, 0.1)))
    folders = [write_run(tmp_path / n, {key: ("official_f1", i)}) for n, i in (("base", base), ("run", items[::-1]))]
    found = only_difference(folders[0], f"run={folders[1]}")
    assert found.mean == pytest.approx(score_of(MKQA, items) - score_of(MKQA, base))


def other_ids(scores: SCORES) -> SCORES:
    return {
        key: (metric, [{**item, "id": f"other {item['id']}"} for item in items])
        for key, (metric, items) in scores.items()
    }


@pytest.mark.parametrize(
    ("change", "why"),
    [({"limit": 3}, "limit 3, but None in base"), ({"profile": "corrected"}, "profile corrected, but paper in base"),
     ({"sha256": "1" * 64}, "data 1111"), ({"ids": True}, "other items than base (such as id 'other q0'")],
)  # fmt: skip
def test_what_cannot_be_paired_is_compared_to_nothing_and_said(tmp_path, change, why):
    scores = {"xnli/zh": ("acc", numbered("acc", [1, 0, 1]))}
    better = {"xnli/zh": ("acc", numbered("acc", [1, 1, 1]))}
    change = dict(change)
    better = other_ids(better) if change.pop("ids", False) else better
    base, other = write_run(tmp_path / "a", scores), write_run(tmp_path / "b", better, model="run", **change)
    comparison = compared(base, other)
    cell = comparison.tables[0].rows[1].cells[Column("xnli", "zh", "acc")]
    assert cell.apart is not None and why in cell.apart
    assert any(f"compared to nothing and never best. run, xnli/zh: {cell.apart}" in note for note in notes(comparison))
    assert not list(comparison.differences()) and not cell.best
    for name, write in FORMATS.items():
        said = {"latex": unlatex, "html": unescape}.get(name, lambda text: text.replace("\\", ""))(write(comparison))
        assert why in said and ("compared to nothing" in said or name == "csv")


def test_scores_of_another_prompt_are_compared_to_nothing(tmp_path):
    scores = {"xnli/zh": ("acc", numbered("acc", [1, 0, 1]))}
    one, same, two = (
        write_run(tmp_path / name, scores, model=name, asks=asks)
        for name, asks in (("one", "a1"), ("same", "a1"), ("two", "b2"))
    )
    assert [len(list(compared(*pair).differences())) for pair in ((one, same), (one, two))] == [1, 0]
    assert "task b2, but a1 in one" in as_text(compared(one, two))


def test_a_run_that_is_compared_to_nothing_anywhere_gets_one_line(tmp_path):
    scores = {f"xnli/{lang}": ("acc", numbered("acc", [1, 0, 1])) for lang in ("zh", "vi", "ar")}
    base = write_run(tmp_path / "a", scores)
    other = write_run(tmp_path / "b", scores, model="run", profile="corrected")
    (note,) = [note for note in notes(compared(base, other)) if "compared to nothing" in note]
    assert "run, all scores: profile corrected, but paper in base" in note


# Tables


def test_columns_stand_as_in_the_paper():
    keys = [
        "mmlu/zh", "xquad/en", "xquad/de", "xcopa/vi", "xquad/zh", "xquad/vi",
        "mlqa/ar", "xquad/ar", "truthfulqa/vi", "odd/zh",
    ]  # fmt: skip
    columns = [Column(*key.split("/"), "acc") for key in keys] + [
        Column("flores", "en-zh", m) for m in ("comet", "chrf")
    ]
    ordered = [f"{c.key} {c.metric}" if c.benchmark == "flores" else c.key for c in in_order(columns)]
    assert ordered == [
        "xquad/vi", "xquad/ar", "xquad/zh", "xquad/en", "xquad/de", "mlqa/ar", "truthfulqa/vi",
        "xcopa/vi", "mmlu/zh", "flores/en-zh chrf", "flores/en-zh comet", "odd/zh",
    ]  # fmt: skip


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.lists(st.integers(0, 1), min_size=4, max_size=4), min_size=2, max_size=4))
def test_bold_marks_exactly_the_maxima(tmp_path, runs):
    folders = [
        write_run(tmp_path / str(n), {"xnli/zh": ("acc", numbered("acc", values))}) for n, values in enumerate(runs)
    ]
    (table,) = compared(*(f"r{n}={folder}" for n, folder in enumerate(folders)), resamples=100).tables
    marked = [row.cells[table.columns[0]].best for row in table.rows]
    assert marked == [sum(values) == max(map(sum, runs)) for values in runs]


def test_an_average_is_as_sure_as_its_columns_together():
    scores = [Score(0.5, 0.47, 0.56), Score(0.7, 0.66, 0.78)]
    average = mean_of(scores)
    assert (average.low, average.mean, average.high) == pytest.approx((0.6 - 0.025, 0.6, 0.6 + 0.05))
    assert mean_of([*scores, Score(0.6)]) == Score(pytest.approx(0.6))  # the paper's numbers have no error


def test_the_papers_ablation_is_of_chinese_alone():
    rows = paper_rows("llama-2-7b.ablation")
    assert list(rows) == ["tft", "lc-logits", "lc-feature", "et-logits", "et-feature"]
    assert rows["et-feature"][Column("xcopa", "zh", "acc")] == pytest.approx(0.684)
    assert {c.language for c in rows["tft"]} == {"zh", "en-zh", "zh-en"}
    assert rows["tft"][Column("xquad", "zh", "f1")] == paper_rows("llama-2-7b")["tft"][Column("xquad", "zh", "f1")]


def test_averages_are_over_the_columns_that_every_row_has(tmp_path):
    def run(name: str, **scores: float) -> Path:
        items = {f"xnli/{language}": ("acc", numbered("acc", [s] * 2)) for language, s in scores.items()}
        return write_run(tmp_path / name, items, model=name)

    (table,) = compared(run("one", vi=0.0, ar=1.0, zh=1.0), run("two", vi=1.0, ar=0.0)).tables
    assert [c.language for c in table.averaged] == ["vi", "ar"]
    assert [(row.average.score.mean, row.average.best) for row in table.rows] == [(0.5, True)] * 2


def beside(tmp_path: Path, seed: int, also: Sequence[str], key: str = "flores/en-zh") -> Path:
    scores = {key: dict(made_up(seed, gain=seed / 10))[key]}
    return write_run(tmp_path / f"{key[:4]}{seed}", scores, model=f"m{seed}", also=also)


def test_second_measures_are_compared_too_and_stand_behind_the_first(tmp_path, monkeypatch):
    monkeypatch.setitem(MEASURES, "spbleu", replace(MEASURES["bleu"], title="spBLEU"))
    tables = compared(*(beside(tmp_path, n, ["spbleu"]) for n in range(2))).tables
    assert [(c.metric, c.test) for c in tables[0].columns] == [("chrf", "bootstrap"), ("spbleu", "bootstrap")]
    assert [c.metric for c in tables[1].columns] == ["comet"] and tables[0].rows[0].average is None
    mkqa = compared(*(beside(tmp_path, n, ["answerable_f1"], "mkqa/zh") for n in range(2)))
    (table,) = mkqa.tables
    assert [c.metric for c in table.columns] == ["official_f1", "answerable_f1"] and not table.averaged[1:]
    assert len(list(mkqa.differences())) == 2
    for name, write in FORMATS.items():
        assert ("answerable_f1" if name == "csv" else "mkqa (F1, answerable)") in write(mkqa)


def test_spbleu_without_its_tokenizer_is_shown_and_not_tested(tmp_path, monkeypatch, caplog):
    def numbers(_):
        raise OSError("no network")

    monkeypatch.setitem(MEASURES, "spbleu", MEASURES["bleu"])
    folders = [beside(tmp_path, n, ["spbleu"]) for n in range(2)]
    monkeypatch.setitem(MEASURES, "spbleu", replace(MEASURES["bleu"], numbers=numbers))
    comparison = compared(*folders)
    assert {c.metric for _, c, _ in comparison.differences()} == {"chrf", "comet"}
    assert all(Column("flores", "en-zh", "spbleu") in row.cells for row in comparison.tables[0].rows)
    assert "spbleu is not tested: its tokenizer cannot be fetched: no network" in caplog.text


def test_the_papers_rows_stand_apart(tmp_path):
    folders = [write_run(tmp_path / str(n), made_up(n), model=f"m{n}") for n in range(2)]
    comparison = compared(*folders, paper="llama-2-7b", resamples=100)
    tables = {table.title: table for table in comparison.tables}
    rows = {row.name: row for row in tables["Question answering"].rows}
    cell = rows["dft-logits (reported)"].cells[Column("xquad", "vi", "f1")]
    assert shown(cell.score.mean) == "29.65" and cell.best and cell.score.low is None and cell.difference is None
    assert rows["sdrrl (reported)"].cells[Column("mkqa", "zh", "official_f1")].score.mean == pytest.approx(0.4063)
    assert not any(row.reported for row in tables["Translation"].rows), "COMET is not chrF++"
    names = [row.name for row in tables["Translation, COMET"].rows if row.reported]
    assert "et-feature (reported)" in names and "dft-logits (paper)" not in names
    assert any(row.cells[Column("xquad", "vi", "f1")].best for row in rows.values() if not row.reported)


def test_the_papers_numbers_are_all_there():
    rows = paper_rows("gemma-2-2b")
    assert set(rows) == {"sft", "tft", "sdrrl", "dft-logits", "dft-feature"}
    assert rows["dft-logits"][Column("xstorycloze", "ar", "acc")] == pytest.approx(0.6208)
    copy = SHARED / "paper" / "tables.json"
    if not copy.is_file():
        pytest.skip("the shared paper folder is absent (set DEEPSUPER_SHARED)")
    assert json.loads(PAPER_TABLES.read_text()) == json.loads(copy.read_text())


def test_scipy_agrees_with_benjamini_and_hochberg_by_hand():
    assert corrected([0.01, 0.04, 0.03, 0.5], "bh") == pytest.approx([0.04, 0.16 / 3, 0.16 / 3, 0.5])
    assert stats.false_discovery_control([0.01, 0.02]).tolist() == pytest.approx(corrected([0.01, 0.02], "bh"))
