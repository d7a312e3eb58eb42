"""Layers from evidence: which criteria are used, what happens where they disagree, and several languages."""

import json
from dataclasses import replace

import pytest
import yaml

from deepsuper.cli import main
from deepsuper.inside.layers.agree import agree, agree_over_languages
from deepsuper.inside.layers.auto import choose_for_run, readable, texts_for
from deepsuper.inside.layers.criteria import Verdict, without_english
from deepsuper.training.prepare import prepare
from runs import make_run
from tiny import make_tokenizer

DEPTH = 32


def named(criterion, j, i=None, *, wide=0, found=1.0):
    """What a criterion says, with an interval from `wide` layers below to as many above."""
    spans = [None if layer is None else (layer - wide, layer + wide) for layer in (i, j)]
    return Verdict(criterion, i, j, spans[0], spans[1], found, None, "as told")


def none(criterion):
    return Verdict(criterion, None, None, None, None, 0.0, None, "nothing there")


def layers(*verdicts, depth=DEPTH):
    agreed = agree(verdicts, depth)
    return agreed.layer_lc, agreed.layer_et, agreed.criteria


def test_two_criteria_that_agree_win_over_a_third():
    assert layers(named("entropy", 15, 2), named("language", 24, 20), named("alignment", 25)) == (
        20,
        24,
        ("language", "alignment"),
    )
    assert layers(named("entropy", 15, 2), named("language", 24, 20), named("alignment", 15)) == (
        2,
        15,
        ("entropy", "alignment"),
    )


def test_of_three_that_agree_the_layers_are_the_medians():
    agreed = agree([named("entropy", 14, 5), named("language", 15, 4), named("alignment", 16)], DEPTH)
    assert (agreed.layer_lc, agreed.layer_et) == (4, 15)
    assert agreed.reason == (
        "entropy 14 (14 to 14) and language 15 (15 to 15) and alignment 16 (16 to 16) agree; "
        "i by entropy 5 (5 to 5) and language 4 (4 to 4)"
    )


@pytest.mark.parametrize(("apart", "together"), [(0, True), (2, True), (3, False)])
def test_criteria_agree_if_their_intervals_one_layer_wider_on_each_side_share_layers(apart, together):
    agreed = agree([named("language", 12, 10, wide=1), named("alignment", 14 + apart, wide=1)], DEPTH)
    assert agreed.fallback is not together
    if together:  # the layer is compatible with both
        assert max(10, 12 + apart) <= agreed.layer_et <= min(14, 16 + apart)


def test_entropy_needs_no_other_and_any_other_alone_is_not_used():
    assert layers(named("entropy", 15, 2), none("language"), without_english()) == (2, 15, ("entropy",))
    assert layers(named("entropy", 15, 2), named("language", 24, 20)) == (2, 15, ("entropy",))
    alone = agree([none("entropy"), named("language", 24, 20), without_english()], DEPTH)
    assert (alone.layer_lc, alone.layer_et) == (2, 15) and alone.fallback
    assert alone.line == (
        "i = 2, j = 15, the paper's shares of the depth, because language 24 (24 to 24) is alone; "
        "entropy found none (nothing there); alignment found none (there is no English beside the sentences)"
    )
    assert "do not agree" in agree([named("language", 24, 20), named("alignment", 9)], DEPTH).reason


@pytest.mark.parametrize(
    ("verdict", "why"),
    [
        (named("alignment", 20, wide=6), "wider than 33% of the depth"),
        (named("alignment", 20, found=0.5), "found in only 50% of the samples"),
        (named("alignment", 1), "leaves no layer for i"),
    ],
)
def test_a_criterion_that_is_unsure_does_not_count(verdict, why):
    agreed = agree([named("language", 20, 18), verdict], DEPTH)
    assert agreed.fallback and why in agreed.reason and "language 20 (20 to 20) is alone" in agreed.reason


def test_i_lies_below_j_and_is_the_papers_share_if_no_used_criterion_names_it():
    assert layers(named("language", 13, 12), named("alignment", 11), depth=18) == (11, 12, ("language", "alignment"))
    assert "moved below j" in agree([named("language", 13, 12), named("alignment", 11)], 18).reason
    unsure = replace(named("language", 13, 12), interval_lc=(1, 12))
    assert layers(unsure, named("alignment", 12)) == (2, 12, ("language", "alignment"))


