"""Scores from items: equal to the libraries' own, and resampled with what each measure needs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sacrebleu.metrics import BLEU, CHRF

from deepsuper.evaluation.measures import MEASURES, resampled
from result_folders import score_of

SAID = ["the cat sat on the mat", "a dog", "他昨天去了北京", "nothing at all here", "xin chào các bạn"]
RIGHT = ["the cat sat on a mat", "the dog barked", "他昨天到了北京。", "something else entirely", "xin chào mọi người"]


def translations(language: str = "en") -> list[dict]:
    return [{"prediction": s, "gold": r, "language": language} for s, r in zip(SAID, RIGHT, strict=True)]


def test_chrf_and_bleu_are_sacrebleus_own_corpus_scores():
    assert score_of(MEASURES["chrf"], translations()) * 100 == pytest.approx(
        CHRF(word_order=2).corpus_score(SAID, [RIGHT]).score
    )
    for language, tokenizer in (("en", "13a"), ("zh", "zh")):
        ours = score_of(MEASURES["bleu"], translations(language)) * 100
        assert ours == pytest.approx(BLEU(tokenize=tokenizer).corpus_score(SAID, [RIGHT]).score)


def test_the_interval_of_a_corpus_score_holds_it_and_narrows_with_more_items():
    few, many = (MEASURES["chrf"].interval(translations() * n, resamples=200) for n in (2, 20))
    assert few.low < few.mean < few.high and few.mean == pytest.approx(many.mean)
    assert many.high - many.low < few.high - few.low
    assert many.stderr == pytest.approx((many.high - many.low) / 3.92, rel=0.25)


def official_mkqa(items: list[dict]) -> float:
    """`compute_best_score_and_threshold` with every probability 0, from its definition."""
    score = best = sum(item["golds"] == [""] for item in items)
    for item in items:
        if item["golds"] != [""]:
            score += item["f1"]
        elif item["prediction"]:
            score -= 1
        best = max(best, score)
    return best / len(items)


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1), st.booleans()), min_size=1, max_size=30))
def test_official_mkqa_is_the_best_beginning_of_the_file(rows: list[tuple[bool, float, bool]]):
    items = [
        {"golds": ["x"] if has else [""], "f1": f1, "prediction": "said" if spoke else ""} for has, f1, spoke in rows
    ]
    assert score_of(MEASURES["official_f1"], items) == pytest.approx(official_mkqa(items))
    floor = sum(not has for has, _, _ in rows) / len(rows)
    assert score_of(MEASURES["official_f1"], items) >= floor - 1e-12


def test_answerable_f1_leaves_the_unanswerable_out():
    items = [{"golds": ["x"], "f1": 0.5}, {"golds": [""], "f1": 1.0}, {"golds": ["y", "z"], "f1": 0.0}]
    interval = MEASURES["answerable_f1"].interval(items)
    assert interval.mean == 0.25 and score_of(MEASURES["answerable_f1"], items) == 0.25
    assert MEASURES["answerable_f1"].interval(items[1:2]) is None


def test_a_mean_measures_interval_is_that_of_the_mean():
    items = [{"acc": float(n % 3 == 0)} for n in range(120)]
    interval = MEASURES["acc"].interval(items)
    values = np.array([item["acc"] for item in items])
    assert interval.mean == values.mean() and interval.stderr == pytest.approx(values.std(ddof=1) / np.sqrt(120))
    general = resampled(lambda rows: float(values[rows].mean()), 120, resamples=1000, seed=0)
    assert (interval.low, interval.high) == pytest.approx((general.low, general.high), abs=0.02)
