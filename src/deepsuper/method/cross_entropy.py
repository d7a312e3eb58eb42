"""Cross-entropy over a vocabulary that never holds more than one chunk of logits, nor a second W_out."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.autograd.function import once_differentiable

PIECE_BYTES = 2**26
"""Size of the piece of W_out that is cast, and whose gradient is made, at a time."""


def chunk_rows(vocabulary: int, chunk_mib: int) -> int:
    """How many rows of float32 logits fit in `chunk_mib` MiB, at least one."""
    return max(1, chunk_mib * 2**20 // (4 * vocabulary))


def pieces(weight: torch.Tensor, dtype: torch.dtype) -> Iterator[slice]:
    """The vocabulary in pieces of which W_out takes `PIECE_BYTES` in `dtype`."""
    words = max(1, PIECE_BYTES // (weight.shape[1] * dtype.itemsize))
    yield from (slice(start, start + words) for start in range(0, len(weight), words))


def matrix_dtype(weight: torch.Tensor) -> torch.dtype:
    """The type of matrix products with `weight`: autocast's where it is on."""
    device = weight.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else weight.dtype


@dataclass(frozen=True)
class Product:
    """A gradient of W_out that is not multiplied out: the sum of left^T right. Shapes: (N, V), (N, D) each."""

    factors: Sequence[tuple[torch.Tensor, torch.Tensor]]

    def times(self, factor: torch.Tensor) -> "Product":
        """The product times a number, which costs no pass over the vocabulary."""
        return Product([(left, (right * factor).to(right.dtype)) for left, right in self.factors])

    def add_to(self, total: torch.Tensor, *, fresh: bool) -> None:
        """Adds the product to `total`, or sets it, a piece of the vocabulary at a time. Shape: (V, D)."""
        for words in pieces(total, total.dtype):
            for n, (left, right) in enumerate(self.factors):
                product = left[:, words].T @ right
                total[words] = product if fresh and n == 0 else total[words] + product


Give = Callable[[Product | torch.Tensor], None]


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
        grad_h = torch.zeros_like(h, dtype=torch.float32) if needs_h else None
        # The factors of W_out's gradient are smaller than it, unless there are more rows than a state has numbers.
        keeps_factors = give is not None and len(h) <= h.shape[1]
        grad_w = torch.empty_like(weight) if needs_w or (needs_h and give is not None and not keeps_factors) else None
        factors: list[tuple[torch.Tensor, torch.Tensor]] = []
        total = torch.zeros((), device=h.device, dtype=torch.float32)
        buffer = torch.empty(min(rows, len(h)), len(weight), device=h.device)
        # Made once for all chunks: memory that is touched for the first time costs more than what is written there.
        rounds = (needs_h or needs_w) and dtype != buffer.dtype and not keeps_factors
        rounded = torch.empty_like(buffer, dtype=dtype) if rounds else None
        with torch.autocast(h.device.type, enabled=False):
            for start in range(0, len(h), rows):
                piece, gold = h[start : start + rows].to(dtype), labels[start : start + rows].unsqueeze(1)
                logits = buffer[: len(piece)]
                write_logits(logits, piece, weight, scale)
                slope = cap(logits, softcap, needs_h or needs_w)
                total -= torch.log_softmax(logits, dim=1, out=logits).gather(1, gold).sum()
                if not (needs_h or needs_w):
                    continue
                grad = _gradient(logits, gold, slope)
                grad = grad.to(dtype, copy=keeps_factors) if rounded is None else rounded[: len(piece)].copy_(grad)
                if grad_h is not None:
                    for words in pieces(weight, dtype):
                        grad_h[start : start + rows] += grad[:, words] @ weight[words].to(dtype)
                piece = (piece * (scale / divisor)).to(dtype)  # here, not in `grad`: no pass over the vocabulary
                if grad_w is not None:
                    Product([(grad, piece)]).add_to(grad_w, fresh=start == 0)
                elif keeps_factors:
                    factors.append((grad, piece))
        if grad_h is not None:
            grad_h.mul_(scale / divisor)
        # Not save_for_backward: that would hold a second reference, and autograd would copy what it could take.
        ctx.grads, ctx.h_dtype = (grad_h, grad_w), h.dtype
        ctx.give, ctx.product = give, Product(factors)
        return total / divisor

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        kept = torch._C._autograd._get_current_graph_task_keep_graph()
        grads = tuple(None if grad is None else _times(grad, grad_output, in_place=not kept) for grad in ctx.grads)
        if not kept:
            ctx.grads = ()
        grad_h, grad_w = grads
        if ctx.give is not None:
            ctx.give(ctx.product.times(grad_output) if grad_w is None else grad_w)
            grad_w = None
        return None if grad_h is None else grad_h.to(ctx.h_dtype), grad_w, *[None] * 8


def write_logits(out: torch.Tensor, h: torch.Tensor, weight: torch.Tensor, scale: float) -> None:
    """Writes the logits before the cap into `out`, a piece of W_out at a time. Shapes: (N, V), (N, D), (V, D)."""
    for words in pieces(weight, h.dtype):
        out[:, words] = h @ weight[words].to(h.dtype).T
    if scale != 1.0:
        out.mul_(scale)


def cap(logits: torch.Tensor, softcap: float | None, with_slope: bool) -> torch.Tensor | None:
    """Caps the logits in place; the slope of the cap at each of them, where there is one and it is asked for."""
    if softcap is None:
        return None
    logits.div_(softcap).tanh_()
    slope = 1.0 - logits.square() if with_slope else None
    logits.mul_(softcap)
    return slope


def _gradient(log_p: torch.Tensor, gold: torch.Tensor, slope: torch.Tensor | None) -> torch.Tensor:
    """d(-log P(gold)) / d(logits before the cap), written over `log_p`. Shapes: (N, V), (N, 1) -> (N, V)."""
    grad = log_p.exp_().scatter_add_(1, gold, log_p.new_full(gold.shape, -1.0))
    return grad if slope is None else grad.mul_(slope)


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
    chunk_mib: int = 192,
    give: Give | None = None,
) -> torch.Tensor:
    """The summed -log P(labels | h) over `divisor`. Eq. 1, 2, 4, 6. Shapes: (N, D), (V, D), (N,) -> (), in nats.

    Matrix products run in autocast's type where it is on. A weight passed as `weight.detach()` gets no gradient, also
    where it is tied to the embeddings; with `give`, its gradient goes to that function during backward (`tied.py`).
    """
    if len(h) == 0:  # a batch may hold none of a term's text: the sum over nothing, still part of the graph
        return (h.sum() * 0.0).float()
    dtype = matrix_dtype(weight)
    # The slope of a soft cap is as large as the logits.
    rows = chunk_rows(len(weight) * (1 if softcap is None else 2), chunk_mib)
    out: torch.Tensor = _ChunkedCrossEntropy.apply(  # type: ignore[no-untyped-call]
        h, weight, labels, divisor, softcap, scale, rows, dtype, torch.is_grad_enabled(), give
    )
    return out
