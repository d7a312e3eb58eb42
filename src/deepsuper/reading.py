"""Entropy over a vocabulary, and the probability of groups of words, without ever holding a row of logits whole."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from deepsuper.cross_entropy import matrix_dtype

ROWS, WORDS = 512, 4096
"""Size of the piece of logits that exists at a time: 8 MiB in float32, which stays in a processor's cache."""


@dataclass(frozen=True)
class Reading:
    """What a lens shows at each position. Shapes: (N,) in nats; (N, G), each row a share of 1."""

    entropy: torch.Tensor
    mass: torch.Tensor


@torch.no_grad()
def read(
    h: torch.Tensor,
    weight: torch.Tensor,
    *,
    groups: torch.Tensor | None = None,
    softcap: float | None = None,
    scale: float = 1.0,
) -> Reading:
    """Entropy of softmax(W_out h) and the mass on each group of words. Shapes: (N, D), (V, D), (V, G) -> (N,), (N, G).

    One pass over W_out, whatever the number of rows: running maxima and sums, as flash attention keeps them.
    `groups` holds the share of each word in each group; without it G is 0. The paper's section on layer selection.
    """
    dtype = matrix_dtype(weight)
    groups = weight.new_zeros(len(weight), 0) if groups is None else groups
    h = h.to(dtype)
    peak = torch.full((len(h), 1), -torch.inf, device=h.device)
    total, moment = torch.zeros_like(peak), torch.zeros_like(peak)
    mass = torch.zeros(len(h), groups.shape[1], device=h.device)
    with torch.autocast(h.device.type, enabled=False):
        for first in range(0, len(weight), WORDS):
            w, g = weight[first : first + WORDS].to(dtype), groups[first : first + WORDS].float()
            for start in range(0, len(h), ROWS):
                rows = slice(start, start + ROWS)
                logits = (h[rows] @ w.T).float()
                if scale != 1.0:
                    logits.mul_(scale)
                if softcap is not None:
                    logits.div_(softcap).tanh_().mul_(softcap)
                new = torch.maximum(peak[rows], logits.amax(dim=1, keepdim=True))
                # What was summed so far, seen from the new maximum; at first nothing was.
                shift = torch.where(peak[rows].isfinite(), peak[rows] - new, 0.0)
                fade = shift.exp()
                p = logits.sub_(new).exp()
                moment[rows] = fade * (moment[rows] + shift * total[rows]) + (p * logits).sum(dim=1, keepdim=True)
                total[rows] = fade * total[rows] + p.sum(dim=1, keepdim=True)
                if g.shape[1]:
                    mass[rows] = fade * mass[rows] + p @ g
                peak[rows] = new
    # H = log s - sum(p log p) in the terms of the maximum; rounding may leave a certain word just below zero.
    return Reading((total.log() - moment / total).clamp(min=0.0).squeeze(1), mass / total)
