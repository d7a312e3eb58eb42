"""Choosing layers: the criteria on made-up models and curves, the command, `layers: auto`, and a real model."""

from __future__ import annotations

import json

import numpy as np
import pytest
import yaml

from deepsuper.cli import main
from deepsuper.common.figures import font_for
from deepsuper.config import LayersConfig, ModelConfig
from deepsuper.data.texts import LANGUAGES, load_texts
from deepsuper.inside.layers import select_layers
from deepsuper.inside.layers.criteria import by_alignment, by_entropy, by_language
from deepsuper.inside.layers.drops import LayerChoice
from deepsuper.inside.layers.measure import Curves, measure
from deepsuper.inside.layers.run import read_texts
from deepsuper.inside.states import encode_texts
from deepsuper.inside.vocabulary import GROUPS
from deepsuper.models.load import load_model, load_tokenizer
from deepsuper.training.run import train
from failing import fail
from runs import make_run
from test_drops import paper_curve
from tiny import make_model, make_tokenizer

SENTENCES = ["the first line of text", "another one", "a third, which is longer than both", "and the last"]


def made_up(entropy: np.ndarray, mass: np.ndarray | None = None, sentences: int = 40) -> Curves:
    """Curves of sentences that scatter around the given means. Shapes: (L + 1,), (L + 1, G)."""
    rng = np.random.default_rng(0)
    tokens = rng.integers(5, 40, sentences).astype(float)
    sums = np.stack([(entropy + rng.normal(0.0, 0.3, len(entropy))) * count for count in tokens])
    masses = np.zeros((sentences, len(entropy), 0)) if mass is None else np.stack([mass * count for count in tokens])
    return Curves(sums, masses, tokens, () if mass is None else GROUPS, 0, np.zeros((len(entropy), 3)))


def test_entropy_names_the_papers_layers_with_intervals_and_the_count_that_is_enough():
    curves = made_up(paper_curve(noise=0.02))
    verdict, choice = by_entropy(curves, curves.resamples(100, 0))
    assert (verdict.layer_lc, verdict.layer_et) == (2, 15) and choice.found
    assert verdict.interval_lc[0] == 2 and verdict.interval_lc[1] <= 3
    assert 14 <= verdict.interval_et[0] <= 15 <= verdict.interval_et[1] <= 16
    assert verdict.found > 0.95 and verdict.settled < 40
    assert [drop["end"] for drop in verdict.evidence["drops"]] == [2, 32]


def test_entropy_without_drops_names_none_and_says_where_it_falls_most():
    curves = made_up(np.array([0.0, 1.0, 3.0, 5.0, 7.0, 4.0, 4.5, 4.0, 4.2]))
    verdict, choice = by_entropy(curves, curves.resamples(50, 0))
    assert verdict.layer_lc is None and verdict.interval_et is None and verdict.near_et == 4 and not choice.found


def pivot(english: list[float], target: list[float]) -> np.ndarray:
    mass = np.zeros((len(english), len(GROUPS)))
    mass[:, 0], mass[:, 1] = english, target
    mass[:, -1] = 1.0 - mass.sum(axis=1)
    return mass


def test_language_names_the_layer_that_speaks_most_english_and_where_it_begins_to():
    mass = pivot([0.0, 0.1, 0.3, 0.5, 0.3, 0.2, 0.0], [0.9, 0.5, 0.1, 0.1, 0.1, 0.5, 0.9])
    curves = made_up(np.ones(7), mass)
    verdict = by_language(curves, curves.resamples(20, 0))
    assert (verdict.layer_lc, verdict.layer_et) == (2, 3) and verdict.interval_et == (3, 3)
    assert "likeliest at layer 3 (50%)" in verdict.reason and "ahead from layer 5 on" in verdict.reason


@pytest.mark.parametrize("english", [[0.1] * 7, [0.3, 0.3, 0.4, 0.5, 0.4, 0.3, 0.3], [0, 0, 0.02, 0.04, 0.02, 0, 0]])
def test_a_flat_or_faint_mass_on_english_is_no_pivot(english):
    none = by_language(made_up(np.ones(7), pivot(english, [0.1] * 7)), [])
    assert none.layer_lc is None and none.layer_et is None and "no inner layer" in none.reason


