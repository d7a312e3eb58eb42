"""compare: seeds of one run are pooled; one rule holds for one seed and for several."""

from __future__ import annotations

import csv
import io
import json
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from deepsuper.config import CompareConfig
from deepsuper.evaluation.compare.grids import grids, notes
from deepsuper.evaluation.compare.layout import Column
from deepsuper.evaluation.compare.paired import difference
from deepsuper.evaluation.compare.pictures import draw_differences
from deepsuper.evaluation.compare.pooled import difference_of, pooled_score
from deepsuper.evaluation.compare.report import CSV_HEADER, CSV_SEEDS, FORMATS, as_csv, as_text
from deepsuper.evaluation.compare.run import groups_of, run_compare
from deepsuper.evaluation.compare.runs import find_runs
from deepsuper.evaluation.compare.tables import Score, mean_of, shown
from deepsuper.evaluation.measures import MEASURES
from result_folders import compared, made_up, numbered, only_difference, write_run

F1, ACC, CHRF = MEASURES["f1"], MEASURES["acc"], MEASURES["chrf"]
CONFIG = CompareConfig((), resamples=20_000)


def seeds_of(tmp_path: Path, name: str, gain: float = 0.0, count: int = 3, **more) -> str:
    """NAME=FOLDER,FOLDER,... of a run, each seed of which is a little better than the one before."""
    folders = [
        write_run(tmp_path / f"{name}{n}", made_up(n, gain=gain + n / 200, items=20, **more), model=f"{name}{n}")
        for n in range(count)
    ]
    return f"{name}=" + ",".join(map(str, folders))


def one(tmp_path: Path, name: str, values=(1, 0, 1), **more) -> Path:
    return write_run(tmp_path / name, {"xnli/zh": ("acc", numbered("acc", values))}, model=name, **more)


def numbers(*seeds) -> np.ndarray:
    """Shape: (K, N, 1)."""
    return np.asarray(seeds, dtype=float)[:, :, None]


# One rule


def test_one_seed_is_a_single_run():
    rng = np.random.default_rng(0)
    run, base = rng.random((40, 1)).round() > 0.5, rng.random((40, 1)).round() > 0.5
    for test in ("McNemar", "bootstrap"):
        single = difference(ACC, run * 1.0, base * 1.0, test, CONFIG)
        assert difference_of(ACC, run[None] * 1.0, base[None] * 1.0, test, CONFIG) == single
        assert single.seeds is None


def test_of_single_runs_no_word_is_of_seeds(tmp_path):
    comparison = compared(*(f"{name}={one(tmp_path, name)}" for name in "ab"))
    assert next(csv.reader(io.StringIO(as_csv(comparison)))) == list(CSV_HEADER)
    assert len(grids(comparison)) == 2 and "seeds" not in as_text(comparison)


def test_a_pooled_score_is_the_mean_of_the_seeds(tmp_path):
    given = seeds_of(tmp_path, "run")
    folders = given.partition("=")[2].split(",")
    (pooled,) = [row for table in compared(given).tables[:1] for row in table.rows]
    singles = [row for table in compared(*folders).tables[:1] for row in table.rows]
    assert pooled.name == "run" and len(pooled.cells) == 12
    for column, cell in pooled.cells.items():
        each = [row.cells[column].score.mean for row in singles]
        assert list(cell.score.seeds.values) == each and cell.score.mean == pytest.approx(np.mean(each))
        assert cell.score.low <= cell.score.mean <= cell.score.high
        if cell.answers is not None:
            answers = [row.cells[column].answers for row in singles]
            assert cell.answers.share.mean == pytest.approx(np.mean([a.share.mean for a in answers]))
            assert (cell.answers.told, cell.asked) == (sum(a.told for a in answers), 60)


def test_an_unnamed_run_is_called_like_its_first_seed(tmp_path):
    given = seeds_of(tmp_path, "run").partition("=")[2]
    (run,) = find_runs([given])
    assert run.name == "run0" and [seed.folder.name for seed in run.parts] == ["run0", "run1", "run2"]


