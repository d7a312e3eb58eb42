"""Laws of the parts that pair rows: the dynamic program, the corridor, the scores, the rows out of place."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bilingual import make_sides
from deepsuper.data.join.alignment import PairScorer, align, read_words, scorer_of
from deepsuper.data.join.anchors import anchors_of, between, heaviest_chain
from deepsuper.data.join.banded_alignment import Corridor, pair_monotone
from deepsuper.data.join.confidence import Confidence
from deepsuper.data.join.reordered import _least_margin, _tables, find_reordered
from deepsuper.data.join.shared_tokens import read_shared_tokens, tokens_of
from deepsuper.data.rows import Row
from deepsuper.data.words import Lexicon


def rows_of(records) -> list[Row]:
    return [Row(str(r["truth"]), "xx", r["instruction"], r["input"], r["output"]) for r in records]


def best_sum(scores: np.ndarray, gap: float, inside: np.ndarray) -> float:
    """The plain O(n m) program."""
    n, m = scores.shape
    best = np.full((n + 1, m + 1), -np.inf)
    best[0] = -gap * np.arange(m + 1)
    for i in range(n):
        best[i + 1, 0] = best[i, 0] - gap
        for j in range(m):
            pair = best[i, j] + scores[i, j] if inside[i, j] else -np.inf
            best[i + 1, j + 1] = max(pair, best[i, j + 1] - gap, best[i + 1, j] - gap)
    return best[n, m]


@settings(max_examples=150, deadline=None)
@given(n=st.integers(0, 9), m=st.integers(0, 9), seed=st.integers(0, 10**6), narrow=st.booleans())
def test_the_banded_program_finds_the_best_monotone_pairs(n, m, seed, narrow):
    rng = np.random.default_rng(seed)
    scores, gap = rng.normal(0, 2, (n, m)).astype(np.float32), float(rng.uniform(0.1, 1))
    low, high = np.zeros(n, np.int64), np.full(n, m, np.int64)
    if narrow and n and m:
        line = np.arange(n) * m / n
        low, high = np.clip(line - 2, 0, m).astype(np.int64), np.clip(line + 3, 0, m).astype(np.int64)
        low[0], high[-1] = 0, m
    pairs = pair_monotone(Corridor(low, high), lambda rows, columns: scores[rows, columns], gap, "")
    inside = (np.arange(m) >= low[:, None]) & (np.arange(m) < high[:, None])
    assert all(i < k and j < l for (i, j), (k, l) in combinations(pairs, 2))
    assert all(inside[i, j] for i, j in pairs)
    total = sum(scores[i, j] for i, j in pairs) - gap * (n + m - 2 * len(pairs))
    if not narrow and n and m:
        assert total == pytest.approx(best_sum(scores, gap, inside), abs=1e-2)
    elif n and m:
        assert total <= best_sum(scores, gap, inside) + 1e-2


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(1, 9)), max_size=8))
def test_the_heaviest_chain_weighs_as_much_as_any(points):
    chain = heaviest_chain(*(np.array([p[k] for p in points], np.int64) for k in range(3)))
    assert all(i < k and j < l for (i, j), (k, l) in combinations(chain.tolist(), 2))
    weight = {(i, j): max(w for a, b, w in points if (a, b) == (i, j)) for i, j, _ in points}
    heaviest = max(
        sum(p[2] for p in some)
        for size in range(len(points) + 1)
        for some in combinations(sorted(points), size)
        if all(a[0] < b[0] and a[1] < b[1] for a, b in combinations(some, 2))
    )
    assert sum(weight[i, j] for i, j in chain.tolist()) == heaviest


@given(
    n=st.integers(1, 300),
    m=st.integers(1, 300),
    anchors=st.lists(st.tuples(st.integers(0, 299), st.integers(0, 299)), max_size=9),
    most=st.integers(1, 100_000),
)
def test_a_corridor_rises_holds_its_anchors_and_reaches_both_ends(n, m, anchors, most):
    points = [p for p in sorted(set(anchors)) if p[0] < n and p[1] < m]
    chain = heaviest_chain(*np.array([(*p, 1) for p in points], np.int64).reshape(-1, 3).T)
    corridor = between(chain, n, m, most)
    assert corridor.low[0] == 0 and corridor.high[-1] == m
    assert (np.diff(corridor.low) >= 0).all() and (np.diff(corridor.high) >= 0).all()
    assert (corridor.low[1:] <= corridor.high[:-1]).all()
    assert all(corridor.low[i] <= j < corridor.high[i] for i, j in chain)


def test_tokens_are_numbers_in_any_digits_and_words_in_ascii_letters():
    row = Row("1", "ar", "ما هو ٢٤ في Python؟", "", "Café 3.5 tiếng v2")
    assert tokens_of(row) == {"24", "python", "3.5", "2"}


def test_anchors_find_the_place_though_a_third_of_the_rows_is_missing_in_one_piece():
    english, target = make_sides(3000, seed=3)
    anchors = anchors_of(read_shared_tokens(rows_of(english), rows_of(target[:1000] + target[2000:])))
    truth = np.where(anchors[:, 1] < 1000, anchors[:, 1], anchors[:, 1] + 1000)
    assert len(anchors) > 300 and (truth == anchors[:, 0]).mean() > 0.99


@pytest.fixture(scope="module")
def judged():
    english, target = make_sides(500, seed=1)
    texts = read_words(rows_of(english), rows_of(target), "xx")
    pairs, scorer = align(texts, seed=0)
    assert scorer is not None
    return texts, pairs, scorer


def test_the_scores_in_one_product_are_those_of_the_lexicon(judged):
    texts, pairs, _ = judged
    lexicon = Lexicon.train([(texts.words_en[i], texts.words_tgt[j]) for i, j in pairs])
    scorer = scorer_of(texts, pairs, seed=0)
    rng = np.random.default_rng(0)
    rows, columns = rng.integers(0, 500, 60), rng.integers(0, 500, 60)
    columns[:30] = rows[:30]
    single = [lexicon.score(texts.words_en[i], texts.words_tgt[j]) for i, j in zip(rows, columns, strict=True)]
    ours = scorer.translations.pair_scores(rows, columns)
    # Gains under 0.05 nats a word are left out.
    assert np.abs(ours - single).max() < 0.05
    assert np.allclose(scorer.translations.scores(rows, columns).diagonal(), ours, atol=1e-5)
    assert min(single[:30]) > scorer.confidence.threshold > np.quantile(single[30:], 0.8)


def test_whole_files_are_aligned_row_by_row(judged):
    assert judged[1] == [(n, n) for n in range(500)]


def test_the_two_best_of_rows_and_columns_are_those_of_the_whole_table(judged, monkeypatch):
    monkeypatch.setattr("deepsuper.data.join.reordered.TABLE_ROWS", 7)
    scorer = judged[2]
    rows, columns = np.arange(3, 60), np.arange(40, 90)
    by_row, by_column = _tables(scorer, rows, columns)
    table = scorer.translations.scores(rows, columns)
    for best, whole in ((by_row, table), (by_column, table.T)):
        ordered = np.sort(whole, axis=1)
        assert np.allclose(best.score, ordered[:, -1], atol=1e-5)
        assert np.allclose(best.second, ordered[:, -2], atol=1e-5)
        assert (best.column == whole.argmax(axis=1)).all()


def test_rows_out_of_place_are_found_and_rows_without_a_partner_are_not(judged):
    scorer: PairScorer = judged[2]
    placed = list(range(100, 500))
    found = find_reordered(scorer, range(50), [*range(49, 19, -1)], placed, seed=0)
    assert {pair for pair in found.pairs if pair[0] == pair[1]} == set(found.pairs)
    assert len(found.pairs) >= 28 and found.wrong < 1
    nothing = find_reordered(scorer, range(50), range(50, 100), placed, seed=0)
    assert len(nothing.pairs) <= 1
    assert find_reordered(scorer, [], [1], placed, seed=0).pairs == []


def test_the_margin_grows_until_few_enough_decoys_pass():
    margins, decoys = np.linspace(0.1, 2.0, 200), np.array([0.3, 0.5, 0.7])
    margin, wrong = _least_margin(margins, decoys, each=2.0)
    assert margin > 0.5 and wrong <= 0.02 * (margins >= margin).sum()
    assert _least_margin(margins, decoys, each=1000.0)[0] == float("inf")


def test_the_rejected_scores_and_the_decoys_tell_how_many_wrong_pairs_were_accepted():
    rng = np.random.default_rng(0)
    confidence = Confidence(0.2, 0.2, rng.normal(0.0, 0.2, 2_000))
    wrong = rng.normal(0.0, 0.2, 400)
    accepted = int((wrong >= 0.2).sum())
    assert confidence.wrong_above(wrong[wrong < 0.2]) == pytest.approx(accepted, rel=0.3)
    assert confidence.wrong_above(np.zeros(0)) == 0.0


def test_too_few_rows_of_an_unknown_language_teach_nothing():
    english, target = make_sides(40)
    pairs, scorer = align(read_words(rows_of(english), rows_of(target), "xx"), seed=0)
    assert scorer is None and len(pairs) > 30
