"""Cross-entropy over a vocabulary that never holds more than one chunk of logits, nor a second W_out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.autograd.function import once_differentiable

Give = Callable[[torch.Tensor], None]
SLICE_BYTES = 2**26
"""Size of the piece of W_out that is cast, and whose gradient is made, at a time."""


def chunk_rows(vocabulary: int, chunk_mib: int) -> int:
    """How many rows of float32 logits fit in `chunk_mib` MiB, at least one."""
    return max(1, chunk_mib * 2**20 // (4 * vocabulary))


def slices(weight: torch.Tensor, dtype: torch.dtype) -> Iterator[tuple[slice, torch.Tensor]]:
    """W_out in pieces of `SLICE_BYTES`, each in the type of the matrix product."""
    rows = max(1, SLICE_BYTES // (weight.shape[1] * dtype.itemsize))
    for start in range(0, len(weight), rows):
        words = slice(start, start + rows)
        yield words, weight[words].to(dtype)


class _ChunkedCrossEntropy(torch.autograd.Function):
    """Gradients are made beside each chunk of logits in the forward pass, so that no chunk has to be kept."""

    @staticmethod
    def forward(
        ctx: Any,
        h: torch.Tensor,
        weight: torch.Tensor,
        labels: torch.Tensor,
        divisor: torch.Tensor | float,
        softcap: float | None,
        scale: float,
        rows: int,
        dtype: torch.dtype,
        with_grad: bool,
        give: Give | None,
    ) -> torch.Tensor:
        needs_h, needs_w = (with_grad and need for need in ctx.needs_input_grad[:2])
        needs_w = needs_w or (needs_h and give is not None)
        grad_h = torch.zeros_like(h, dtype=torch.float32) if needs_h else None
        grad_w = torch.empty_like(weight) if needs_w else None
        total = torch.zeros((), device=h.device, dtype=torch.float32)
        buffer = torch.empty(min(rows, len(h)), len(weight), device=h.device)
        with torch.autocast(h.device.type, enabled=False):
            for start in range(0, len(h), rows):
                piece, gold = h[start : start + rows].to(dtype), labels[start : start + rows].unsqueeze(1)
                logits = buffer[: len(piece)]
                for words, w in slices(weight, dtype):
                    logits[:, words] = piece @ w.T
                slope = _cap(logits.mul_(scale), softcap, needs_h or needs_w)
                peak = logits.logsumexp(dim=1, keepdim=True)
                total += (peak - logits.gather(1, gold)).sum()
                if not (needs_h or needs_w):
                    continue
                grad = logits.sub_(peak).exp_()
                grad.scatter_add_(1, gold, grad.new_full(gold.shape, -1.0))
                if slope is not None:
                    grad.mul_(slope)
                grad.mul_(scale).div_(divisor)
                for words, w in slices(weight, dtype):
                    part = grad[:, words].to(dtype)
                    if grad_h is not None:
                        grad_h[start : start + rows] += part @ w
                    if grad_w is not None:
                        product = part.T @ piece
                        grad_w[words] = product if start == 0 else grad_w[words] + product
        # Not save_for_backward: that would hold a second reference, and autograd would copy what it could take.
        ctx.grads, ctx.h_dtype, ctx.give = (grad_h, grad_w), h.dtype, give
        return total / divisor

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        kept = torch._C._autograd._get_current_graph_task_keep_graph()
        grads = tuple(None if grad is None else _times(grad, grad_output, in_place=not kept) for grad in ctx.grads)
        if not kept:
            ctx.grads = ()
        grad_h, grad_w = grads
        if ctx.give is not None and grad_w is not None:
            ctx.give(grad_w)
            grad_w = None
        return None if grad_h is None else grad_h.to(ctx.h_dtype), grad_w, *[None] * 8


def _cap(logits: torch.Tensor, softcap: float | None, with_slope: bool) -> torch.Tensor | None:
    """Caps the logits in place; the slope of the cap at each of them, where there is one and it is asked for."""
    if softcap is None:
        return None
    logits.div_(softcap).tanh_()
    slope = 1.0 - logits.square() if with_slope else None
    logits.mul_(softcap)
    return slope


def _times(grad: torch.Tensor, factor: torch.Tensor, *, in_place: bool) -> torch.Tensor:
    """The gradient times the one of the loss. A copy of a large vocabulary's is made only where it is needed again."""
    # On the CPU a look at the factor is free.
    if in_place and factor.device.type == "cpu" and factor.item() == 1.0:
        return grad
    return grad.mul_(factor) if in_place else grad * factor.to(grad.dtype)


def cross_entropy(
    h: torch.Tensor,
    weight: torch.Tensor,
    labels: torch.Tensor,
    *,
    divisor: torch.Tensor | float,
    softcap: float | None = None,
    scale: float = 1.0,
    chunk_mib: int = 256,
    give: Give | None = None,
) -> torch.Tensor:
    """The summed -log P(labels | h) over `divisor`. Eq. 1, 2, 4, 6. Shapes: (N, D), (V, D), (N,) -> (), in nats.

    Matrix products run in autocast's type where it is on. A weight passed as `weight.detach()` gets no gradient, also
    where it is tied to the embeddings; with `give`, its gradient goes to that function during backward (`tied.py`).
    """
    if len(h) == 0:  # a batch may hold none of a term's text: the sum over nothing, still part of the graph
        return (h.sum() * 0.0).float()
    device = h.device.type
    dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else weight.dtype
    # The slope of a soft cap is as large as the logits.
    rows = chunk_rows(len(weight) * (1 if softcap is None else 2), chunk_mib)
    out: torch.Tensor = _ChunkedCrossEntropy.apply(  # type: ignore[no-untyped-call]
        h, weight, labels, divisor, softcap, scale, rows, dtype, torch.is_grad_enabled(), give
    )
    return out
