"""Frozen blocks do not move, the others do, and a run in which nothing could move is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from deepsuper.cli import main
from deepsuper.common.errors import UserError
from deepsuper.config import LoraConfig
from deepsuper.training.freeze import blocks_in
from deepsuper.training.prepare import prepare
from deepsuper.training.run import train
from failing import fail
from runs import make_run, write_recipe

NO_LAYERS = {"layer_lc": None, "layer_et": None}


def freezing(folder, text, **changes):
    return make_run(folder, freeze_blocks=text, max_steps=3, **{"method": "tft", **NO_LAYERS, **changes})


@pytest.mark.parametrize(
    ("text", "blocks"),
    [(None, []), (3, [3]), ("3", [3]), ("1-4", [1, 2, 3, 4]), ("1-2, 4-5,9", [1, 2, 4, 5, 9]), ("2-2", [2])],
)
def test_a_text_names_blocks(text, blocks):
    assert sorted(blocks_in(text)) == blocks


@pytest.mark.parametrize("text", ["", "a", "0", "0-2", "3-1", "1-2,4-3", "-3", "1,", "1..3", -2])
def test_a_text_that_names_none_is_refused(text):
    with pytest.raises(UserError, match=r"training.freeze_blocks: need numbers of blocks from 1"):
        blocks_in(text)


@pytest.mark.slow
@pytest.mark.parametrize("family", ["llama", "gemma2", "qwen3"])
def test_frozen_blocks_do_not_move_and_the_others_do(tmp_path, family):
    run = freezing(tmp_path, "1,3-4", family=family)
    model = AutoModelForCausalLM.from_pretrained(train(run) / "model")
    base = AutoModelForCausalLM.from_pretrained(run.model.name)
    same = {n for n, p in base.named_parameters() if torch.equal(p, model.get_parameter(n))}
    blocks = {n for n, _ in base.named_parameters() if any(f"layers.{k}." in n for k in (0, 2, 3))}
    assert same == blocks


@pytest.mark.slow
def test_adapters_in_frozen_blocks_do_not_move_and_the_others_do(tmp_path):
    """Also where a term that retains switches the adapters off and on in every step."""
    run = freezing(tmp_path, "1-2", method="sft", retain="cosine")
    adapter = load_file(train(replace(run, lora=LoraConfig(r=2))) / "adapter" / "adapter_model.safetensors")
    moved = {int(n.split("layers.")[1].split(".")[0]) for n, p in adapter.items() if "lora_B" in n and p.any()}
    assert moved == {2, 3}


def test_show_says_what_is_frozen(tmp_path, capsys):
    main(["show", write_recipe(freezing(tmp_path, "1-2")), "--training.freeze_blocks=1-3"])
    assert capsys.readouterr().out.splitlines()[-1] == "frozen: the weights of blocks 1-3 of 4 do not train"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["training.freeze_blocks=1-5"], "training.freeze_blocks 1-5: the model has 4 blocks, got 5"),
        (["training.freeze_blocks=2-"], "training.freeze_blocks: need numbers of blocks from 1"),
        (["training.freeze_blocks=1-4", "lora.r=2"], "the term tft reads layer 4, and no adapter up to there"),
        (
            ["training.freeze_blocks=1-2", "lora.r=2", "objective.method=lc-logits", "objective.layer_lc=2"],
            "the term lc reads layer 2, and no adapter up to there",
        ),
    ],
)
def test_blocks_that_cannot_be_frozen_end_in_one_line_before_weights(tmp_path, capsys, monkeypatch, options, words):
    monkeypatch.setattr("deepsuper.training.loading.load_model", lambda *_: pytest.fail("weights were loaded"))
    recipe = write_recipe(freezing(tmp_path, None))
    assert words in fail(capsys, "train", recipe, *(f"--{option}" for option in options))


def test_a_run_without_a_parameter_to_train_is_refused(tmp_path):
    lora = LoraConfig(r=2, target_modules=["layers.0.mlp.up_proj"])
    run = replace(freezing(tmp_path, "1"), lora=lora)
    prepare(run)
    with pytest.raises(UserError, match="so nothing would train: freeze fewer blocks"):
        train(run)
