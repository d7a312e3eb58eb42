"""Gradients over shared parameters: which parameters are shared, and what their products say."""

from __future__ import annotations

import pytest
import torch

from deepsuper.method.gradients import block_parameters, compare, products
from tiny import make_model


def test_embeddings_and_head_are_not_shared_and_frozen_blocks_are_left_out():
    model = make_model("llama")
    for parameter in model.model.layers[0].parameters():
        parameter.requires_grad_(False)
    names = block_parameters(model)
    assert names and all(name.startswith(("model.layers.1.", "model.layers.2.", "model.layers.3.")) for name in names)


def test_products_equal_those_of_the_flat_vectors_over_what_both_reach():
    torch.manual_seed(0)
    task = {"a": torch.randn(3, 2), "b": torch.randn(4), "upper": torch.randn(5)}
    term = {"a": torch.randn(3, 2), "b": torch.randn(4)}
    found = compare(products(term, task))
    flat, task_flat = (torch.cat([g["a"].flatten(), g["b"]]) for g in (term, task))
    assert found.ratio == pytest.approx(float(flat.norm() / task_flat.norm()), rel=1e-5)
    assert found.cosine == pytest.approx(float(torch.cosine_similarity(flat, task_flat, dim=0)), rel=1e-5)


def test_a_term_without_gradient_has_ratio_and_cosine_zero():
    task = {"a": torch.ones(3)}
    for term in ({"a": torch.zeros(3)}, {}):
        found = compare(products(term, task))
        assert found.ratio == 0.0 and found.cosine == 0.0
    assert compare(products({"a": torch.ones(3)}, {"a": torch.zeros(3)})).ratio == float("inf")
