"""Cross-entropy over a vocabulary that never holds more than one chunk of logits."""

from __future__ import annotations

from typing import Any

import torch
from torch.autograd.function import once_differentiable


def chunk_rows(vocabulary: int, chunk_mib: int) -> int:
    """How many rows of float32 logits fit in `chunk_mib` MiB, at least one."""
    return max(1, chunk_mib * 2**20 // (4 * vocabulary))


class _ChunkedCrossEntropy(torch.autograd.Function):
    """Gradients are made beside each chunk of logits in the forward pass, so that no chunk has to be kept."""

    @staticmethod
    def forward(
        ctx: Any,
        h: torch.Tensor,
        weight: torch.Tensor,
        cast_weight: torch.Tensor,
        labels: torch.Tensor,
        divisor: torch.Tensor | float,
        softcap: float | None,
        scale: float,
        rows: int,
        with_grad: bool,
    ) -> torch.Tensor:
        needs_h, needs_w = (with_grad and need for need in ctx.needs_input_grad[:2])
        cast_h = h.to(cast_weight.dtype)
        grad_h = torch.empty_like(cast_h) if needs_h else None
        grad_w: torch.Tensor | None = None
        total = torch.zeros((), device=h.device, dtype=torch.float32)
        with torch.autocast(h.device.type, enabled=False):
            for start in range(0, len(h), rows):
                piece, gold = cast_h[start : start + rows], labels[start : start + rows].unsqueeze(1)
                logits = (piece @ cast_weight.T).float().mul_(scale)
                slope = None
                if softcap is not None:
                    logits = logits.div_(softcap).tanh_()
                    slope = 1.0 - logits.square() if needs_h or needs_w else None
                    logits = logits.mul_(softcap)
                peak = logits.logsumexp(dim=1, keepdim=True)
                total += (peak - logits.gather(1, gold)).sum()
                if not (needs_h or needs_w):
                    continue
                grad = logits.sub_(peak).exp_()
                grad.scatter_add_(1, gold, grad.new_full(gold.shape, -1.0))
                if slope is not None:
                    grad.mul_(slope)
                grad = grad.mul_(scale).div_(divisor).to(cast_weight.dtype)
                if grad_h is not None:
                    grad_h[start : start + rows] = grad @ cast_weight
                if needs_w:
                    part = (grad.T @ piece).to(weight.dtype)
                    grad_w = part if grad_w is None else grad_w.add_(part)
        ctx.save_for_backward(*(g for g in (grad_h, grad_w) if g is not None))
        ctx.has, ctx.h_dtype = (grad_h is not None, grad_w is not None), h.dtype
        return total / divisor

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        saved = list(ctx.saved_tensors)
        grad_h = saved.pop(0).to(ctx.h_dtype) * grad_output.to(ctx.h_dtype) if ctx.has[0] else None
        grad_w = saved.pop(0) if ctx.has[1] else None
        # On the CPU a look at the factor is free, and a pass over a 262k-word vocabulary's gradient is not.
        if grad_w is not None and not (grad_output.device.type == "cpu" and grad_output.item() == 1.0):
            grad_w = grad_w * grad_output.to(grad_w.dtype)
        return grad_h, grad_w, None, None, None, None, None, None, None


def cross_entropy(
    h: torch.Tensor,
    weight: torch.Tensor,
    labels: torch.Tensor,
    *,
    divisor: torch.Tensor | float,
    cast_weight: torch.Tensor | None = None,
    softcap: float | None = None,
    scale: float = 1.0,
    chunk_mib: int = 256,
) -> torch.Tensor:
    """The summed -log P(labels | h) over `divisor`. Eq. 1, 2, 4, 6. Shapes: (N, D), (V, D), (N,) -> (), in nats.

    `cast_weight` is `weight` in the type of the matrix product, made once for several calls (autocast).
    A weight passed as `weight.detach()` gets no gradient, also where it is tied to the embeddings.
    """
    cast = weight.detach() if cast_weight is None else cast_weight
    if len(h) == 0:  # a batch may hold none of a term's text: the sum over nothing, still part of the graph
        return (h.sum() * 0.0).float()
    rows = chunk_rows(len(weight), chunk_mib)
    out: torch.Tensor = _ChunkedCrossEntropy.apply(  # type: ignore[no-untyped-call]
        h, weight, cast, labels, divisor, softcap, scale, rows, torch.is_grad_enabled()
    )
    return out
