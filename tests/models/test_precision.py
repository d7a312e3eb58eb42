"""bf16 where the hardware has it: torch computes it in software elsewhere, several times slower than float32."""

from __future__ import annotations

import pytest
import torch

from deepsuper.cli.arguments import parse_recipe
from deepsuper.models import precision
from deepsuper.models.precision import fast_bf16, use_bf16


@pytest.mark.parametrize("fast", [True, False])
def test_auto_follows_the_hardware_and_a_choice_does_not(monkeypatch, fast):
    monkeypatch.setattr(precision, "fast_bf16", lambda: fast)
    assert (use_bf16("auto"), use_bf16(True), use_bf16(False)) == (fast, True, False)


@pytest.mark.parametrize("fast", [True, False])
def test_an_x86_processor_is_asked_for_its_bf16_instructions(monkeypatch, fast):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: fast)
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    assert fast_bf16() is fast


def test_this_machine_can_be_asked():
    assert fast_bf16() in (True, False)


@pytest.mark.parametrize(("text", "value"), [("auto", "auto"), ("true", True), ("false", False)])
def test_a_recipe_can_say_all_three(text, value):
    recipe = ["recipes/small/gemma-3-270m.zh.dft-feature.yaml", "--training.bf16", text]
    assert parse_recipe(recipe).training.bf16 == value