def test_alignment_names_the_first_layer_where_sentences_find_each_other():
    rng = np.random.default_rng(0)
    meaning = rng.normal(size=(50, 16))
    noise = [0.3, 9.0, 9.0, 0.1, 0.1, 9.0]  # the embeddings find shared names, the middle layers meaning
    english, target = (
        np.stack([meaning + scale * rng.normal(size=meaning.shape) for scale in noise], axis=1) for _ in range(2)
    )
    verdict = by_alignment(english, target, [])
    assert verdict.layer_lc is None and verdict.layer_et == 3


def test_mean_over_tokens_is_that_of_all_tokens_at_once():
    model, texts = make_model("llama").eval(), encode_texts(make_tokenizer(), SENTENCES)
    whole = measure(model, texts, bf16=False)
    assert whole.tokens.tolist() == [len(text) for text in SENTENCES]
    each = [measure(model, [text], bf16=False).mean_entropy() for text in texts]
    np.testing.assert_allclose(whole.mean_entropy(), np.average(each, axis=0, weights=whole.tokens), rtol=1e-5)
    np.testing.assert_allclose(whole.sample.mean(axis=1), each[0], rtol=1e-5)


@pytest.fixture
def text_file(tmp_path):
    path = tmp_path / "text.jsonl"
    path.write_text("".join(json.dumps({"xx": text, "en": text.upper()}) + "\n" for text in SENTENCES))
    return path


@pytest.mark.slow
def test_the_command_writes_numbers_picture_and_recipe_lines(tmp_path, text_file, capsys):
    config = make_run(tmp_path)
    line = [
        "layers",
        config.model.name,
        "--lang",
        "xx",
        "--data",
        str(text_file),
        "--bf16",
        "false",
        "--resamples",
        "20",
    ]
    main([*line, "--criteria", "entropy,language,alignment", "--output_dir", str(tmp_path / "out")])
    said = capsys.readouterr().out
    record = json.loads((tmp_path / "out" / "layers.json").read_text())
    assert len(record["entropy"]) == 5 and np.shape(record["entropy_95"]) == (2, 5)
    np.testing.assert_allclose(np.sum(record["mass"], axis=1), 1.0, rtol=1e-4)
    assert [c["criterion"] for c in record["criteria"]] == ["entropy", "language", "alignment"]
    assert "".join(record["sample"]["tokens"]).replace("▁", " ") == SENTENCES[0]
    assert (tmp_path / "out" / "layers.png").read_bytes().startswith(b"\x89PNG")
    lines = (tmp_path / "out" / "layers.yaml").read_text()
    assert record["fallback"] and "the paper's shares" in lines and lines.splitlines()[0] in said
    assert yaml.safe_load(lines) == {"objective": {"layer_lc": record["layer_lc"], "layer_et": record["layer_et"]}}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--lang", "sw"], "lang 'sw': no sentences are packaged for it (there are zh, vi, ar): give your own"),
        (["--lang", "sw", "--data", "nowhere.txt"], "nowhere.txt: no such file"),
        (["--sentences", "1"], "sentences: need at least 2, got 1"),
        (["--criteria", "entropy,magic"], "criteria: need some of entropy,language,alignment, got 'entropy,magic'"),
        (["--max_length", "1"], "max_length: need at least 2 tokens, got 1"),
    ],
)
def test_a_mistake_ends_in_one_line(tmp_path, capsys, monkeypatch, options, words):
    monkeypatch.setattr("deepsuper.inside.layers.run.load_for_reading", lambda *_: pytest.fail("weights were loaded"))
    assert words in fail(capsys, "layers", make_run(tmp_path).model.name, *options)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no text: need at least one sentence"),
        ("fine line\nx\n", "sentence 2: 'x' has 1 tokens: need two or more"),
        ('{"xx": "fine"}\n{"xx": ""}\n', 'text.jsonl:2: need a text that is not empty, got ""'),
        ('{"xx": "fine"}\n{"yy": "fine"}\n', "text.jsonl:2: has none of the fields xx, text, instruction"),
        ('{"xx": "fine"}\n{broken\n', "text.jsonl:2: not JSON"),
        ('{"xx": "fine"}\n', "sentence 1 has no English beside it"),
    ],
)
def test_bad_text_is_named_with_its_line(tmp_path, capsys, monkeypatch, text, words):
    monkeypatch.setattr("deepsuper.inside.layers.run.load_for_reading", lambda *_: pytest.fail("weights were loaded"))
    path = tmp_path / "text.jsonl"
    path.write_text(text)
    criteria = "alignment" if "English" in words else "entropy"
    line = ["layers", make_run(tmp_path).model.name, "--lang", "xx", "--data", str(path), "--criteria", criteria]
    assert words in fail(capsys, *line)


