"""Fitting a tuned lens lowers the divergence of every layer on other text, and the commands read through it."""

from __future__ import annotations

import json
import math
import random
from dataclasses import replace

import pytest
import torch

from deepsuper.cli import main
from deepsuper.inside.states import encode_texts
from deepsuper.inside.tuned_lens import fit_lens
from deepsuper.inside.tuned_lens.fit import divergences, least_squares
from deepsuper.inside.tuned_lens.gather import gather
from deepsuper.inside.tuned_lens.words import WordSampler
from deepsuper.method.kept_lens import lens_folder
from deepsuper.method.lens import Lens
from deepsuper.method.tuned_lens import load_lens, read_about, save_lens, zero_lens
from deepsuper.training.run import train
from failing import fail
from runs import make_run
from tiny import make_model, make_tokenizer

L, D = 4, 32


def sentences(count: int, seed: int = 0) -> list[str]:
    rng = random.Random(seed)
    words = ["the", "lens", "of", "a", "layer", "reads", "what", "model", "says", "there"]
    return [" ".join(rng.choices(words, k=8)) for _ in range(count)]


@pytest.mark.parametrize("family", ["llama", "gemma2", "qwen3"])
def test_a_fit_lowers_the_divergence_of_every_layer_on_other_text(family):
    model, tokenizer = make_model(family).eval(), make_tokenizer()
    weights = [p.clone() for p in model.parameters()]
    fitted = fit_lens(model, encode_texts(tokenizer, sentences(60)), steps=30, bf16=False)
    assert len(fitted.logit) == len(fitted.tuned) == L and fitted.tokens > 1000
    others = gather(model, encode_texts(tokenizer, sentences(8, seed=1)), bf16=False, title="")
    before, after = (divergences(Lens(model, tuned=tuned), others) for tuned in (None, fitted.lens))
    for logit, tuned, said, told in zip(before, after, fitted.logit, fitted.tuned, strict=True):
        assert tuned < 0.7 * logit and told < 0.7 * said
    assert all(torch.equal(old, new) for old, new in zip(weights, model.parameters(), strict=True))
    assert not any(p.grad is not None for p in model.parameters())


def test_descent_goes_on_where_least_squares_ends():
    model, texts = make_model("gemma2").eval(), encode_texts(make_tokenizer(), sentences(60))
    squares, descended = (fit_lens(model, texts, steps=steps, bf16=False) for steps in (0, 40))
    assert squares.logit == pytest.approx(descended.logit)
    assert sum(descended.tuned) < 0.98 * sum(squares.tuned)


def test_a_layer_where_descent_ends_above_least_squares_keeps_its_map(monkeypatch):
    monkeypatch.setattr("deepsuper.inside.tuned_lens.fit.RATE", 10.0)
    model, texts = make_model("llama").eval(), encode_texts(make_tokenizer(), sentences(30))
    squares, descended = (fit_lens(model, texts, steps=steps, bf16=False).lens for steps in (0, 3))
    for layer in range(L):
        for kept, own in zip(descended.map(layer), squares.map(layer), strict=True):
            torch.testing.assert_close(kept, own)


def test_divergence_is_that_of_the_two_distributions():
    model, tokenizer = make_model("gemma2").eval(), make_tokenizer()
    states = gather(model, encode_texts(tokenizer, sentences(2)), bf16=False, title="")
    lens = Lens(model, chunk_mib=1)
    p = lens.logits(states.last.float(), L).softmax(dim=-1)
    for layer, said in enumerate(divergences(lens, states)):
        q = lens.logits(states.inner[layer].float(), layer).softmax(dim=-1)
        assert said == pytest.approx((p * (p / q).log()).sum(dim=-1).mean().item(), rel=1e-4)
    torch.testing.assert_close(lens.norm(states.before_norm.float()), states.last.float(), rtol=0.02, atol=0.02)


def test_least_squares_finds_an_affine_map_that_is_there():
    model, tokenizer = make_model("llama").eval(), make_tokenizer()
    states = gather(model, encode_texts(tokenizer, sentences(40)), bf16=False, title="")
    weight, bias = torch.randn(D, D) / 10.0, torch.randn(D)
    h = states.inner[2].float()
    made = replace(states, before_norm=h + h @ weight + bias)
    found = least_squares(made, 2)
    assert (h @ found[:-1] + found[-1] - h @ weight - bias).square().mean() < 1e-4


