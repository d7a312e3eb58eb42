"""Running means of pooled states, one for each language: what `center: running` subtracts."""

from collections.abc import Mapping

import torch
import torch.distributed as dist
from torch import nn

from deepsuper.method.objective import Objective, term_key


class RunningMeans(nn.Module):
    """The mean of the English states (row 0) and of each target language's (rows 1..), for one term.

    The means change in `commit` only, once per optimizer step, so that accumulated micro-batches are centred as one
    batch would be.
    """

    mean: torch.Tensor
    seen: torch.Tensor

    def __init__(self, num_languages: int, hidden: int, momentum: float) -> None:
        super().__init__()
        self.momentum = momentum
        self.register_buffer("mean", torch.zeros(1 + num_languages, hidden))
        self.register_buffer("seen", torch.zeros(1 + num_languages, dtype=torch.bool))
        self._sums: torch.Tensor | None = None

    @property
    def ready(self) -> torch.Tensor:
        """Whether English has been seen. Shape: ()."""
        return self.seen[0]

    def center(
        self, english: torch.Tensor, target: torch.Tensor, language: torch.Tensor, *, learn: bool
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Both sides minus their language's mean, without gradient. Shapes: (B, D), (B, D), (B,) -> (B, D), (B, D).

        For a language that no `commit` has seen yet, the mean of this batch is used.
        """
        with torch.no_grad():
            sums = self._batch_sums(english, target, language)
            if learn:
                self._sums = sums if self._sums is None else self._sums + sums
            own = sums[:, :-1] / sums[:, -1:].clamp(min=1.0)
            mean = torch.where(self.seen.unsqueeze(1), self.mean, own)
        return english - mean[0], target - mean[1 + language]

    def _batch_sums(self, english: torch.Tensor, target: torch.Tensor, language: torch.Tensor) -> torch.Tensor:
        """Sums and, in the last column, counts of each language. Shape: (1 + languages, D + 1)."""
        rows = torch.cat([torch.zeros_like(language), 1 + language])
        states = torch.cat([english, target]).to(self.mean.dtype)
        states = torch.cat([states, torch.ones_like(states[:, :1])], dim=1)
        return torch.zeros(len(self.mean), states.shape[1], device=states.device).index_add_(0, rows, states)

    def commit(self) -> None:
        """Moves each mean by (1 - momentum) towards the mean of what all ranks saw since the last call.

        The first batches of a language set its mean.
        """
        sums = (
            self._sums
            if self._sums is not None
            else torch.zeros(len(self.mean), self.mean.shape[1] + 1, device=self.mean.device)
        )
        if dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1:
            dist.all_reduce(sums)
        with torch.no_grad():
            here = (sums[:, -1] > 0).unsqueeze(1)
            new = sums[:, :-1] / sums[:, -1:].clamp(min=1.0)
            moved = torch.where(self.seen.unsqueeze(1), torch.lerp(new, self.mean, self.momentum), new)
            self.mean.copy_(torch.where(here, moved, self.mean))
            self.seen.logical_or_(here.squeeze(1))
        self._sums = None


class TermMeans(nn.ModuleDict):
    """The running means of each feature that is centred with them, of all streams' objectives, by `term_key`."""

    def __init__(self, objectives: Mapping[str, Objective], num_languages: int, hidden: int) -> None:
        super().__init__(
            {
                term_key(stream, name): RunningMeans(num_languages, hidden, term.momentum)
                for stream, objective in objectives.items()
                for name, term in objective.features.items()
                if term.center == "running"
            }
        )

    def of(self, name: str) -> RunningMeans:
        """The means of one term."""
        means = self[name]
        assert isinstance(means, RunningMeans)
        return means

    @property
    def ready(self) -> bool:
        """Whether every term has seen rows to centre with."""
        return all(bool(self.of(name).ready) for name in self)

    def commit(self) -> None:
        """Updates all means with what was seen since the last call: once after each optimizer step."""
        for name in self:
            self.of(name).commit()
