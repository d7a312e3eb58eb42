"""The rows that a row is compared with: by the contrastive similarity, and by the means of `center: batch`."""

from dataclasses import dataclass

import torch
import torch.distributed as dist
import torch.nn.functional as F

from deepsuper.method.batch import ParallelBatch
from deepsuper.method.objective import Feature, Objective


@dataclass(frozen=True)
class Peers:
    """The rows of one micro-batch over all processes. Shape letters: B rows of this process, G of all.

    Every process computes the losses of all rows, with gradient to the states of its own. Summed over the processes,
    as DDP and FSDP do, these are the gradients of one process with all rows, and backward has no collective of its
    own.
    """

    language: torch.Tensor  # (G,)  index into the run's languages
    sizes: tuple[int, ...]
    """The number of rows of each process."""
    rank: int = 0

    @classmethod
    def of(cls, batch: ParallelBatch, objective: Objective) -> "Peers":
        """The rows of `batch`, and those of all other processes if `objective` compares rows.

        Only the latter waits for the device.
        """
        language = batch["language"][:0] if batch.get("filler", False) else batch["language"]
        if not (
            objective.compares_rows and dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1
        ):
            return cls(language, (len(language),))
        size = torch.tensor([len(language)], device=language.device)
        ones = (1,) * dist.get_world_size()
        sizes = tuple(torch.cat(_from_all(size, ones)).tolist())
        return cls(torch.cat(_from_all(language, sizes)), sizes, dist.get_rank())

    @property
    def own(self) -> slice:
        """The rows of this process."""
        start = sum(self.sizes[: self.rank])
        return slice(start, start + self.sizes[self.rank])

    @property
    def same_language(self) -> torch.Tensor:
        """Whether two rows have one language. Shape: (G, G)."""
        return self.language.unsqueeze(1) == self.language

    def counted(self, term: Feature) -> torch.Tensor:
        """The rows that `term` has a loss of. Shape: (G,) bool.

        A contrastive loss needs another row as a negative, and the mean of a language that `center: batch` removes
        needs another row of that language.
        """
        if term.center == "batch":
            return self.same_language.sum(dim=1) > 1
        least = 2 if term.similarity == "contrastive" else 1
        return torch.full_like(self.language, len(self.language) >= least, dtype=torch.bool)

    def count(self, term: Feature) -> int:
        """How many of this process's rows are counted. It waits for the device only where languages decide."""
        if term.center == "batch":
            return int(self.counted(term)[self.own].sum())
        return 0 if term.similarity == "contrastive" and len(self.language) == 1 else self.sizes[self.rank]

    def gather(self, states: torch.Tensor) -> torch.Tensor:
        """The states of all rows, with gradient to those of this process alone. Shapes: (B, D) -> (G, D)."""
        own = states[: self.sizes[self.rank]]
        if len(self.sizes) == 1:
            return own
        parts = _from_all(own.detach(), self.sizes)
        parts[self.rank] = own
        return torch.cat(parts)

    def centered(self, english: torch.Tensor, target: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Both sides minus the mean of their language, with gradient through it. Shapes: (G, D), (G, D) -> the same.

        All rows have one English mean, and one target mean for each language.
        """
        same = self.same_language.to(target.dtype)
        mean = same @ target / same.sum(dim=1, keepdim=True)
        return _apart(english, english.mean(dim=0)), _apart(target, mean)

    def own_sum(self, losses: torch.Tensor) -> torch.Tensor:
        """The sum over this process's rows, with the gradient of the sum over all rows. Shapes: (G,) -> ()."""
        total = losses.sum()
        return losses[self.own].sum().detach() + (total - total.detach())


NOTHING = 1e-5
"""A state nearer to its mean than this share of its length is at the mean: what is left is rounding."""


def _apart(states: torch.Tensor, mean: torch.Tensor) -> torch.Tensor:
    """`states - mean`, and 0 without gradient where nothing is left: its direction would be rounding, scaled up."""
    rest = states - mean
    with torch.no_grad():
        left = rest.norm(dim=1, keepdim=True) > NOTHING * states.norm(dim=1, keepdim=True)
    return torch.where(left, rest, 0.0)


def _from_all(rows: torch.Tensor, sizes: tuple[int, ...]) -> list[torch.Tensor]:
    """The rows of each process, of which it has as many as `sizes` says. Without gradient."""
    widest = max(sizes)
    mine = F.pad(rows, (0, 0) * (rows.dim() - 1) + (0, widest - len(rows))).contiguous()
    parts = [torch.empty_like(mine) for _ in sizes]
    dist.all_gather(parts, mine)
    return [part[:size] for part, size in zip(parts, sizes, strict=True)]
