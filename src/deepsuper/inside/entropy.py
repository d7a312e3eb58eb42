"""Entropy over a vocabulary and the probability of groups of words, without ever storing a whole row of logits."""

import importlib.util
import math
from dataclasses import dataclass
from typing import cast

import torch

from deepsuper.method.cross_entropy import matrix_dtype
from deepsuper.method.lens import Lens

ROWS, WORDS = 512, 4096
"""Size of the block of logits that is computed at a time: 8 MiB in float32, which fits into a CPU cache."""
LOG2_E = math.log2(math.e)


@dataclass(frozen=True)
class Reading:
    """What a lens shows at each position. Shapes: (N,) in nats; (N, G), each row a share of 1."""

    entropy: torch.Tensor
    mass: torch.Tensor


@torch.no_grad()
def read_states(lens: Lens, states: torch.Tensor, *, groups: torch.Tensor | None = None) -> Reading:
    """Entropy, and mass on each group, of what `lens.states` gave. Shapes: (N, D), (V, G) -> (N,), (N, G)."""
    weight = lens.head.weight
    if states.is_cuda and groups is None and lens.softcap is None and importlib.util.find_spec("liger_kernel"):
        entropy = _liger_entropy(states, weight, lens.scale)
        if entropy is not None:
            return Reading(entropy, entropy.new_zeros(len(entropy), 0))
    return read(states, weight, groups=groups, softcap=lens.softcap, scale=lens.scale)


def _liger_entropy(h: torch.Tensor, weight: torch.Tensor, scale: float) -> torch.Tensor | None:
    """Liger's fused entropy in nats; None if the installed version has none. Shapes: (N, D), (V, D) -> (N,)."""
    try:
        from liger_kernel.ops import (  # type: ignore[import-not-found,import-untyped,unused-ignore]
            LigerFusedLinearScaledCrossEntropyFunction as Kernel,
        )
    except ImportError:
        return None
    dtype = matrix_dtype(weight)
    labels = torch.zeros(len(h), dtype=torch.long, device=h.device)
    _, entropy = Kernel.apply(h.to(dtype), weight.to(dtype), labels, 1.0 / scale, -100, 1, True)
    return cast(torch.Tensor, entropy).float()


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
    sums = _Sums.of(len(h), groups.shape[1], h.device)
    # Allocated once: the first use of new memory takes longer than the arithmetic on it.
    product, logits, p = (torch.empty(ROWS * WORDS, dtype=t, device=h.device) for t in (dtype, *[torch.float32] * 2))
    with torch.autocast(h.device.type, enabled=False):
        for first in range(0, len(weight), WORDS):
            w, g = weight[first : first + WORDS].to(dtype), groups[first : first + WORDS].float()
            for start in range(0, len(h), ROWS):
                rows = slice(start, start + ROWS)
                shape = (len(h[rows]), len(w))
                out, x, e = (buffer[: shape[0] * shape[1]].view(shape) for buffer in (product, logits, p))
                x.copy_(torch.mm(h[rows], w.T, out=out))
                if softcap is not None:
                    x.mul_(scale / softcap).tanh_()
                x.mul_(LOG2_E * (scale if softcap is None else softcap))
                sums.add(rows, x, e, g)
    return sums.reading()


@dataclass(frozen=True)
class _Sums:
    """Running sums over the words of each row, relative to its largest logit so far. Shapes: (N, 1), mass (N, G).

    Logits are in bits: on a CPU, powers of 2 take a third of the time of powers of e.
    """

    peak: torch.Tensor
    total: torch.Tensor
    moment: torch.Tensor
    mass: torch.Tensor

    @classmethod
    def of(cls, rows: int, groups: int, device: torch.device) -> "_Sums":
        zeros = [torch.zeros(rows, width, device=device) for width in (1, 1, groups)]
        return cls(torch.full((rows, 1), -torch.inf, device=device), *zeros)

    def add(self, rows: slice, logits: torch.Tensor, scratch: torch.Tensor, groups: torch.Tensor) -> None:
        """Adds more words to some rows. Overwrites `logits` and `scratch`. Shapes: (R, W), (R, W), (W, G)."""
        old = self.peak[rows]
        new = torch.maximum(old, logits.amax(dim=1, keepdim=True))
        # Scales the sums so far to the new maximum; at first there are none.
        shift = torch.where(old.isfinite(), old - new, 0.0)
        fade = shift.exp2()
        p = torch.exp2(logits.sub_(new), out=scratch)
        if groups.shape[1]:
            self.mass[rows] = fade * self.mass[rows] + p @ groups
        total = p.sum(dim=1, keepdim=True)
        self.moment[rows] = fade * (self.moment[rows] + shift * self.total[rows]) + p.mul_(logits).sum(1, keepdim=True)
        self.total[rows] = fade * self.total[rows] + total
        self.peak[rows] = new

    def reading(self) -> Reading:
        """H = log s - sum(p log p), relative to the maximum. Negative values from rounding are set to 0."""
        entropy = (self.total.log2() - self.moment / self.total).clamp(min=0.0) / LOG2_E
        return Reading(entropy.squeeze(1), self.mass / self.total)
