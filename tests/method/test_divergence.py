"""The chunked KL divergence: the plain one in value and gradient, to `h` alone, and 0 where nothing has changed."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from deepsuper.method.divergence import divergence


def make(n: int = 11, width: int = 16, vocabulary: int = 50):
    torch.manual_seed(0)
    h, before = torch.randn(n, width), torch.randn(n, width)
    weight, weight_before = torch.randn(vocabulary, width), torch.randn(vocabulary, width)
    return h.requires_grad_(), weight.requires_grad_(), before, weight_before


def plain(h, weight, before, weight_before, softcap, scale):
    def log_p(states, head):
        logits = states @ head.T * scale
        return F.log_softmax(logits if softcap is None else torch.tanh(logits / softcap) * softcap, dim=-1)

    return F.kl_div(log_p(h, weight.detach()), log_p(before, weight_before), reduction="sum", log_target=True)


@pytest.mark.parametrize("chunks", ["one", "many"])
@pytest.mark.parametrize(("softcap", "scale"), [(None, 1.0), (3.0, 1.0), (None, 0.25), (3.0, 0.5)])
def test_it_equals_the_plain_one_in_value_and_gradient(softcap, scale, chunks, monkeypatch):
    if chunks == "many":
        monkeypatch.setattr("deepsuper.method.divergence.chunk_rows", lambda vocabulary, chunk_mib: 3)
        monkeypatch.setattr("deepsuper.method.cross_entropy.PIECE_BYTES", 7 * 16 * 4)
    inputs = make()
    want = plain(*inputs, softcap, scale) / 7.0
    (want_grad,) = torch.autograd.grad(want, inputs[0])
    loss = divergence(*inputs, divisor=7.0, softcap=softcap, scale=scale)
    (2.0 * loss).backward()
    torch.testing.assert_close(loss, want, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(inputs[0].grad, 2.0 * want_grad, rtol=1e-4, atol=1e-6)
    assert inputs[1].grad is None


def test_it_is_zero_with_no_gradient_where_nothing_has_changed():
    h, weight, *_ = make()
    loss = divergence(h, weight, h.detach(), weight, divisor=1.0)
    loss.backward()
    assert loss.item() == 0.0 and not h.grad.any()


def test_far_states_give_a_finite_loss():
    h, weight, before, weight_before = make()
    loss = divergence(100.0 * h, weight, 100.0 * before, weight_before, divisor=1.0)
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(h.grad).all()


def test_no_tokens_are_a_sum_over_nothing():
    h, weight, before, weight_before = make()
    loss = divergence(h[:0], weight, before[:0], weight_before, divisor=1.0)
    loss.backward()
    assert loss.item() == 0.0


def test_no_table_is_as_large_as_all_tokens_by_the_vocabulary(monkeypatch):
    """Of 64 tokens and 4,000 words, no allocation is larger than the chunks of 1 MiB that hold the logits."""
    sizes = []
    empty = torch.empty
    monkeypatch.setattr(torch, "empty", lambda *size, **options: sizes.append(size) or empty(*size, **options))
    h, weight, before, weight_before = make(64, 8, 4000)
    divergence(h, weight, before, weight_before, divisor=1.0, chunk_mib=1).backward()
    tables, rows, vocabulary = sizes[0]
    assert 4 * tables * rows * vocabulary <= 2**20 and rows < 64
