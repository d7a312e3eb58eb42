"""Scorers against the official scripts, the language of answers, and items that survive their file."""

from __future__ import annotations

import io
import json
import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from deepsuper.common.files import json_line, write_json_lines
from deepsuper.evaluation.benchmarks import BENCHMARKS
from deepsuper.evaluation.fidelity import in_language
from deepsuper.evaluation.harness import provide_squad_metrics
from deepsuper.evaluation.items import read_item_lines, summarise
from deepsuper.evaluation.measures import MEASURES
from deepsuper.evaluation.report import print_table
from deepsuper.evaluation.scorers import best, exact_match, f1, mkqa_f1, mkqa_rules, mlqa_rules, squad_rules

OFFICIAL = json.loads(r"""[
["zh", "巴黎 (Paris)", "Paris 巴黎！", 1.0, 0.0, 0.933333, 0.0],
["vi", "", "", 0.0, 1.0, 1.0, 1.0],
["en", "", "the", 0.0, 1.0, 1.0, 1.0],
["ar", "", "", 0.0, 1.0, 1.0, 1.0],
["ar", "الباريس، ال", "باريس", 1.0, 1.0, 0.0, 0.0],
["zh", "法国的首都是巴黎", "IBM公司的 PC", 0.153846, 0.0, 0.125, 0.0],
["zh", "Paris 巴黎！", "IBM公司的 PC", 0.0, 0.0, 0.25, 0.0],
["zh", "巴黎 (Paris)", "法国的首都是巴黎", 0.363636, 0.0, 0.266667, 0.0],
["vi", "là", "là", 0.0, 1.0, 1.0, 1.0],
["vi", "Paris", "thủ đô của Pháp là Paris", 0.4, 0.0, 0.4, 0.0],
["ar", "باريس", "العاصمة هي باريس", 0.5, 0.0, 0.5, 0.0],
["zh", "IBM公司的 PC", "Paris 巴黎！", 0.0, 0.0, 0.25, 0.0],
["zh", "Paris 巴黎！", "法国的首都是巴黎", 0.363636, 0.0, 0.25, 0.0],
["ar", "باريس", "الباريس، ال", 1.0, 1.0, 0.0, 0.0],
["ar", "العاصمة هي باريس", "باريس", 0.5, 0.0, 0.5, 0.0],
["zh", "法国的首都是巴黎", "巴黎 (Paris)", 0.363636, 0.0, 0.266667, 0.0],
["vi", "thủ đô của Pháp là Paris", "Paris", 0.4, 0.0, 0.4, 0.0],
["vi", "", "là", 0.0, 1.0, 1.0, 1.0],
["en", "the", "", 0.0, 1.0, 1.0, 1.0],
["zh", "", "", 0.0, 1.0, 1.0, 1.0],
["ar", "العاصمة هي باريس", "الباريس، ال", 0.5, 0.0, 0.0, 0.0],
["zh", "Paris 巴黎！", "巴黎 (Paris)", 1.0, 0.0, 0.933333, 0.0],
["en", "the", "the", 0.0, 1.0, 1.0, 1.0],
["zh", "巴黎 (Paris)", "IBM公司的 PC", 0.0, 0.0, 0.266667, 0.0],
["zh", "法国的首都是巴黎", "Paris 巴黎！", 0.363636, 0.0, 0.25, 0.0],
["ar", "الباريس، ال", "العاصمة هي باريس", 0.5, 0.0, 0.0, 0.0],
["zh", "IBM公司的 PC", "法国的首都是巴黎", 0.153846, 0.0, 0.125, 0.0],
["zh", "IBM公司的 PC", "巴黎 (Paris)", 0.0, 0.0, 0.266667, 0.0],
["vi", "là", "", 0.0, 1.0, 1.0, 1.0],
["en", "", "", 0.0, 1.0, 1.0, 1.0],
["zh", "法国的首都是巴黎", "IBM公司的 PC", 0.153846, 0.0, 0.125, 0.0],
["en", "The Eiffel Tower", "the", 0.0, 0.0, 0.0, 0.0],
["ar", "مدينة السلام", "", 0.0, 0.0, 0.0, 0.0],
["zh", "法国的首都是巴黎", "Paris 巴黎！", 0.363636, 0.0, 0.25, 0.0],
["vi", "cái bàn, chiếc ghế", "", 0.0, 0.0, 0.0, 0.0],
["en", "Eiffel tower.", "“quoted” text", 0.0, 0.0, 0.0, 0.0],
["zh", "IBM公司的 PC", "二零零一", 0.0, 0.0, 0.0, 0.0],
["vi", "24 tháng 12", "những con mèo", 0.0, 0.0, 0.0, 0.0]
]""")


