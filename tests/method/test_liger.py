"""With Liger on a GPU the loss is the same, in value and both gradients. Needs a GPU and the extra `liger`."""

from __future__ import annotations

import importlib.util

import pytest
import torch

from deepsuper.method.cross_entropy import cross_entropy
from deepsuper.method.lens import _liger_loss

pytestmark = pytest.mark.skipif(
    not torch.cuda.is_available() or importlib.util.find_spec("liger_kernel") is None, reason="needs CUDA and Liger"
)


@pytest.mark.parametrize("softcap", [None, 3.0])
@pytest.mark.parametrize("trained", [True, False])
def test_ligers_loss_equals_ours_in_value_and_gradients(softcap, trained):
    torch.manual_seed(0)
    h, weight = torch.randn(33, 16, device="cuda"), torch.randn(70, 16, device="cuda")
    labels = torch.randint(0, 70, (33,), device="cuda")
    found = []
    for loss in (
        lambda h, weight: _liger_loss(h, weight, labels, softcap),
        lambda h, weight: cross_entropy(h, weight, labels, divisor=1.0, softcap=softcap),
    ):
        inputs = h.clone().requires_grad_(), weight.clone().requires_grad_(trained)
        value = loss(*inputs)
        value.backward()
        found.append([value.detach(), inputs[0].grad, *([inputs[1].grad] if trained else [])])
    for theirs, ours in zip(*found, strict=True):
        torch.testing.assert_close(theirs, ours, rtol=1e-4, atol=1e-4)
