"""Gradients over the parameters that a term shares with the task: their norms, and the angle between them.

Shared are the trainable parameters of the blocks that both gradients reach. Embeddings are left out: where they are
tied to W_out, their gradient is that of W_out too, which the task alone trains.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn

from deepsuper.models.anatomy import find_blocks

Gradients = Mapping[str, torch.Tensor]
"""The gradient of each parameter that one term reaches, by the parameter's name."""


@dataclass(frozen=True)
class GradientShare:
    """The gradient of a term beside the task's, over their shared parameters.

    `ratio` is the term's norm over the task's, infinite where the task's is 0; `cosine` is 0 where one of them is 0.
    """

    norm: float
    task_norm: float
    cosine: float

    @property
    def ratio(self) -> float:
        """The norm of the term's gradient as a share of the task's."""
        if self.task_norm > 0.0:
            return self.norm / self.task_norm
        return float("inf") if self.norm > 0.0 else 0.0


def block_parameters(model: nn.Module) -> dict[str, nn.Parameter]:
    """The trainable parameters of the blocks, adapters included, by their names in `model`."""
    inside = {id(p) for block in find_blocks(model) for p in block.parameters() if p.requires_grad}
    return {name: p for name, p in model.named_parameters() if id(p) in inside}


def products(term: Gradients, task: Gradients) -> torch.Tensor:
    """<term, term>, <task, task> and <term, task> over the parameters of both, in float64. Shape: (3,).

    Products of the shards of several processes add up.
    """
    sums = [torch.zeros(3, dtype=torch.float64)]
    for name in term.keys() & task.keys():
        a, b = (_local(g[name]).flatten().float() for g in (term, task))
        sums.append(torch.stack([a @ a, b @ b, a @ b]).double().cpu())
    return torch.stack(sums).sum(dim=0)


def compare(sums: torch.Tensor) -> GradientShare:
    """What the sums of `products` say. Shape: (3,)."""
    term, task, both = sums.tolist()
    length = (term * task) ** 0.5
    return GradientShare(term**0.5, task**0.5, both / length if length > 0.0 else 0.0)


def _local(gradient: torch.Tensor) -> torch.Tensor:
    """This process's shard of a gradient that FSDP spreads over the processes."""
    shard = getattr(gradient, "to_local", None)
    return gradient if shard is None else shard()