@pytest.mark.parametrize(("language", "said", "gold", "mlqa", "mlqa_em", "mkqa", "mkqa_em"), OFFICIAL)
def test_scores_are_the_official_scripts(language, said, gold, mlqa, mlqa_em, mkqa, mkqa_em):
    assert f1(said, gold, mlqa_rules(language)) == pytest.approx(mlqa, abs=1e-6)
    assert exact_match(said, gold, mlqa_rules(language)) == mlqa_em
    assert mkqa_f1(said, gold, mkqa_rules(language)) == pytest.approx(mkqa, abs=1e-6)
    assert exact_match(said, gold, mkqa_rules(language)) == mkqa_em


SQUAD = json.loads(r"""[
["a tall tower in Paris", "the tower", 0.4, 0],
["The Eiffel Tower!", "eiffel tower", 1.0, 1],
["", "the", 1, 1],
["", "Paris", 0, 0],
["Paris", "the", 0, 0],
["the", "a", 1, 1],
["in the year 1889 by Gustave Eiffel", "Gustave Eiffel", 0.5, 0],
["one two three four five six seven", "seven six eight", 0.4, 0],
["法国巴黎", "巴黎", 0, 0],
["巴黎，法国", "巴黎", 0, 0],
["thủ đô của Pháp là Paris", "Paris", 0.2857142857142857, 0],
["Denver Broncos’ defense", "the Denver Broncos", 0.4, 0],
["it's 1,000 km", "1000 km", 0.8, 0],
["to to be be or not", "to be or to", 0.8, 0],
["العاصمة هي باريس", "باريس", 0.5, 0],
["x y z w v u t s r q p", "p q r", 0.42857142857142855, 0]
]""")
"""Said, gold, F1 and exact match as `compute_f1` and `compute_exact` of transformers 4 give them, run aside: the scorer
that the harness's XQuAD imports.
"""


@pytest.mark.parametrize(("said", "gold", "wanted", "exact"), SQUAD)
def test_what_the_harness_imports_scores_as_transformers_4_did_to_the_last_digit(said, gold, wanted, exact):
    provide_squad_metrics()
    from transformers.data.metrics import squad_metrics

    assert squad_metrics.compute_f1(gold, said) == wanted
    assert squad_metrics.compute_exact(gold, said) == exact


def test_squad_by_hand_and_the_best_of_all_answers():
    rules = squad_rules()
    assert f1("The Eiffel Tower!", "eiffel tower", rules) == 1.0
    assert f1("a tall tower in Paris", "the tower", rules) == pytest.approx(2 / 5)
    assert f1("法国巴黎", "巴黎", rules) == 0.0 and f1("法国巴黎", "巴黎", mlqa_rules("zh")) == pytest.approx(2 / 3)
    assert best(f1, "blue", ["red", "sky blue"], rules) == pytest.approx(2 / 3)
    with pytest.raises(ValueError, match="at least one right answer"):
        best(f1, "blue", [], rules)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "language", "want"),
    [("巴黎", "zh", True), ("Paris is in France", "zh", False), ("1999", "zh", None), ("باريس", "ar", True),
     ("thành phố lớn nhất của nước Pháp", "vi", True), ("the largest city of the country", "vi", False),
     ("the largest city of the country", "en", True), ("法国最大的城市", "en", False),
     ("أكبر مدينة في البلاد", "en", False), ("法国最大的城市", "vi", False),
     ("La plus grande ville de France", "en", False), ("Die größte Stadt des Landes", "vi", False),
     ("Paris", "vi", None), ("Paris", "en", None), ("New York", "vi", None), ("Paris", "zh", False),
     ("Hà Nội", "vi", True), ("Hà Nội", "en", False), ("Napoleon Bonaparte, Emperor Napoleon", "en", None),
     ("پاریس پایتخت فرانسه است", "ar", False), ("فرانس کا دارالحکومت پیرس ہے", "ar", False),
     ("أكبر مدينة في البلاد", "ar", True), ("پاریس", "ar", True), ("saluton", "eo", None), ("", "en", None)],
)  # fmt: skip
def test_language_of_an_answer(text, language, want):
    assert in_language(text, language) is want
    assert in_language(unicodedata.normalize("NFD", text), language) is want


