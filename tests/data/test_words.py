"""The room `words`: tokens lose nothing, a lexicon finds its dictionary again, scores tell true rows from false."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsuper.data.words import Lexicon, segment, tokens
from deepsuper.data.words.lexicon import links_of
from deepsuper.data.words.segment import form_of
from shared import SHARED, needs_shared


@pytest.mark.parametrize("language", ["en", "zh", "vi", "ar", "hi"])
@settings(deadline=None)
@given(
    text=st.text(st.characters(codec=None) | st.sampled_from("中国首都 3,０.٣e\u0301ạ'\u064b\x00\ud800\n"), max_size=60)
)
def test_tokens_are_in_order_and_only_white_space_lies_between_them(language, text):
    end = 0
    for token in tokens(text, language):
        assert text[end : token.start].strip() == "" and token.end > token.start and token.form
        end = token.end
    assert text[end:].strip() == ""


def test_words_are_cut_by_language():
    assert segment("法国的首都是 GPT-4，对吗？", "zh") == [
        "法国",
        "的",
        "首都",
        "是",
        "gpt",
        "-",
        "4",
        ",",
        "对",
        "吗",
        "?",
    ]
    assert segment("Thủ đô của Pháp", "vi") == ["thủ", "đô", "của", "pháp"]
    assert segment("ما هي عاصمةُ فرنسا؟", "ar") == ["ما", "هي", "عاصمة", "فرنسا", "?"]
    assert segment("It's $3,000.50!", "en") == ["it's", "$", "3000.50", "!"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("３", "3"),
        ("٣", "3"),
        ("3,000", "3.000"),
        ("3,5", "3.5"),
        ("ＡＢ", "ab"),
        ("。", "."),
        ("é", "e\u0301"),
        ("كِتاب", "كتاب"),
    ],
)
def test_ways_to_write_the_same_word_have_one_form(one, other):
    assert form_of(one) == form_of(other)


def made_up_rows(count: int, seed: int = 0) -> tuple[list[tuple[list[str], list[str]]], dict[str, str]]:
    """Rows in English and a language that says each English word by another, in an order a little different."""
    rng = random.Random(seed)
    dictionary = {f"e{n}": f"f{n}" for n in range(200)}
    words, zipf = list(dictionary), [1 / (n + 5) for n in range(200)]
    rows = []
    for _ in range(count):
        english = rng.choices(words, weights=zipf, k=rng.randint(4, 12))
        target = [dictionary[word] for word in english]
        swap = rng.randrange(len(target) - 1)
        target[swap], target[swap + 1] = target[swap + 1], target[swap]
        rows.append((english, target))
    return rows, dictionary


def test_a_lexicon_finds_the_dictionary_that_made_its_rows():
    rows, dictionary = made_up_rows(600)
    lexicon = Lexicon.train(rows)
    links = [(english[i], target[j]) for english, target in rows for i, j in lexicon.align(english, target)]
    right = np.mean([dictionary[e] == f for e, f in links])
    words = sum(len(english) for english, _ in rows)
    assert right > 0.97 and len(links) > 0.9 * words


def test_true_rows_score_above_zero_and_shuffled_ones_below_at_any_length():
    rows, _ = made_up_rows(600)
    lexicon = Lexicon.train(rows)
    true = [lexicon.score(*row) for row in rows]
    false = [lexicon.score(rows[n][0], rows[n - 7][1]) for n in range(len(rows))]
    assert np.mean(true) > 1 and np.mean(false) < 0.5
    assert np.mean(np.array(true) > np.quantile(false, 0.99)) > 0.95


def test_equal_words_count_though_they_were_never_seen():
    lexicon = Lexicon.train(made_up_rows(100)[0])
    assert lexicon.score(["308", "kawann"], ["308", "kawann"]) > 3
    assert lexicon.score(["308", "kawann"], ["309", "short"]) < 0
    assert lexicon.align(["x", "308"], ["308", "y"]) == [(1, 0)]


def test_one_row_alone_is_no_evidence():
    rows, _ = made_up_rows(200)
    lexicon = Lexicon.train([*rows, (["only", "once"], ["nur", "einmal"])])
    assert lexicon.score(["only", "once"], ["nur", "einmal"]) <= 0.01
    assert lexicon.align(["only", "once"], ["nur", "einmal"]) == []


@pytest.mark.parametrize("rows", [[], [([], [])], [(["a"], [])], [(["a"], ["b"])]])
def test_too_little_to_learn_from_says_nothing(rows):
    lexicon = Lexicon.train(rows)
    assert lexicon.score([], ["b"]) == lexicon.score(["a"], []) == 0.0
    assert lexicon.align([], ["b"]) == [] and lexicon.align(["p"], ["q"]) == []
    assert lexicon.score(["p"], ["q"]) <= 0.0


def test_a_link_grows_over_the_rest_of_a_compound():
    """e1 is f1 f2, but f2 seldom stands for e1: only one direction is sure of it. f3 is as likely, but has its own."""
    to_target, to_english = np.full((3, 4), 1e-5), np.full((3, 4), 1e-5)
    for i, j in ((0, 0), (1, 1), (1, 2), (2, 3)):
        to_target[i, j], to_english[i, j] = 0.5, 0.5 if j != 2 else 0.005
    often = np.full(4, 1e-3)
    assert links_of(to_target, to_english, often, often[:3]) == [(0, 0), (1, 1), (1, 2), (2, 3)]
    to_target[1, 2] = 0.002
    assert links_of(to_target, to_english, often, often[:3]) == [(0, 0), (1, 1), (2, 3)]


def test_training_is_the_same_each_time():
    rows, _ = made_up_rows(100)
    first, second = Lexicon.train(rows), Lexicon.train(iter(rows))
    assert np.array_equal(first.keys, second.keys) and np.array_equal(first.to_target.seen, second.to_target.seen)


@pytest.mark.parametrize("language", ["zh", "vi", "ar"])
def test_the_judged_sample_is_of_the_words_that_the_texts_have_now(language):
    sample = Path(__file__).parents[2] / "benchmarks" / "word_alignment" / f"{language}.jsonl"
    records = [json.loads(line) for line in sample.read_text(encoding="utf-8").splitlines()]
    assert len(records) == 50 and sum("missing" in record for record in records) == 10
    for record in records:
        assert record["english"] == segment(record["en"], "en") and record["target"] == segment(record["tgt"], language)
        for i, j, words, *_ in [*record["links"], *record.get("missing", [])]:
            assert words == f"{record['english'][i]} ~ {record['target'][j]}"


@pytest.mark.slow
@needs_shared
@pytest.mark.parametrize("language", ["zh", "vi"])
def test_shuffled_rows_are_told_from_true_ones_though_they_were_learnt_from(language):
    with gzip.open(SHARED / "data" / "parallel" / f"alpaca.{language}.jsonl.gz", "rt", encoding="utf-8") as file:
        records = [json.loads(line) for line, _ in zip(file, range(3000), strict=False)]
    texts = [["\n".join(r[k + s] for k in ("instruction", "input", "output")) for r in records] for s in ("_en", "")]
    rows = [(segment(e, "en"), segment(f, language)) for e, f in zip(*texts, strict=True)]
    false = random.Random(0).sample(range(len(rows)), 100)
    mixed = list(rows)
    for n, other in zip(false, false[1:] + false[:1], strict=True):
        mixed[n] = (rows[n][0], rows[other][1])
    lexicon = Lexicon.train(mixed)
    scores = np.array([lexicon.score(*row) for row in mixed])
    threshold = np.quantile(np.delete(scores, false), 0.01)
    assert np.mean(scores[false] < threshold) >= 0.95