def test_seeds_are_pooled_by_profile(tmp_path):
    for n in range(2):
        for profile in ("paper", "corrected"):
            one(tmp_path, f"s{n}/{profile}", profile=profile)
    runs = find_runs([f"mine={tmp_path / 's0'},{tmp_path / 's1'}"])
    assert [run.name for run in runs] == ["mine (corrected)", "mine (paper)"]
    assert all({seed.profile for seed in run.parts} == {run.profile} for run in runs)


def test_a_folder_may_hold_commas_and_equals_signs(tmp_path):
    odd, plain = one(tmp_path, "lr=1,2"), one(tmp_path, "three")
    one(tmp_path, "lr=1")
    for given, found in (
        (f"{odd}", ["lr=1,2"]), (f"a={odd}", ["lr=1,2"]), (f"a=b={odd},{plain}", ["lr=1,2", "three"]),
        (f"{plain},{odd}", ["three", "lr=1,2"]), (f"a={tmp_path}/lr=1,{plain}", ["lr=1", "three"]),
    ):  # fmt: skip
        (run,) = find_runs([given])
        assert [seed.folder.name for seed in run.parts] == found


def test_the_baseline_may_be_named_by_any_of_its_folders(tmp_path):
    given = seeds_of(tmp_path, "base")
    runs = find_runs([str(one(tmp_path, "other")), given])
    for baseline in ("base", given, f"{tmp_path}/base2/"):
        assert groups_of(runs, baseline)[0][0].name == "base"


def test_a_name_of_several_profiles_is_the_baseline_of_each(tmp_path):
    for n in range(4):
        for profile in ("paper", "corrected"):
            one(tmp_path, f"s{n}/{profile}", profile=profile)
    base, run = (f"{name}={tmp_path / f's{n}'},{tmp_path / f's{n + 1}'}" for name, n in (("base", 0), ("run", 2)))
    runs = find_runs([run, base, f"odd={one(tmp_path, 'odd', profile='own')}"])
    groups = {first.name: [run.name for run in group] for first, group in groups_of(runs, "base")}
    assert groups == {
        "base (corrected)": ["run (corrected)", "base (corrected)", "odd"],
        "base (paper)": ["run (paper)", "base (paper)"],
    }


# Statistics


def test_a_pooled_run_differs_from_itself_by_nothing(tmp_path):
    folders = seeds_of(tmp_path, "run").partition("=")[2]
    found = [d for _, _, d in compared(f"a={folders}", f"b={folders}").differences()]
    assert len(found) == 24 and {d.test for d in found} == {"items and seeds"}
    assert {(d.mean, d.low, d.high, d.p, d.p_corrected) for d in found} == {(0.0, 0.0, 0.0, 1.0, 1.0)}
    assert {(d.seeds.values, d.seeds.low, d.seeds.high, d.seeds.p) for d in found} == {((0.0,) * 3, 0.0, 0.0, 1.0)}


def test_without_noise_of_the_items_the_interval_is_that_of_t():
    rng = np.random.default_rng(1)
    mine, its = 0.5 + 0.02 * rng.standard_normal(5), 0.47 + 0.02 * rng.standard_normal(5)
    run, base = (numbers(*([value] * 30 for value in values)) for values in (mine, its))
    t = stats.ttest_rel(mine, its)
    found = difference_of(F1, run, base, "bootstrap", CONFIG)
    told = t.confidence_interval()
    assert (found.low, found.high) == pytest.approx((told.low, told.high), abs=0.001)
    assert (found.seeds.low, found.seeds.high, found.seeds.p) == pytest.approx((told.low, told.high, t.pvalue))
    assert found.p == pytest.approx(t.pvalue, rel=0.1)
    score, over = pooled_score(F1, run, mine.tolist(), CONFIG)
    alone = stats.t.interval(0.95, 4, mine.mean(), stats.sem(mine))
    assert (over.low, over.high) == pytest.approx(alone)
    assert (score.low, score.high) == pytest.approx(alone, abs=0.001)
    assert score.stderr == pytest.approx(stats.sem(mine))