def test_a_sample_of_the_words_sums_to_all_of_them(monkeypatch):
    monkeypatch.setattr("deepsuper.inside.tuned_lens.words.SAMPLED", 20)
    monkeypatch.setattr("deepsuper.inside.tuned_lens.words.LIKELY", 3)
    model, tokenizer = make_model("gemma2").eval(), make_tokenizer()
    states = gather(model, encode_texts(tokenizer, sentences(2)), bf16=False, title="")
    lens, read = Lens(model), states.last[:5].float()
    sampler = WordSampler(lens, states, torch.Generator().manual_seed(0))
    assert 3 <= len(sampler.likely) < 60
    totals = [sampler.draw().logits(lens, read).exp().sum(dim=-1) for _ in range(400)]
    want = lens.logits(read, L).exp().sum(dim=-1)
    torch.testing.assert_close(torch.stack(totals).mean(dim=0), want, rtol=0.05, atol=0.0)
    monkeypatch.setattr("deepsuper.inside.tuned_lens.words.SAMPLED", 97)
    every = sampler.draw().logits(lens, read)
    assert every.shape[1] == 97
    torch.testing.assert_close(every.exp().sum(dim=-1), want)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("DEEPSUPER_CACHE", str(tmp_path / "cache"))
    return tmp_path


def fit(folder, model: str, *more: str) -> None:
    text = folder / "english.txt"
    text.write_text("\n".join(sentences(30)))
    main(["layers", model, "--fit_lens", "--data", str(text), "--lens_steps", "5", "--bf16", "false", *more])


@pytest.mark.slow
def test_the_command_keeps_a_lens_and_the_others_read_through_it(cache, capsys):
    run = make_run(cache)
    model, text = run.model.name, str(cache / "english.txt")
    fit(cache, model)
    assert "KL(model || lens)" in capsys.readouterr().out
    (path,) = lens_folder().iterdir()
    said, kept = read_about(path), load_lens(path)
    assert said["model"] == model and said["text"] == text and said["steps"] == "5" and kept.layers == (0, 1, 2, 3)
    before, after = json.loads(said["kl_logit"]), json.loads(said["kl_tuned"])
    assert len(before) == L and all(a < b for a, b in zip(after, before, strict=True))
    numbers = []
    for more in ([], ["--tuned_lens", "true"]):
        out = cache / f"out{len(more)}"
        line = ["--lang", "xx", "--data", text, "--bf16", "false", "--resamples", "2", "--output_dir", str(out)]
        main(["layers", model, *line, *more])
        numbers.append(json.loads((out / "layers.json").read_text())["entropy"])
        main(["lens", model, "the lens", "--html", str(out / "lens.html"), *more])
    assert numbers[0][L] == pytest.approx(numbers[1][L]) and abs(numbers[0][1] - numbers[1][1]) > 0.01
    assert (cache / "out0" / "lens.html").read_text() != (cache / "out2" / "lens.html").read_text()


@pytest.mark.parametrize("command", [["layers"], ["lens", "text"]])
def test_without_a_lens_the_commands_say_how_to_make_one(cache, capsys, command):
    model = make_run(cache).model.name
    line = [command[0], model, *command[1:], "--tuned_lens", "true"]
    assert f"tuned_lens: no tuned lens is kept for {model}: make it with `deepsuper layers" in fail(capsys, *line)
    said = fail(capsys, *line, "--lens_norm", "false")
    assert "lens_norm: need true with tuned_lens" in said


def test_options_that_a_fit_does_not_read_are_refused(cache, capsys):
    model = make_run(cache).model.name
    fitting = ["layers", model, "--fit_lens"]
    assert "criteria ('entropy', 'language'): is not read" in fail(capsys, *fitting, "--criteria", "entropy,language")
    assert "lens_steps: need 0 <= lens_steps" in fail(capsys, *fitting, "--lens_steps", "-1")
    few = cache / "few.txt"
    few.write_text("one sentence\n")
    assert "has 1 sentences: need at least 10" in fail(capsys, *fitting, "--data", str(few))


@pytest.mark.slow
def test_a_run_reads_its_layers_through_the_lens_and_saves_nothing_of_it(cache):
    run = make_run(cache, method="dft-logits", lens="tuned", max_steps=2, save_every=1)
    with pytest.raises(
        ValueError, match=r"objective.lens: no tuned lens is kept for .*: make it with `deepsuper layers"
    ):
        train(run)
    fit(cache, run.model.name)
    folder = train(run)
    (path,) = lens_folder().iterdir()
    manifest = json.loads((folder / "manifest.json").read_text())
    assert list(manifest["tuned_lens"]) == [str(path)]
    assert "tuned lens" in manifest["objective"]
    first = json.loads((folder / "metrics.jsonl").read_text().splitlines()[0])
    plain = train(replace(run, output_dir=str(cache / "plain"), objective=replace(run.objective, lens="logit")))
    other = json.loads((plain / "metrics.jsonl").read_text().splitlines()[0])
    assert first["loss_tft"] == pytest.approx(other["loss_tft"], rel=1e-5)
    assert math.isfinite(first["loss_lc"]) and abs(first["loss_lc"] - other["loss_lc"]) > 0.01
    saved = {file.name: file.stat().st_size for file in (folder / "model").iterdir() if file.suffix == ".safetensors"}
    assert saved == {f.name: f.stat().st_size for f in (plain / "model").iterdir() if f.suffix == ".safetensors"}
    save_lens(path, zero_lens(L, D), read_about(path))
    with pytest.raises(ValueError, match=r"\.safetensors: has changed since the run was started"):
        train(run, resume=True)
