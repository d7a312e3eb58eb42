"""Runs with a term that retains: alone and in a stream, resumed, and what they save."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from deepsuper.cli import main
from deepsuper.common.errors import UserError
from deepsuper.config import LoraConfig, ObjectiveConfig, RunConfig, StreamConfig
from deepsuper.training.prepare import prepare
from deepsuper.training.run import train
from deepsuper.training.run_folder import RunFolder
from failing import fail
from runs import close, finish, losses, make_run, start, write_recipe

pytestmark = pytest.mark.slow

LORA = LoraConfig(r=4)
NO_LAYERS = {"layer_lc": None, "layer_et": None}


def retaining(folder: Path, *, lora: LoraConfig | None = LORA, streams: bool = False, **changes) -> RunConfig:
    """English answers with a term that retains; or a task in the target language beside a stream that has it."""
    options = {"method": "sft", "retain": "cosine", **NO_LAYERS, "max_steps": 4, "save_every": 2, **changes}
    run = replace(make_run(folder, **options), lora=lora)
    if not streams:
        return run
    parts = {
        "task": StreamConfig(run.data.train, ObjectiveConfig(method="tft")),
        "english": StreamConfig(run.data.train, run.objective),
    }
    return replace(run, data=replace(run.data, train=[]), objective=ObjectiveConfig(), streams=parts)


@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize("lora", [None, LORA])
def test_a_run_retains_from_nothing_on_and_resumes_to_the_same_losses(tmp_path, lora, streams):
    run = retaining(tmp_path, lora=lora, streams=streams, max_steps=5)
    folder = RunFolder(train(run))
    before = losses(folder.path)
    name = "loss_english_retain" if streams else "loss_retain"
    own = [step[name] for step in before if name in step]
    assert len(own) == (2 if streams else 5) and own[-1] > 1e-8
    if not streams:
        assert own[0] == 0.0
    for file in sorted((folder.checkpoints / "checkpoint-5").iterdir()):
        file.unlink()
    train(run, resume=True)
    assert losses(folder.path) == before


@pytest.mark.parametrize("method", ["dft-feature", "dft-logits", "pairs", "both"])
def test_methods_that_read_english_can_retain_it(tmp_path, method):
    layers = NO_LAYERS if method in ("pairs", "both") else {"layer_lc": 1, "layer_et": 3}
    run = retaining(tmp_path, method=method, max_steps=2, **layers)
    if method == "pairs":
        task = StreamConfig(run.data.train, ObjectiveConfig(method="tft"))
        streams = {"task": task, "pairs": StreamConfig(run.data.train, run.objective)}
        run = replace(run, data=replace(run.data, train=[]), objective=ObjectiveConfig(), streams=streams)
    logged = losses(train(run))
    assert any(key.endswith("retain") for step in logged for key in step)


def test_accumulated_micro_batches_train_as_one_batch(tmp_path):
    run = retaining(tmp_path)
    parts = replace(run, training=replace(run.training, micro_batch_size=1), output_dir=str(tmp_path / "parts"))
    close(losses(train(run)), losses(train(parts)))


def test_a_strong_term_keeps_the_model_nearer_to_what_it_was(tmp_path):
    moved = []
    for weight in (0.0, 100.0):
        run = retaining(tmp_path, max_steps=12, save_every=0, learning_rate=1e-2, retain_layer=2)
        objective = replace(run.objective, retain_weight=replace(run.objective.retain_weight, value=weight))
        moved.append(losses(train(replace(run, objective=objective, output_dir=str(tmp_path / f"w{weight:g}")))))
    assert moved[1][-1]["loss_retain"] < 0.5 * moved[0][-1]["loss_retain"]


def test_what_is_saved_is_an_ordinary_model_without_the_copy(tmp_path, caplog):
    run = retaining(tmp_path, lora=None)
    with caplog.at_level(logging.INFO, "deepsuper"):
        folder = train(run)
    assert "a frozen copy of the model" in caplog.text
    model = AutoModelForCausalLM.from_pretrained(folder / "model")
    base = AutoModelForCausalLM.from_pretrained(run.model.name)
    saved = load_file(folder / "model" / "model.safetensors")
    assert saved.keys() <= set(base.state_dict())
    assert not any(torch.equal(p, base.get_parameter(n)) for n, p in model.named_parameters() if "proj" in n)


def test_show_says_what_is_retained(tmp_path, capsys):
    main(["show", write_recipe(retaining(tmp_path, retain_layer=2))])
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "L = L_SFT + 1 L_RETAIN"
    assert lines[3].startswith("  L_RETAIN = 1 - cos(h_2^en before training, h_2^en)")


REFUSED = [
    ({"method": "tft"}, "objective.retain cosine: method tft has no English text of its rows"),
    ({"method": "sdrrl"}, "objective.retain cosine: method sdrrl has no English text of its rows"),
    ({"retain": "none", "retain_layer": 2}, "objective.retain_layer: read by objective.retain: cosine or kl, got none"),
    ({"retain_layer": 5}, "objective.retain_layer: need 0 < layer <= 4, got 5"),
    ({"retain_layer": 0}, "objective.retain_layer: need a layer from 1, got 0"),
    ({"retain": "kl", "retain_layer": 2}, "objective.retain_layer 2: retain: kl reads the last layer: leave it out"),
]


@pytest.mark.parametrize(("changes", "words"), REFUSED, ids=[words[:40] for _, words in REFUSED])
def test_what_cannot_be_retained_is_refused_before_weights(tmp_path, changes, words):
    with pytest.raises(UserError) as error:
        prepare(retaining(tmp_path, **changes))
    assert words in str(error.value)


def test_a_weight_without_its_term_is_refused(tmp_path, capsys):
    recipe = write_recipe(retaining(tmp_path, retain="none"))
    assert "objective.retain_weight: read by" in fail(capsys, "show", recipe, "--objective.retain_weight.value=2")


def test_balanced_weights_leave_the_one_of_retention_as_it_is(tmp_path):
    options = {"method": "lc-feature", "layer_lc": 2, "balance": "ratio", "balance_every": 1}
    run = retaining(tmp_path, **options)
    logged = losses(train(run), "weight_")
    assert {step["weight_retain"] for step in logged} == {1.0}
    assert len({step["weight_lc"] for step in logged}) > 1


@pytest.mark.processes
@pytest.mark.parametrize("lora", [None, LORA])
def test_two_processes_retain_as_one(tmp_path, lora):
    run = retaining(tmp_path, lora=lora, retain="kl", gradient_checkpointing=lora is not None)
    two = replace(run, training=replace(run.training, micro_batch_size=2), output_dir=str(tmp_path / "two"))
    train(run)
    finish(start(two, processes=2))
    close(losses(Path(run.output_dir)), losses(Path(two.output_dir)), 1e-3)