def test_of_several_languages_each_has_one_vote_and_those_without_layers_have_none():
    zh = agree([named("entropy", 15, 3)], DEPTH)
    vi = agree([named("language", 20, 18), named("alignment", 20)], DEPTH)
    ar = agree([none("entropy"), none("language")], DEPTH)
    chosen = agree_over_languages({"zh": zh, "vi": vi, "ar": ar}, DEPTH)
    assert (chosen.layer_lc, chosen.layer_et) == (3, 15)
    assert chosen.criteria == ("entropy", "language", "alignment")
    assert chosen.reason.startswith("the median of 2 of 3 languages; zh: i = 3, j = 15, entropy 15 (15 to 15)")
    assert "ar: none, entropy found none" in chosen.reason
    assert agree_over_languages({"ar": ar}, DEPTH) is ar
    assert agree_over_languages({"ar": ar, "sw": ar}, DEPTH).fallback


def test_questions_of_one_token_and_repeated_ones_are_left_out():
    own = [("ab cd", "cd ef"), ("a", "long enough"), ("long enough", "b"), ("ab cd", "cd ef"), ("cd", "")]
    left = readable(make_tokenizer(), own)
    assert left == [("ab cd", "cd ef"), ("cd", "")]
    assert texts_for("xx", left, 1).english == ("cd ef",) and texts_for("xx", left, None).english is None
    assert texts_for("zh", [], 3).english is not None


@pytest.mark.slow
@pytest.mark.parametrize("told", [None, (2, 3)])
def test_a_run_chooses_what_the_command_says_of_the_same_sentences(tmp_path, capsys, monkeypatch, told):
    if told is not None:
        tell(monkeypatch, *told)
    config = auto_run(tmp_path)
    choose_for_run(config, prepare(config).questions, tmp_path / "auto")
    data = ["--data", str(tmp_path / "rows.jsonl"), "--bf16", "false"]
    main(["layers", config.model.name, "--lang", "xx", *data, "--output_dir", str(tmp_path / "command")])
    lines = (tmp_path / "command" / "layers.yaml").read_text()
    assert (tmp_path / "auto" / "layers.yaml").read_text() == lines and lines in capsys.readouterr().out
    mine, theirs = (json.loads((tmp_path / name / "layers.json").read_text()) for name in ("auto", "command"))
    assert [c["criterion"] for c in mine["criteria"]] == ["entropy", "language", "alignment"]
    assert mine["criteria"] == theirs["criteria"] and mine["agreement"] == theirs["agreement"]
    if told is not None:
        assert yaml.safe_load(lines) == {"objective": {"layer_lc": told[0], "layer_et": told[1]}}


@pytest.mark.slow
def test_each_language_is_measured_by_itself(tmp_path, caplog, monkeypatch):
    tell(monkeypatch, 2, 3)
    rows = prepare(auto_run(tmp_path)).questions["xx"]
    questions = {"xx": rows, "yy": [(text, "") for text, _ in rows], "zz": [("a", "b")]}
    with caplog.at_level("INFO", "deepsuper"):
        chosen = choose_for_run(auto_run(tmp_path), questions, tmp_path / "auto")
    assert (chosen.layer_lc, chosen.layer_et) == (2, 3)
    record = json.loads((tmp_path / "auto" / "layers.json").read_text())
    assert record["layer_et"] == 3 and list(record["languages"]) == ["xx", "yy", "zz"]
    assert "there is no English beside the sentences" in record["languages"]["yy"]["agreement"]
    assert record["languages"]["zz"]["fallback"] and not (tmp_path / "auto" / "layers" / "zz").exists()
    assert (tmp_path / "auto" / "layers" / "yy" / "layers.png").exists()
    assert "layers: auto: i = 2, j = 3: the median of 2 of 3 languages" in caplog.text


def auto_run(folder):
    return make_run(folder, method="dft-logits", layer_lc=None, layer_et=None, layers="auto", language="xx")


def tell(monkeypatch, i, j):
    """Makes the entropy name these layers, and the language none."""
    from deepsuper.inside.layers.drops import LayerChoice

    monkeypatch.setattr(
        "deepsuper.inside.layers.criteria.choose", lambda *_: LayerChoice(i, j, (), 0.1, "told to", (0.0,) * 5)
    )
    monkeypatch.setattr("deepsuper.inside.layers.criteria._peak", lambda english: (None, None))
    monkeypatch.setattr("deepsuper.inside.layers.criteria._first_best", lambda hits: j)
