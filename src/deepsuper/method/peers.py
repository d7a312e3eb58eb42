"""The rows that a row is compared with: by the contrastive similarity, and by the means of `center: batch`."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from deepsuper.method.batch import ParallelBatch
from deepsuper.method.objective import Feature


@dataclass(frozen=True)
class Peers:
    """The rows of one micro-batch. Shape letter: G rows."""

    language: torch.Tensor  # (G,)  index into the run's languages

    @classmethod
    def of(cls, batch: ParallelBatch) -> Peers:
        """The peers of the rows of `batch`."""
        return cls(batch["language"])

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
        """How many rows are counted. It waits for the device only where languages decide."""
        if term.center == "batch":
            return int(self.counted(term).sum())
        return 0 if term.similarity == "contrastive" and len(self.language) == 1 else len(self.language)

    def centered(self, english: torch.Tensor, target: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Both sides minus the mean of their language, with gradient through it. Shapes: (G, D), (G, D) -> the same.

        All rows have one English mean, and one target mean for each language.
        """
        same = self.same_language.to(target.dtype)
        mean = same @ target / same.sum(dim=1, keepdim=True)
        return _apart(english, english.mean(dim=0)), _apart(target, mean)


NOTHING = 1e-5
"""A state nearer to its mean than this share of its length is at the mean: what is left is rounding."""


def _apart(states: torch.Tensor, mean: torch.Tensor) -> torch.Tensor:
    """`states - mean`, and 0 without gradient where nothing is left: its direction would be rounding, scaled up."""
    rest = states - mean
    with torch.no_grad():
        left = rest.norm(dim=1, keepdim=True) > NOTHING * states.norm(dim=1, keepdim=True)
    return torch.where(left, rest, 0.0)