@pytest.mark.parametrize("counts", [(3, 3), (3, 1), (1, 3), (3, 2)])
def test_without_noise_of_the_seeds_the_interval_is_that_of_the_items(counts):
    rng = np.random.default_rng(2)
    one, two = rng.random((2, 50))
    plain = difference(F1, one[:, None], two[:, None], "bootstrap", CONFIG)
    found = difference_of(
        F1, *(numbers(*[v] * k) for v, k in zip((one, two), counts, strict=True)), "bootstrap", CONFIG
    )
    assert (found.mean, found.low, found.high, found.p) == pytest.approx((plain.mean, plain.low, plain.high, plain.p))
    assert found.seeds.p is None and found.seeds.low == found.seeds.high == pytest.approx(plain.mean)


def test_corpus_scores_follow_the_same_rule():
    run, base = (np.stack([CHRF.numbers(dict(made_up(n, gain=g, items=20))["flores/en-zh"][1])] * 2)
                 for n, g in ((0, 0.1), (1, 0.0)))  # fmt: skip
    config = CompareConfig((), resamples=300)
    plain = difference(CHRF, run[0], base[0], "bootstrap", config)
    found = difference_of(CHRF, run, base, "bootstrap", config)
    assert (found.mean, found.low, found.high, found.p) == pytest.approx((plain.mean, plain.low, plain.high, plain.p))
    score, _ = pooled_score(CHRF, run, [CHRF.score(run[0])] * 2, config)
    assert score.low < score.mean < score.high


@pytest.mark.parametrize("counts", [(4, 3), (4, 1), (2, 4)])
def test_different_numbers_of_seeds_are_tested_by_welch(tmp_path, counts):
    rng = np.random.default_rng(3)
    easy = rng.random(40)
    folders = [[], []]
    for side, count in enumerate(counts):
        for n in range(count):
            values = (easy * 0.8 + 0.05 * rng.random() - 0.1 * side).round(4)
            scores = {"xquad/zh": ("f1", numbered("f1", values))}
            folders[side].append(write_run(tmp_path / f"{side}{n}", scores, model=f"m{side}"))
    run, base = (",".join(map(str, each)) for each in folders)
    found = only_difference(f"base={base}", f"run={run}", resamples=20_000)
    mine, its = (
        [json.loads((f / "results.json").read_text())["scores"]["xquad/zh"]["mean"] for f in each] for each in folders
    )
    assert found.mean == pytest.approx(np.mean(mine) - np.mean(its))
    assert found.seeds.values == pytest.approx(np.subtract(mine, np.mean(its)))
    t = stats.ttest_ind(mine, its, equal_var=False) if min(counts) > 1 else stats.ttest_1samp(np.subtract(mine, its), 0)
    told = t.confidence_interval()
    assert (found.seeds.low, found.seeds.high, found.seeds.p) == pytest.approx((told.low, told.high, t.pvalue))
    # Items are paired: their difficulty, the same in all seeds, adds nothing to the interval.
    assert (found.low, found.high) == pytest.approx((told.low, told.high), abs=0.003)


def test_an_interval_ends_where_scores_do():
    low, over = pooled_score(ACC, numbers([0] * 9 + [1], [0] * 5 + [1] * 5), [0.1, 0.5], CONFIG)
    assert (low.low, low.high, over.low, over.high) == (0.0, 1.0, 0.0, 1.0)
    comet, _ = pooled_score(MEASURES["comet"], numbers([-0.3, 0.1], [0.9, 1.1]), [-0.1, 1.0], CONFIG)
    assert comet.low < 0.0 and comet.high > 1.0


def test_nothing_right_in_any_seed_is_not_sure_of_it():
    interval, _ = pooled_score(ACC, numbers([0] * 48, [0] * 48), [0.0, 0.0], CONFIG)
    assert interval.mean == interval.low == 0.0 and 0.05 < interval.high < 0.1


