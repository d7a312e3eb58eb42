"""Items that belong together, such as the questions about one article of XQuAD, are drawn together."""

from __future__ import annotations

import json

import numpy as np
import pytest

from deepsuper.common.intervals import paired_interval
from deepsuper.config import CompareConfig
from deepsuper.evaluation.benchmarks import BENCHMARKS
from deepsuper.evaluation.compare.grids import notes
from deepsuper.evaluation.compare.paired import bootstrap_p, difference, drawn_differences
from deepsuper.evaluation.compare.pooled import pooled_score
from deepsuper.evaluation.items import as_item
from deepsuper.evaluation.local import read_rows
from deepsuper.evaluation.measures import MEASURES, clusters_of, draw
from deepsuper.evaluation.official.convert import read_official
from result_folders import compared, numbered, write_run

F1, EXACT = MEASURES["f1"], MEASURES["exact_match"]
CONFIG = CompareConfig((), resamples=20_000, seed=0)
rng = np.random.default_rng(3)
MEANS = rng.random(25)
CLUSTERS = np.repeat(np.arange(25), 8)
RUN, BASE = np.repeat(MEANS, 8)[:, None], np.zeros((200, 1))


def test_items_that_are_copies_of_each_other_tell_as_much_as_one():
    """25 articles with 8 equal items each: the interval is that of 25 items, not of 200."""
    few = paired_interval(MEANS.tolist(), [0.0] * 25, resamples=20_000)
    found = difference(F1, RUN, BASE, "bootstrap", CONFIG, CLUSTERS)
    assert found.mean == pytest.approx(few.mean) and found.clusters == 25
    assert (found.low, found.high) == pytest.approx((few.low, few.high), abs=0.004)
    alone = difference(F1, RUN, BASE, "bootstrap", CONFIG)
    assert alone.clusters is None and alone.high - alone.low < 0.45 * (found.high - found.low)


def test_articles_of_unequal_length_count_by_their_items():
    clusters, values = np.array([0] * 9 + [1]), np.array([[1.0]] * 9 + [[0.0]])
    drawn = drawn_differences(F1, values, values * 0, clusters, resamples=4000, seed=0)
    assert set(np.round(drawn, 6)) == {0.0, 0.9, 1.0}


def test_the_short_way_for_means_and_the_general_one_agree():
    values = rng.random((200, 1))
    short = drawn_differences(F1, values, BASE, CLUSTERS, resamples=8000, seed=0)
    general = draw(lambda rows: float(values[rows].mean()), 200, CLUSTERS, resamples=4000, seed=1)
    ends = np.quantile(short, (0.025, 0.5, 0.975)), np.quantile(general.bootstrap_distribution, (0.025, 0.5, 0.975))
    np.testing.assert_allclose(*ends, atol=0.006)


def test_mcnemar_is_not_used_on_clusters():
    found = difference(MEASURES["acc"], RUN.round(), BASE, "McNemar", CONFIG, CLUSTERS)
    assert found.test == "bootstrap"


def test_p_is_no_smaller_than_that_of_as_many_articles_as_differ():
    one = np.where(CLUSTERS < 3, 1.0, 0.0)[:, None]
    draws = drawn_differences(F1, one, BASE, CLUSTERS, resamples=2000, seed=0) + 1.0
    assert bootstrap_p(draws, one, BASE, CLUSTERS) == 0.25 and bootstrap_p(draws, one, BASE) < 0.01


def test_seeds_that_agree_leave_the_interval_over_articles():
    single = difference(F1, RUN, BASE, "bootstrap", CONFIG, CLUSTERS)
    both = np.stack([RUN, RUN])
    interval, _ = pooled_score(F1, both, [float(RUN.mean())] * 2, CONFIG, CLUSTERS)
    assert (interval.low, interval.high) == pytest.approx((single.low, single.high), abs=0.004)


def test_the_interval_of_a_score_draws_articles_too_and_shares_that_all_agree_stay_wilsons():
    def items(values, **more):
        return [
            {"id": n, "f1": v, "exact_match": float(v > 0.5), "cluster": f"a{n // 8}", **more}
            for n, v in enumerate(values)
        ]

    loose = [{k: v for k, v in item.items() if k != "cluster"} for item in items(RUN[:, 0])]
    for measure in (F1, EXACT):
        wide, narrow = measure.interval(items(RUN[:, 0])), measure.interval(loose)
        assert wide.mean == narrow.mean and wide.high - wide.low > 1.8 * (narrow.high - narrow.low)
    assert EXACT.interval(items([1.0] * 200)) == EXACT.interval([{"exact_match": 1.0}] * 200)


@pytest.mark.parametrize(
    ("names", "want"),
    [
        (["a", "b", "a"], [0, 1, 0]),
        (["a", "b", None], None),
        (["a", "a", "a"], None),
        (["a", "b", "c"], None),
    ],
)
def test_clusters_are_named_by_every_item_and_are_neither_one_nor_single_items(names, want):
    found = clusters_of([{"id": n} if name is None else {"cluster": name} for n, name in enumerate(names)])
    assert want is None if found is None else found.tolist() == want


def test_a_comparison_says_that_it_draws_articles(tmp_path):
    folders = []
    for name, shift in (("one", 0.0), ("two", 0.3)):
        items = [{**item, "cluster": f"a{n // 8}"} for n, item in enumerate(numbered("f1", RUN[:, 0] * 0.6 + shift))]
        folders.append(f"{name}={write_run(tmp_path / name, {'xquad/zh': ('f1', items)})}")
    comparison = compared(*folders, resamples=500)
    ((_, _, found),) = comparison.differences()
    assert found.clusters == 25 and any("draws the 25 articles of xquad" in note for note in notes(comparison))


def test_articles_come_from_official_files_and_stay_with_the_items(tmp_path):
    def article(title):
        qas = [{"id": f"{title}{n}", "question": "q?", "answers": [{"text": "c", "answer_start": 0}]} for n in (0, 1)]
        return {"title": title, "paragraphs": [{"context": "c d", "qas": qas}]}

    source = tmp_path / "xquad.zh.json"
    source.write_text(json.dumps({"data": [article("A"), article("B")]}))
    rows = read_official("xquad", source, "zh")
    assert [row["title"] for row in rows] == ["A", "A", "B", "B"]
    file = tmp_path / "zh.jsonl"
    benchmark = BENCHMARKS["xquad"]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    docs = read_rows(file, benchmark, "zh")
    sample = {"doc": docs[2], "doc_id": 2, "arguments": [("p",)], "target": "c", "filtered_resps": ["c"]}
    item = as_item({**sample, "f1": 1.0, "exact_match": 1.0}, benchmark, "zh", "paper")
    assert item["cluster"] == "B" and item["id"] == "B0"
    del rows[0]["title"]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert not any("title" in doc for doc in read_rows(file, benchmark, "zh"))
