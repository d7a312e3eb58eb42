"""Packing: several rows in one sequence. Each row lies there once, and no loss or gradient changes."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from deepsuper.config import LoraConfig
from deepsuper.method import layout
from deepsuper.method.batch import EncodedRow, ParallelBatch
from deepsuper.method.collate import Collator
from deepsuper.method.features import pool
from deepsuper.method.layout import PADDING, Layout
from deepsuper.method.objective import Feature, Logits, Objective, Retain
from deepsuper.method.supervised import Supervised
from deepsuper.method.tree import Segment
from deepsuper.models.adapters import add_lora
from rows import BOS, PAD, make_rows
from tiny import make_model

FAMILIES = ("llama", "qwen3", "gemma2", "gemma3")
L = 4
TFT = {"tft": Logits(L, "tft")}
CONTRASTIVE = Feature(2, 3, center="batch", similarity="contrastive", detach_english=False)
OBJECTIVES = {
    "tft": Objective(TFT),
    "conditional": Objective(TFT | {"lc": Logits(1, "lc"), "et": Logits(3, "et")}),
    "positional": Objective(TFT | {"lc": Logits(1, "lc"), "et": Logits(3, "et")}, alignment="positional"),
    "feature": Objective(TFT | {"lc": Feature(1, 1), "et": Feature(3, L, pooling="last")}),
    "joint": Objective(TFT | {"lc": CONTRASTIVE, "et": Logits(3, "et")}),
    "pairs": Objective({"lc": replace(CONTRASTIVE, pooling="last")}),
    "retain": Objective(TFT | {"retain": Retain(L, "kl", text="rows")}),
    "query": Objective({"lc": CONTRASTIVE, "retain": Retain(2, text="query")}),
}


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sequences so narrow that the short rows of these tests need several."""
    monkeypatch.setattr(layout, "WIDTH", 70)


def batches(objective: Objective, rows: list[EncodedRow]) -> tuple[ParallelBatch, ParallelBatch]:
    collate = Collator(PAD, BOS, objective, ("zh", "vi"), special_ids=frozenset({PAD, BOS}))
    return collate(rows), replace(collate, pack=True)(rows)


def grown(model: torch.nn.Module) -> torch.nn.Module:
    """The model with adapters of random values, as after some steps."""
    adapted = add_lora(model, LoraConfig(r=4))
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.05)
    return adapted


def measured(supervised: Supervised, batch: ParallelBatch) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    supervised.model.zero_grad(set_to_none=True)
    losses = supervised(batch)
    supervised.objective.total(losses).backward()
    gradients = {n: p.grad.clone() for n, p in supervised.model.named_parameters() if p.grad is not None}
    return {name: loss.detach() for name, loss in losses.items()}, gradients


def check_equal(supervised: Supervised, rows: list[EncodedRow]) -> None:
    plain, packed = batches(supervised.objective, rows)
    assert len(packed["trunk_ids"]) < len(rows) and "trunk_rows" in packed and "trunk_rows" not in plain
    assert supervised.term_counts(plain) == supervised.term_counts(packed)
    losses, gradients = measured(supervised, plain)
    packed_losses, packed_gradients = measured(supervised, packed)
    torch.testing.assert_close(packed_losses, losses, rtol=1e-5, atol=1e-6)
    assert gradients.keys() == packed_gradients.keys() and any(g.abs().max() > 1e-4 for g in gradients.values())
    for parameter, gradient in gradients.items():
        assert (packed_gradients[parameter] - gradient).norm() <= 1e-4 * max(gradient.norm(), 0.01), parameter


@pytest.mark.slow
@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize("family", FAMILIES)
def test_packed_rows_have_the_losses_and_gradients_of_single_rows(family: str, name: str) -> None:
    model = make_model(family)
    if OBJECTIVES[name].retained:
        model = grown(model)
    check_equal(Supervised(model, OBJECTIVES[name], languages=("zh", "vi")), make_rows(9, 3, ("zh", "vi")))


@pytest.mark.slow
@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("name", ["tft", "conditional", "joint"])
def test_so_they_have_with_checkpointing_and_either_attention(name: str, attention: str) -> None:
    model = make_model("qwen3").train()
    model.set_attn_implementation(attention)
    model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    check_equal(Supervised(model, OBJECTIVES[name], languages=("zh", "vi")), make_rows(9, 3, ("zh", "vi")))