def test_an_average_knows_that_a_seed_moves_all_columns(tmp_path):
    values = [[0.4, 0.5, 0.6], [0.5, 0.6, 0.7]]
    parts = [pooled_score(F1, numbers(*([v] * 9 for v in each)), each, CONFIG) for each in values]
    scores = [Score(i.mean, i.low, i.high, i.stderr, over) for i, over in parts]
    average = mean_of(scores)
    alone = stats.t.interval(0.95, 2, 0.55, stats.sem([0.45, 0.55, 0.65]))
    assert (average.low, average.high) == pytest.approx(alone, abs=0.01)
    assert average.seeds.values == pytest.approx((0.45, 0.55, 0.65))


@pytest.mark.slow
def test_the_interval_of_few_seeds_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(4)
    held = with_replacement = 0
    for trial in range(300):
        shift = 0.05 + 0.03 * rng.standard_normal((3, 1))
        gained = shift + 0.1 * rng.standard_normal(100) + 0.1 * rng.standard_normal((3, 100))
        found = difference_of(
            F1, numbers(*gained), np.zeros((3, 100, 1)), "bootstrap", CompareConfig((), resamples=400, seed=trial)
        )
        held += found.low <= 0.05 <= found.high
        drawn = [gained[rng.integers(3, size=3)][:, rng.integers(100, size=100)].mean() for _ in range(400)]
        low, high = np.quantile(drawn, (0.025, 0.975))
        with_replacement += low <= 0.05 <= high
    assert 0.93 <= held / 300 <= 0.995
    assert with_replacement / 300 < 0.9, "seeds drawn with replacement: why they are not"


def test_the_order_of_a_seeds_file_does_not_matter(tmp_path):
    scores = {key: score for key, score in made_up(1, items=20).items() if "mkqa" not in key}
    turned = {key: (metric, list(items)[::-1]) for key, (metric, items) in scores.items()}
    first = write_run(tmp_path / "first", {k: s for k, s in made_up(0, items=20).items() if "mkqa" not in k})
    base = write_run(tmp_path / "base", {k: s for k, s in made_up(2, items=20).items() if "mkqa" not in k})
    found = [
        [d for _, _, d in compared(base, f"r={first},{write_run(tmp_path / name, s)}").differences()]
        for name, s in (("one", scores), ("two", turned))
    ]
    for one, two in zip(*found, strict=True):
        assert (one.mean, one.low, one.high, one.p) == pytest.approx((two.mean, two.low, two.high, two.p))


# What is shown


def test_every_format_shows_each_seed(tmp_path):
    base, run = seeds_of(tmp_path, "base", languages=["vi"]), seeds_of(tmp_path, "run", 0.1, languages=["vi"])
    comparison = compared(base, run, resamples=100)
    column = Column("xquad", "vi", "f1")
    cell = comparison.tables[0].rows[1].cells[column]
    for name, write in FORMATS.items():
        said = unescape(write(comparison))
        if name != "csv":
            assert " ".join(map(shown, cell.score.seeds.values)) in said
            assert "Of several seeds (base 3, run 3)" in said
    rows = list(csv.DictReader(io.StringIO(as_csv(comparison))))
    assert tuple(rows[0]) == (*CSV_HEADER, *CSV_SEEDS) and not any(None in row or None in row.values() for row in rows)
    (row,) = [r for r in rows if (r["run"], r["benchmark"], r["metric"]) == ("run", "xquad", "f1")]
    for words, seeds in ((row["seeds"], cell.score.seeds), (row["seed_differences"], cell.difference.seeds)):
        assert [float(word) for word in words.split(";")] == pytest.approx([100 * value for value in seeds.values])
    assert float(row["p_seeds"]) == pytest.approx(cell.difference.seeds.p, rel=1e-4)
    assert "items with draws of t over seeds (seed 0) for xquad" in "\n".join(notes(comparison))


@pytest.mark.slow
def test_the_picture_has_a_point_for_each_seed(tmp_path, monkeypatch):
    from matplotlib.axes import Axes

    drawn, plot = [], Axes.plot
    monkeypatch.setattr(Axes, "plot", lambda self, *args, **more: drawn.append(args) or plot(self, *args, **more))
    comparison = compared(seeds_of(tmp_path, "base"), seeds_of(tmp_path, "run", 0.1), resamples=100)
    draw_differences(tmp_path / "p.png", comparison)
    points = [args[0] for args in drawn if args[2:] == (".",)]
    assert points == [[100 * v for v in d.seeds.values] for _, _, d in comparison.differences()]


