"""The functions of the feature terms: pooling, and the distance of pooled states (eq. 5, 7)."""

import torch
import torch.nn.functional as F

from deepsuper.config.objective import Pooling


def pool(states: torch.Tensor, mask: torch.Tensor, pooling: Pooling) -> torch.Tensor:
    """One vector for each row's query. Eq. 5, 7 (paper silent on how). `states` without B: one sequence of all rows.

    Shapes: (B, T, D) or (T, D), (B, T) -> (B, D) float32.
    """
    if pooling == "last":
        last = (mask * torch.arange(mask.shape[1], device=mask.device)).argmax(dim=1)
        rows = states.expand(len(mask), *states.shape[-2:])
        return rows[torch.arange(len(mask), device=states.device), last].float()
    weights = mask.to(states.dtype)
    sums = weights @ states if states.dim() == 2 else (weights.unsqueeze(1) @ states).squeeze(1)
    return sums.float() / mask.sum(dim=1, keepdim=True).clamp(min=1)


def cosine_loss(english: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """1 - cos(a, b) of each row. Eq. 5, 7. Shapes: (B, D), (B, D) -> (B,)."""
    return 1.0 - F.cosine_similarity(english, target, dim=-1)


def contrastive_loss(english: torch.Tensor, target: torch.Tensor, temperature: float) -> torch.Tensor:
    """InfoNCE over the batch: each target query should be nearest to its own English one. Paper silent.

    Shapes: (B, D), (B, D) -> (B,). The English queries of the other rows are the negatives.
    """
    similarity = F.normalize(target, dim=-1) @ F.normalize(english, dim=-1).T / temperature
    return F.cross_entropy(similarity, torch.arange(len(target), device=target.device), reduction="none")