def test_a_window_that_is_shorter_than_a_row_counts_the_positions_of_the_row() -> None:
    model = make_model("gemma3")
    model.config.sliding_window = 3
    assert "sliding_attention" in model.config.layer_types
    check_equal(Supervised(model, OBJECTIVES["joint"], languages=("zh", "vi")), make_rows(9, 3, ("zh", "vi")))


def test_a_row_does_not_see_the_others_of_its_sequence() -> None:
    """The loss of the first row stays the same to the last bit, whatever stands beside it."""
    model, objective = make_model("llama").eval(), OBJECTIVES["tft"]
    rows = make_rows(9, 3)
    other = [rows[0], *(replace(row, tgt=replace(row.tgt, query=(BOS, *row.tgt.query[:0:-1]))) for row in rows[1:])]
    supervised, states = Supervised(model, objective), []
    for these in (rows, other):
        _, packed = batches(objective, these)
        with torch.no_grad():
            last = supervised.tree.run([Segment.of(packed, "trunk", L)], packed["prefix_lengths"], [L])[L]
        states.append(last[packed["trunk_rows"] == 0])
    assert torch.equal(*states) and len(states[0]) == len(rows[0].tgt.query + rows[0].tgt.response)


lengths = st.lists(st.tuples(st.integers(1, 60), st.integers(0, 30), st.integers(0, 20)), min_size=1, max_size=20)


@given(lengths)
def test_every_token_lies_in_one_column_of_its_kind(rows: list[tuple[int, int, int]]) -> None:
    of = dict(zip(("trunk", "english", "et"), map(list, zip(*rows, strict=True)), strict=True))
    alone, made = Layout.of(of, pack=False), Layout.of(of, pack=True)
    for text, counts in of.items():
        parts = [[100 * row + n for n in range(count)] for row, count in enumerate(counts)]
        filled, owners = made.fill(text, parts, -7), made.rows(text, parts)
        assert sorted(filled[filled != -7].tolist()) == [token for part in parts for token in part]
        assert torch.equal(owners == PADDING, filled == -7)
        for row, part in enumerate(parts):
            start, sequence = made.starts[text][row], made.sequences[row]
            assert filled[sequence, start : start + len(part)].tolist() == part
            assert (owners[sequence, start : start + len(part)] == row).all()
    assert made.size(of) <= alone.size(of)
    assert made.packed == (made.size(of) < alone.size(of))


def test_columns_are_counted_from_the_first_of_their_row() -> None:
    rows = torch.tensor([[0, 0, 2, 2, 2, PADDING], [1, 3, 3, 3, PADDING, PADDING]])
    assert Segment(rows, 1, rows=rows).step.tolist() == [[0, 1, 0, 1, 2, 0], [0, 0, 1, 2, 0, 1]]
    assert Segment(rows, 1).step.tolist() == [[0, 1, 2, 3, 4, 5]] * 2


def test_rows_without_padding_stay_alone() -> None:
    """Packing would save nothing, and a sequence of one row needs no mask."""
    for response in ((5, 6), (5,) * 90):
        row = make_rows(1)[0]
        _, alone = batches(OBJECTIVES["tft"], [replace(row, tgt=replace(row.tgt, response=response))] * 3)
        assert "trunk_rows" not in alone and len(alone["trunk_ids"]) == 3


def test_at_most_a_tenth_of_many_short_rows_is_padding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "WIDTH", 256)
    rng = random.Random(0)
    trunk = [int(10 + rng.expovariate(1 / 30)) for _ in range(64)]
    of = {"trunk": trunk, "english": [max(3, n // rng.randint(1, 4)) for n in trunk]}
    used = sum(map(sum, of.values()))
    assert Layout.of(of, pack=False).size(of) > 2 * used
    assert Layout.of(of, pack=True).size(of) < used / 0.9


@pytest.mark.parametrize("pooling", ["mean", "last"])
def test_pooling_reads_the_rows_of_one_sequence_as_those_of_several(pooling: str) -> None:
    states, mask = torch.randn(3, 5, 8), torch.rand(3, 5) > 0.4
    mask[:, 2] = True
    own = torch.block_diag(*mask.float()).bool()
    torch.testing.assert_close(pool(states.flatten(0, 1), own, pooling), pool(states, mask, pooling))