# What cannot be pooled


def edited(tmp_path: Path, **change) -> str:
    one(tmp_path, "s0", **{"limit": 3} if "limit" in change else {})
    one(tmp_path, "s1", **change)
    return f"r={tmp_path / 's0'},{tmp_path / 's1'}"


def with_record(tmp_path: Path, change) -> str:
    given = edited(tmp_path)
    for n in range(2):
        path = tmp_path / f"s{n}" / "results.json"
        record = json.loads(path.read_text())
        change(record, n)
        path.write_text(json.dumps(record))
    return given


def of_two_scores(tmp_path: Path) -> str:
    edited(tmp_path)
    scores = {key: ("acc", numbered("acc", [1, 0, 1])) for key in ("xnli/zh", "xnli/vi")}
    return f"r={tmp_path / 's0'},{write_run(tmp_path / 's1', scores)}"


def with_other_ids(tmp_path: Path) -> str:
    given, items = edited(tmp_path), tmp_path / "s1" / "items" / "xnli.zh.jsonl"
    items.write_text(items.read_text().replace("q2", "q9"))
    return given


def of_two_comets(tmp_path: Path) -> str:
    scores = {"flores/en-zh": made_up(0, items=5)["flores/en-zh"]}
    return ",".join(str(write_run(tmp_path / f"s{n}", scores, comet=f"model{n}")) for n in range(2))


def of_two_models(tmp_path: Path) -> str:
    edited(tmp_path)
    one(tmp_path, "s2/a")
    one(tmp_path, "s2/b")
    return f"r={tmp_path / 's0'},{tmp_path / 's2'}"


REFUSED = {
    "xnli/zh: limit 2, but 3 in ": lambda t: edited(t, limit=2),
    "xnli/zh: data 1111": lambda t: edited(t, sha256="1" * 64),
    "xnli/zh: task b2, but a1 in ": lambda t: edited(t, asks="b2"),
    "profile corrected, but paper there": lambda t: edited(t, profile="corrected"),
    "xnli/zh: task version 2.0, but 1.0 in ": lambda t: with_record(
        t, lambda record, n: record["scores"]["xnli/zh"].update(task_version=1.0 + n)
    ),
    "only it has xnli/vi": of_two_scores,
    "it has no xnli/vi": lambda t: "r=" + ",".join(of_two_scores(t).partition("=")[2].split(",")[::-1]),
    "it has the same weights": lambda t: with_record(t, lambda record, n: record["asked"].update(files={"a": "1"})),
    "xnli/zh: other items than ": with_other_ids,
    "flores/en-zh: COMET by model1": of_two_comets,
}
PLAIN = {
    "given twice as a seed of one run": lambda t: f"r={edited(t).split(',')[1]},{t}/s0/../s1",
    "a second run in profile paper beside": of_two_models,
    "nowhere: no such folder": lambda t: edited(t) + f",{t}/nowhere",
    "no folder beside a comma": lambda t: edited(t).replace(",", ",,"),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_cannot_be_pooled_names_both_folders(tmp_path, message):
    given = REFUSED[message](tmp_path)
    with pytest.raises(ValueError, match="no other seed of the run in") as error:
        run_compare(CompareConfig((given,), resamples=100))
    said = str(error.value)
    assert message in said and f"{tmp_path / 's0'}" in said and f"{tmp_path / 's1'}" in said and "\n" not in said


@pytest.mark.parametrize("message", PLAIN)
def test_a_folder_that_is_no_seed_is_named(tmp_path, message):
    with pytest.raises(ValueError, match=message) as error:
        run_compare(CompareConfig((PLAIN[message](tmp_path),), resamples=100))
    assert str(tmp_path) in str(error.value) and "\n" not in str(error.value)


def test_a_trailing_comma_is_no_seed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    one(tmp_path, "s0")
    with pytest.raises(ValueError, match=r"^runs r=s0,: no folder beside a comma: need NAME=FOLDER,FOLDER"):
        find_runs(["r=s0,"])