def test_the_language_of_an_answer_does_not_depend_on_what_else_uses_the_identifier():
    import py3langid

    py3langid.set_languages(["fr", "de"])
    assert in_language("the largest city of the country", "en") is True
    assert py3langid.classify("the largest city of the country")[0] in ("fr", "de")
    py3langid.set_languages(None)


def test_a_score_says_of_how_many_answers_the_language_can_be_told_and_how_many_are_empty():
    said = ["thành phố lớn nhất của nước Pháp", "Paris", " ", "the largest city of the country"]
    items = [
        {"prediction": text, "in_language": in_language(text, "vi"), "f1": 0.0, "exact_match": 0.0} for text in said
    ]
    score = summarise(items, BENCHMARKS["xquad"])
    assert (score["items"], score["in_language"]["items"], score["in_language"]["mean"]) == (4, 2, 0.5)
    assert score["empty"]["mean"] == 0.25
    console = Console(width=200, file=io.StringIO(), color_system=None)
    print_table(console, {"m": {"xquad/vi": score}})
    assert re.search(
        r"xquad/vi +. F1 .* in language 50\.0 \(.* to .*\) of 2 that can be told; empty 25\.0", console.file.getvalue()
    )


ODD = st.text(st.sampled_from('\ud800\u2028\u2029\x85\x00\x1b\x7f\t"\\\n\r\u202e\u2066\u200f\ufeff</script>ب猫'))


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "id": st.integers() | ODD,
                "prediction": st.text(st.characters()) | ODD,
                "golds": st.lists(ODD, max_size=2),
            }
        ),
        max_size=4,
    )
)
def test_items_are_read_as_they_were_written(tmp_path_factory, items):
    file = tmp_path_factory.getbasetemp() / "xquad.zh.jsonl"
    write_json_lines(file, items)
    # Two halves of a pair side by side are one character in JSON.
    assert list(read_item_lines(file)) == json.loads(json.dumps(items))


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters()), ODD)
def test_no_prediction_breaks_a_file(tmp_path_factory, one, two):
    path = tmp_path_factory.getbasetemp() / "items.jsonl"
    path.write_text(json_line({"prediction": one}) + json_line({"prediction": two}), encoding="utf-8", newline="")
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["prediction"] for line in lines] == [one, two]


def test_a_share_has_wilsons_interval_and_never_an_empty_one():
    n, z = 48, 1.959964
    none = MEASURES["acc"].interval([{"acc": 0.0}] * n)
    assert (none.mean, none.low, none.high) == pytest.approx((0.0, 0.0, z**2 / (n + z**2)))
    every = MEASURES["in_language"].interval([{"in_language": True}] * n + [{"in_language": None}])
    assert (every.mean, every.low, every.high) == pytest.approx((1.0, n / (n + z**2), 1.0))
    some = MEASURES["exact_match"].interval([{"exact_match": float(k < 12)} for k in range(n)])
    middle, half = (12 + z**2 / 2) / (n + z**2), z * (12 * 36 / n + z**2 / 4) ** 0.5 / (n + z**2)
    assert (some.mean, some.low, some.high) == pytest.approx((0.25, middle - half, middle + half))
    assert some.stderr == pytest.approx((0.25 * 0.75 / 47) ** 0.5)
    assert MEASURES["f1"].interval([{"f1": 0.0}] * n).high == 0.0  # a bootstrap: F1 is no share of items
