"""KL divergence of two next-token distributions that never holds more than one chunk of logits of each."""

from typing import Any

import torch
from torch.autograd.function import once_differentiable

from deepsuper.method.cross_entropy import cap, chunk_rows, matrix_dtype, pieces, write_logits

TABLES = 3
"""As large as a chunk of logits: those of either model, and the probabilities of one."""


class _ChunkedDivergence(torch.autograd.Function):
    """The gradient is made beside each chunk of logits in the forward pass, so that no chunk has to be kept."""

    @staticmethod
    def forward(
        ctx: Any,
        h: torch.Tensor,
        weight: torch.Tensor,
        before: torch.Tensor,
        weight_before: torch.Tensor,
        divisor: torch.Tensor | float,
        softcap: float | None,
        scale: float,
        rows: int,
        dtype: torch.dtype,
        with_grad: bool,
    ) -> torch.Tensor:
        needs = with_grad and ctx.needs_input_grad[0]
        grad_h = torch.zeros_like(h, dtype=torch.float32) if needs else None
        total = torch.zeros((), device=h.device, dtype=torch.float32)
        buffers = torch.empty(TABLES, min(rows, len(h)), len(weight), device=h.device)
        with torch.autocast(h.device.type, enabled=False):
            for start in range(0, len(h), rows):
                log_q, log_p, q = buffers[:, : len(h[start : start + rows])]
                write_logits(log_q, before[start : start + rows].to(dtype), weight_before, scale)
                cap(log_q, softcap, False)
                write_logits(log_p, h[start : start + rows].to(dtype), weight, scale)
                slope = cap(log_p, softcap, needs)
                torch.log_softmax(log_q, dim=1, out=log_q)
                torch.log_softmax(log_p, dim=1, out=log_p)
                torch.exp(log_q, out=q)
                total += log_q.sub_(log_p).mul_(q).sum()
                if grad_h is None:
                    continue
                grad = log_p.exp_().sub_(q)  # d KL / d logits = p - q
                grad = grad if slope is None else grad.mul_(slope)
                for words in pieces(weight, dtype):
                    grad_h[start : start + rows] += grad[:, words].to(dtype) @ weight[words].to(dtype)
        ctx.grad, ctx.h_dtype = None if grad_h is None else grad_h.mul_(scale / divisor), h.dtype
        return total / divisor

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        return None if ctx.grad is None else (ctx.grad * grad_output).to(ctx.h_dtype), *[None] * 9


def divergence(
    h: torch.Tensor,
    weight: torch.Tensor,
    before: torch.Tensor,
    weight_before: torch.Tensor,
    *,
    divisor: torch.Tensor | float,
    softcap: float | None = None,
    scale: float = 1.0,
    chunk_mib: int = 192,
) -> torch.Tensor:
    """The summed KL(P(. | before) || P(. | h)) over `divisor`, in nats. Shapes: (N, D), (V, D), (N, D), (V, D) -> ().

    Gradient goes to `h` alone. Matrix products run in autocast's type where it is on.
    """
    if len(h) == 0:  # a batch may have no English token: the sum over nothing, still part of the graph
        return (h.sum() * 0.0).float()
    tables = TABLES if softcap is None else TABLES + 1  # the slope of a soft cap is as large as the logits
    rows = chunk_rows(len(weight) * tables, chunk_mib)
    out: torch.Tensor = _ChunkedDivergence.apply(  # type: ignore[no-untyped-call]
        h,
        weight.detach(),
        before,
        weight_before.detach(),
        divisor,
        softcap,
        scale,
        rows,
        matrix_dtype(weight),
        torch.is_grad_enabled(),
    )
    return out
