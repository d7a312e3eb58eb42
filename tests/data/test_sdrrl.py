"""SDRRL: each part makes the rows it says, nothing but chosen words is switched, answers outlive a killed run."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsuper.config import SdrrlConfig
from deepsuper.data.rows import Row
from deepsuper.data.sdrrl.code_switching import Unit, choose, switch_english, switch_target, units
from deepsuper.data.sdrrl.completion import completion_rows, in_halves
from deepsuper.data.sdrrl.corpus import make_rows, train_lexicon
from deepsuper.data.sdrrl.distillation import Distilled
from deepsuper.models.generation import Written
from sdrrl_rows import OFF, ROWS

LEXICON = train_lexicon(ROWS)


def texts_of(rows: list[Row]) -> list[tuple[str, str]]:
    return [(row.instruction, row.output) for row in rows]


def test_units_are_words_that_translate_each_other():
    found = units(LEXICON, "The cat loves a dog, 17!", "猫爱狗，17！", "zh")
    pairs = [("The cat loves a dog, 17!"[slice(*u.english)], "猫爱狗，17！"[slice(*u.target)]) for u in found]
    assert pairs == [("cat", "猫"), ("loves", "爱"), ("dog", "狗")]  # neither 17 nor marks: they are the same anyway


@settings(deadline=None)
@given(n=st.integers(0, len(ROWS) - 1), share=st.floats(0, 1), seed=st.integers(0, 99))
def test_all_but_the_chosen_words_stays_letter_for_letter(n, share, seed):
    english, target = ROWS[n].instruction_en, ROWS[n].instruction
    found = units(LEXICON, english, target, "zh")
    chosen = choose(found, share, random.Random(seed))
    assert len(chosen) == (min(len(found), max(1, round(share * len(found)))) if share else 0)
    mixed = switch_english(english, target, chosen)
    expected = english
    for unit in sorted(chosen, key=lambda unit: unit.english, reverse=True):
        start, end = unit.english
        expected = expected[:start] + target[slice(*unit.target)] + expected[end:]
    assert mixed == expected  # no spaces were lost or added: English has them already
    mixed = switch_target(english, target, chosen)
    rest = [target[slice(*unit.target)] for unit in found if unit not in chosen]
    assert all(word in mixed for word in rest) and mixed.endswith("！")
    assert (mixed == target) == (not chosen)


def test_two_words_with_spaces_do_not_run_together():
    found = units(LEXICON, "The cat loves a dog, 17!", "猫爱狗！", "zh")
    assert switch_target("The cat loves a dog, 17!", "猫爱狗！", found) == "cat loves dog！"


@pytest.mark.parametrize(
    ("target", "mixed"), [("猫爱狗", "猫loves狗"), ("กขค", "กlovesค"), ("ကခဂ", "ကlovesဂ"), ("а б в", "а loves в")]
)
def test_no_space_comes_into_a_script_that_has_none(target, mixed):
    place = (len(target) // 2, len(target) // 2 + 1)
    assert switch_target("loves", target, [Unit((0, 5), place)]) == mixed


@pytest.mark.parametrize("direction", ["en-en", "en-tgt", "tgt-en", "tgt-tgt"])
def test_a_direction_pairs_the_question_of_one_language_with_the_answer_of_another(direction):
    made = make_rows(ROWS, None, replace(OFF, directions=[direction]), 0)
    question, answer = direction.split("-")
    expected = [
        (r.instruction_en if question == "en" else r.instruction, r.output_en if answer == "en" else r.output)
        for r in ROWS
    ]
    assert list(made.parts) == [direction] and texts_of(made.parts[direction]) == expected
    assert str(made.rows[0].where) == "rows.jsonl:1" and len({row.id for row in made.rows}) == len(ROWS)


def test_own_answers_replace_the_english_ones_and_those_alone():
    own = {(ROWS[0].instruction_en, ""): "mine"}
    made = make_rows(ROWS, Distilled(own, Counter(own=1, cut=119)), replace(OFF, directions=["tgt-en", "tgt-tgt"]), 0)
    asked_alike = {n for n, row in enumerate(ROWS) if row.instruction_en == ROWS[0].instruction_en}
    for n, row in enumerate(ROWS):
        assert made.parts["tgt-en"][n].output == ("mine" if n in asked_alike else row.output_en)
        assert made.parts["tgt-tgt"][n].output == row.output
    assert made.counts == {"answers_own": 1, "answers_cut": 119}


def test_an_answer_that_is_empty_or_cut_is_left():
    distilled = Distilled()
    for n, written in enumerate([Written("yes", True), Written("and so o", False), Written("", True)]):
        distilled.add((str(n), ""), written)
    assert distilled.answers == {("0", ""): "yes"} and distilled.counts == Counter(own=1, cut=1, empty=1)


def test_code_switching_adds_rows_and_a_larger_share_switches_more_words():
    parts = replace(OFF, directions=["en-en", "en-tgt", "tgt-en", "tgt-tgt"])
    plain = make_rows(ROWS, None, parts, 0)
    words = []
    for share in (0.3, 1.0):
        made = make_rows(ROWS, None, replace(parts, code_switch=share), 0)
        assert {name: made.parts[name] for name in parts.directions} == plain.parts
        for side in ("en", "tgt"):
            rows = {row.id.rpartition(":")[2]: row for row in made.parts[f"switched-{side}"]}
            assert len(rows) + made.counts[f"switched-{side}_nothing_to_switch"] == len(ROWS)
            for row in ROWS:
                if row.id in rows:
                    assert rows[row.id].output in (row.output, row.output_en)
                    assert rows[row.id].instruction not in (row.instruction, row.instruction_en)
        words.append(made.counts["words_switched"])
    assert 0 < words[0] < words[1] == made.counts["words_aligned"]


def test_questions_are_switched_only_where_a_direction_asks_in_their_language():
    made = make_rows(ROWS, None, replace(OFF, code_switch=0.5), 0)
    assert set(made.parts) == {"tgt-tgt", "switched-tgt"}
    assert {row.output for row in made.parts["switched-tgt"]} <= {row.output for row in ROWS}


def test_answers_are_switched_only_if_asked_for_and_own_ones_never():
    parts = replace(OFF, code_switch=1.0, switch_answers=True)
    made = make_rows(ROWS, None, parts, 0)
    gold = {row.id: row.output for row in ROWS}
    assert sum(row.output != gold[row.id.rpartition(":")[2]] for row in made.parts["switched-tgt"]) > 100
    own = {(row.instruction_en, ""): "The cat is mine." for row in ROWS}
    made = make_rows(ROWS, Distilled(own), replace(parts, directions=["en-en"]), 0)
    assert {row.output for row in made.parts["switched-en"]} == {"The cat is mine."}


@pytest.mark.parametrize("language", ["zh", "vi", "ar"])
def test_completion_rows_ask_in_the_target_language_and_lose_no_letter(language):
    rows = completion_rows(language, SdrrlConfig())
    assert set(rows) == {"translate", "complete"} and len(rows["translate"]) == len(rows["complete"]) == 510
    for translated, completed in zip(rows["translate"], rows["complete"], strict=True):
        assert (completed.input + completed.output).replace(" ", "") == translated.output.replace(" ", "")
        assert completed.input and completed.output
    assert completion_rows(language, SdrrlConfig(completion=[])) == {}
    assert set(completion_rows(language, SdrrlConfig(completion=["complete"]))) == {"complete"}


def test_sentences_may_come_from_a_file_in_any_language(tmp_path):
    path = tmp_path / "sentences.jsonl"
    path.write_text('{"sw": "Habari ya asubuhi", "en": "Good morning"}\n{"sw": "Asante", "en": "Thanks"}\n')
    rows = completion_rows("sw", SdrrlConfig(sentences=str(path)))
    assert [row.output for row in rows["translate"]] == ["Habari ya asubuhi", "Asante"]
    assert texts_of(rows["complete"]) == [("Complete the following sentence.", "ya asubuhi")]
    assert in_halves("Asante", "sw") is None


@pytest.mark.slow
def test_the_same_seed_makes_the_same_rows_and_another_seed_others():
    parts = SdrrlConfig(distill=False)
    first, again, other = (make_rows(ROWS, None, parts, seed) for seed in (1, 1, 2))
    assert first.rows == again.rows and first.rows != other.rows
