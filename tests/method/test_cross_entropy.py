"""Chunked cross-entropy against the plain one."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F

from deepsuper.method.cross_entropy import chunk_rows, cross_entropy


@pytest.mark.parametrize("softcap", [None, 3.0])
@pytest.mark.parametrize("scale", [1.0, 0.5])
@pytest.mark.parametrize("frozen", [False, True])
def test_chunked_equals_plain_in_value_and_gradient(
    softcap: float | None, scale: float, frozen: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deepsuper.method.cross_entropy.chunk_rows", lambda vocabulary, mib: 5)
    torch.manual_seed(0)
    h = torch.randn(17, 8, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(41, 8, dtype=torch.float64, requires_grad=True)
    labels = torch.randint(41, (17,))
    logits = h @ weight.T * scale
    if softcap:
        logits = torch.tanh(logits / softcap) * softcap
    plain = 0.3 * F.cross_entropy(logits, labels, reduction="sum") / 7
    want = torch.autograd.grad(plain, (h, weight))
    ours = 0.3 * cross_entropy(
        h, weight.detach() if frozen else weight, labels, divisor=7.0, softcap=softcap, scale=scale
    )
    torch.testing.assert_close(ours.double(), plain, rtol=1e-5, atol=1e-6)
    ours.backward()
    torch.testing.assert_close(h.grad, want[0], rtol=1e-5, atol=1e-7)
    if frozen:
        assert weight.grad is None
    else:
        torch.testing.assert_close(weight.grad, want[1], rtol=1e-5, atol=1e-7)


def test_never_more_than_one_chunk_of_logits(monkeypatch: pytest.MonkeyPatch) -> None:
    rows: list[int] = []
    original = torch.log_softmax

    def spy(logits: torch.Tensor, **kwargs: Any) -> torch.Tensor:
        rows.append(len(logits))
        return original(logits, **kwargs)

    monkeypatch.setattr(torch, "log_softmax", spy)
    vocabulary = 2**16
    h, weight = torch.randn(21, 4), torch.randn(vocabulary, 4)
    cross_entropy(h, weight, torch.zeros(21, dtype=torch.long), divisor=1.0, chunk_mib=2)
    assert chunk_rows(vocabulary, 2) == 8 and rows == [8, 8, 5]


def test_bf16_product_stays_near_float32() -> None:
    torch.manual_seed(0)
    h, weight = torch.randn(32, 16, requires_grad=True), torch.randn(101, 16)
    labels = torch.randint(101, (32,))
    exact = cross_entropy(h, weight, labels, divisor=32.0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = cross_entropy(h, weight, labels, divisor=32.0)
    assert abs(float((exact - rough).detach())) < 0.02 * float(exact.detach())


def test_no_labels_give_zero_with_a_graph() -> None:
    h = torch.zeros(0, 4, requires_grad=True)
    loss = cross_entropy(h, torch.randn(7, 4), torch.zeros(0, dtype=torch.long), divisor=1.0)
    assert loss.item() == 0.0 and loss.requires_grad
