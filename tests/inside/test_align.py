"""`deepsuper align`: what it measures, prints, writes and refuses."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from deepsuper.cli import main
from deepsuper.config import LoraConfig
from deepsuper.inside.align import compare_sides
from deepsuper.inside.align.measure import difference, tsne
from deepsuper.inside.similarity import cloud_distance
from deepsuper.models.adapters import add_lora
from failing import fail
from runs import make_run
from tiny import make_model

PAIRS = [(f"line number {n} of text", f"THE LINE {n}, IN OTHER LETTERS") for n in range(12)]
rng = np.random.default_rng(0)


@pytest.fixture
def parallel(tmp_path):
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps({"text": text, "en": en}) + "\n" for text, en in PAIRS))
    return path


def test_tuning_that_brings_sides_together_shows_in_every_measure():
    meaning = rng.normal(size=(60, 12)).astype(np.float32)
    far = [meaning + 3.0 * rng.normal(size=meaning.shape).astype(np.float32) for _ in range(2)]
    far[1] += 4.0
    near = [meaning + 0.2 * rng.normal(size=meaning.shape).astype(np.float32) for _ in range(2)]
    before, after = compare_sides(*far), compare_sides(*near)
    for name in ("centered cosine", "centered retrieval en-tgt", "centered retrieval tgt-en", "cka"):
        assert after.measures[name].low > before.measures[name].high, name
    assert after.numbers["cloud distance"] < 0.5 < before.numbers["cloud distance"]
    change = difference(after, before)["centered cosine"]
    assert change.low > 0.5
    assert change.mean == pytest.approx(
        after.measures["centered cosine"].mean - before.measures["centered cosine"].mean
    )


@pytest.mark.slow
def test_tsne_keeps_two_clouds_apart_and_one_together():
    one, far = rng.normal(size=(40, 12)).astype(np.float32), rng.normal(size=(40, 12)).astype(np.float32) + 9.0
    apart, together = tsne(one, far, 0), tsne(one, one + 1e-3, 0)
    assert apart.shape == (80, 2)
    assert cloud_distance(together[:40], together[40:]) < 0.2 < 1.5 < cloud_distance(apart[:40], apart[40:])
    np.testing.assert_array_equal(apart, tsne(one, far, 0))


@pytest.mark.slow
def test_the_command_compares_base_and_tuned(tmp_path, parallel, capsys):
    config = make_run(tmp_path)
    tuned = tmp_path / "run" / "model"  # a run folder stands for its model
    make_model("llama", seed=1).save_pretrained(tuned)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (tuned / name).write_bytes((tmp_path / "base-llama" / name).read_bytes())
    out = tmp_path / "out"
    line = ["align", config.model.name, str(tmp_path / "run"), "--lang", "xx", "--data", str(parallel)]
    main([*line, "--bf16", "false", "--layer", "3", "--output_dir", str(out)])
    said = capsys.readouterr().out
    record = json.loads((out / "align.json").read_text())
    assert [len(model["layers"]) for model in record["models"]] == [5, 5]
    assert record["models"][0]["pair"]["layers"] == [2, 4] and record["models"][1]["tsne"]["layer"] == 3
    assert np.shape(record["models"][0]["tsne"]["points"]) == (24, 2)
    change = [layer["cosine"]["mean"] for layer in record["tuned less base"]]
    means = [[layer["cosine"]["mean"] for layer in model["layers"]] for model in record["models"]]
    np.testing.assert_allclose(change, np.subtract(means[1], means[0]), atol=1e-6)
    losses = [model["english loss"] for model in record["models"]]
    base = AutoModelForCausalLM.from_pretrained(config.model.name)
    tokenizer = AutoTokenizer.from_pretrained(config.model.name)
    texts = [
        tokenizer(json.loads(line)["en"], return_tensors="pt").input_ids for line in parallel.read_text().splitlines()
    ]
    each = [(base(input_ids=ids, labels=ids).loss.item() * (ids.shape[1] - 1), ids.shape[1] - 1) for ids in texts]
    assert losses[0] == pytest.approx(sum(loss for loss, _ in each) / sum(count for _, count in each), rel=1e-5)
    assert f"nats a token, {losses[1] / losses[0] - 1:+.1%} against the base" in said
    assert "tuned less base" in said and "h_4^en against h_2^tgt (equation 7): cosine" in said
    assert all((out / name).read_bytes().startswith(b"\x89PNG") for name in ("align.png", "tsne.png"))


@pytest.mark.slow
def test_a_model_against_itself_changes_nothing(tmp_path, parallel):
    name = make_run(tmp_path).model.name
    main(["align", name, name, "--lang", "xx", "--data", str(parallel), "--output_dir", str(tmp_path / "out")])
    record = json.loads((tmp_path / "out" / "align.json").read_text())
    assert all(value["mean"] == 0.0 for change in record["tuned less base"] for value in change.values())


@pytest.mark.slow
def test_a_run_folder_with_an_adapter_stands_for_the_merged_model(tmp_path, parallel):
    name = make_run(tmp_path).model.name
    adapted = add_lora(AutoModelForCausalLM.from_pretrained(name), LoraConfig(r=4))
    for parameter in (p for n, p in adapted.named_parameters() if "lora_B" in n):
        torch.nn.init.normal_(parameter, std=0.2)
    adapted.save_pretrained(tmp_path / "run" / "adapter")
    out = tmp_path / "out"
    main(["align", name, str(tmp_path / "run"), "--lang", "xx", "--data", str(parallel), "--output_dir", str(out)])
    record = json.loads((out / "align.json").read_text())
    assert record["models"][0]["english loss"] != record["models"][1]["english loss"]
    assert record["tuned less base"][3]["cosine"]["mean"] != 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--lang", "sw"], "lang 'sw': no sentences are packaged"),
        (["--lang", "xx", "--layer", "5"], "layer: need 0 <= layer <= 4, got 5"),
        (["--lang", "xx", "--layer_et", "-1"], "layer_et: need 0 <= layer_et <= 4, got -1"),
        (["--lang", "xx", "--sentences", "3"], "need at least 4 sentences to compare, got 3"),
    ],
)
def test_a_mistake_ends_in_one_line(tmp_path, parallel, capsys, monkeypatch, options, words):
    monkeypatch.setattr("deepsuper.inside.align.run.load_for_reading", lambda *_: pytest.fail("weights were loaded"))
    data = [] if "sw" in options else ["--data", str(parallel)]
    assert words in fail(capsys, "align", make_run(tmp_path).model.name, *data, *options)