def test_a_model_without_decoder_blocks_is_named(tmp_path, capsys, text_file, monkeypatch):
    monkeypatch.setattr(
        "deepsuper.inside.layers.run.load_for_reading", lambda *_: make_model("llama").get_decoder().norm
    )
    line = ["layers", make_run(tmp_path).model.name, "--lang", "xx", "--data", str(text_file)]
    assert "no decoder layers found in LlamaRMSNorm" in fail(capsys, *line)


@pytest.mark.slow
def test_a_run_measures_its_layers_records_them_and_resumes_with_the_same(tmp_path, monkeypatch, caplog):
    config = make_run(
        tmp_path, method="dft-logits", layer_lc=None, layer_et=None, layers="auto", save_every=2, language="xx"
    )
    monkeypatch.setattr(
        "deepsuper.inside.layers.criteria.choose", lambda *_: LayerChoice(2, 3, (), 0.1, "told to", (0.0,) * 5)
    )
    folder = train(config)
    record = json.loads((folder / "layers.json").read_text())
    assert (record["layer_lc"], record["layer_et"], record["fallback"]) == (2, 3, False)
    assert record["source"] == "the run's questions" and record["sentences"] == 24
    formula = json.loads((folder / "manifest.json").read_text())["objective"]
    assert "theta_1:2, W_out" in formula and "theta_1:3, W_out" in formula
    assert "theta_1:2, W_out" in (folder / "model" / "README.md").read_text()
    monkeypatch.setattr("deepsuper.training.run.choose_for_run", lambda *_: pytest.fail("measured again"))
    train(config, resume=True)


@pytest.mark.slow
def test_a_run_without_two_drops_says_so_and_uses_the_papers_shares(tmp_path, caplog):
    train(
        make_run(tmp_path, method="lc-logits", layer_lc=None, layer_et=None, layers="auto", max_steps=1, language="xx")
    )
    assert "the paper's shares of the depth, because" in caplog.text


def test_packaged_sentences_are_parallel_and_dev_and_devtest_are_apart():
    for language in LANGUAGES:
        dev, devtest = (load_texts(language, part=part, parallel=True) for part in ("dev", "devtest"))
        assert (len(dev.target), len(devtest.target)) == (510, 494) and not set(dev.english) & set(devtest.english)
        assert len(dev.english) == 510 and all(text.strip() for text in (*dev.target, *devtest.target))


@pytest.mark.real
def test_gemma_shows_no_two_drops_but_an_english_stretch():
    config = LayersConfig(
        ModelConfig("gemma-3-270m"), "zh", sentences=8, criteria=("entropy", "language"), resamples=20
    )
    report = select_layers(load_model(config.model).eval(), load_tokenizer(config.model), read_texts(config), config)
    entropy, language = report.verdicts
    assert entropy.layer_et is None and entropy.near_et == 11
    assert report.agreed.fallback and "language 13 (13 to 13) is alone" in report.agreed.reason
    assert 11 <= language.layer_lc <= 12 and 12 <= language.layer_et <= 14
    curve = report.curves.mean_entropy()
    assert curve[0] < 0.1 and curve.argmax() == 11 and 6.0 < curve[11] < 8.0


def test_a_font_is_named_only_where_it_has_the_letters():
    assert font_for("plain text") == "DejaVu Sans"
    assert font_for("\U0010fffd") is None  # a private character, which only the font of boxes claims to have
