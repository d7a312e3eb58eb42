"""One gradient for a W_out that is also the embedding: the same numbers as autograd's two, whatever is asked of it."""

from __future__ import annotations

import pytest
import torch

from deepsuper import Collator, Logits, Objective, Supervised
from deepsuper.method import tied
from rows import BOS, PAD, make_rows
from tiny import make_model

OBJECTIVES = {
    "tft": Objective({"tft": Logits(4, "tft")}),
    "all": Objective({"tft": Logits(4, "tft"), "lc": Logits(1, "lc"), "et": Logits(3, "et", train_head=True)}),
    "lc": Objective({"lc": Logits(1, "lc")}),
}


def make(
    family: str, objective: Objective, *, joined: bool, rows: int = 3
) -> tuple[Supervised, dict[str, torch.Tensor]]:
    supervised = Supervised(make_model(family), objective)
    if not joined:
        supervised.tied.joined = torch.enable_grad  # any context that does nothing
    return supervised, supervised(Collator(PAD, BOS, objective)(make_rows(rows)))


def gradients(supervised: Supervised) -> dict[str, torch.Tensor]:
    return {name: p.grad for name, p in supervised.model.named_parameters() if p.grad is not None}


@pytest.mark.slow
@pytest.mark.parametrize("rows", [3, 12])
@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize("family", ["gemma2", "gemma3", "llama"])
def test_the_joined_gradient_is_autograds(family, name, rows, monkeypatch):
    """With 3 rows there are fewer answer tokens than numbers in a state, with 12 more; chunks are of five."""
    monkeypatch.setattr("deepsuper.method.cross_entropy.chunk_rows", lambda vocabulary, mib: 5)
    grads = []
    for joined in (True, False):
        supervised, losses = make(family, OBJECTIVES[name], joined=joined, rows=rows)
        assert supervised.tied.takes is (joined and family != "llama")
        (OBJECTIVES[name].total(losses) * 0.5).backward()
        grads.append(gradients(supervised))
    assert set(grads[0]) == set(grads[1])
    for key, grad in grads[0].items():
        assert grad.layout is torch.strided
        torch.testing.assert_close(grad, grads[1][key], rtol=1e-5, atol=1e-7)


def test_the_embedding_gets_rows_and_no_second_gradient(monkeypatch):
    seen = []
    take = tied.JoinedGradient.take

    def spy(self, rows):
        seen.append((rows.layout, len(self._products)))
        return take(self, rows)

    monkeypatch.setattr(tied.JoinedGradient, "take", spy)
    supervised, losses = make("gemma3", OBJECTIVES["all"], joined=True)
    OBJECTIVES["all"].total(losses).backward()
    assert seen == [(torch.sparse_coo, 2)]
    weight = supervised.model.lm_head.weight
    assert (
        supervised.model.get_input_embeddings().weight is weight and not supervised.model.get_input_embeddings().sparse
    )


def test_a_gradient_of_something_else_leaves_nothing_behind():
    supervised, losses = make("gemma3", OBJECTIVES["all"], joined=True)
    total = OBJECTIVES["all"].total(losses)
    block = supervised.model.model.layers[0].mlp.up_proj.weight
    torch.autograd.grad(losses["tft"], block, retain_graph=True)
    total.backward(retain_graph=True)
    once = {name: grad.clone() for name, grad in gradients(supervised).items()}
    supervised.model.zero_grad()
    total.backward()
    for name, grad in gradients(supervised).items():
        torch.testing.assert_close(grad, once[name])
    plain, losses = make("gemma3", OBJECTIVES["all"], joined=False)
    OBJECTIVES["all"].total(losses).backward()
    for name, grad in gradients(plain).items():
        torch.testing.assert_close(once[name], grad, rtol=1e-5, atol=1e-7)


def test_a_frozen_embedding_and_a_pass_without_gradient_are_left_alone():
    supervised = Supervised(make_model("gemma2"), OBJECTIVES["tft"])
    batch = Collator(PAD, BOS, OBJECTIVES["tft"])(make_rows(3))
    with torch.no_grad():
        supervised(batch)
    assert not supervised.tied.takes
    supervised.model.lm_head.weight.requires_grad_(False)
    supervised(batch)["tft"].backward()
    assert not supervised.tied.takes and supervised.model.lm_head.weight.grad is None


def test_a_pass_between_forward_and_backward_takes_nothing_away():
    supervised, losses = make("gemma3", OBJECTIVES["all"], joined=True)
    supervised(Collator(PAD, BOS, OBJECTIVES["all"])(make_rows(5, seed=7)))
    OBJECTIVES["all"].total(losses).backward()
    plain, expected = make("gemma3", OBJECTIVES["all"], joined=False)
    OBJECTIVES["all"].total(expected).backward()
    for name, grad in gradients(plain).items():
        torch.testing.assert_close(gradients(supervised)[name], grad, rtol=1e-5, atol=1e-7)
