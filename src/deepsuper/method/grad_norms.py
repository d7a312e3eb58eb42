"""How strongly each term of the objective pulls: the norm of its gradient."""

from collections.abc import Mapping

import torch


class GradNorms:
    """The norms of one forward pass: give it to `Supervised.forward`, then ask for `squares` before backward.

    It is a plain class, because DDP and FSDP copy the dicts and dataclasses that a forward pass is given.
    """

    def __init__(self) -> None:
        self._terms: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}

    def add(self, name: str, loss: torch.Tensor, state: torch.Tensor) -> None:
        """Keeps the loss of a term and the hidden state that it supervises."""
        self._terms[name] = (loss, state)

    def squares(self, weights: Mapping[str, float]) -> dict[str, torch.Tensor]:
        """Squared norm of each weighted term's gradient at its own supervised state.

        Squares, because those of micro-batches and ranks add up.
        """
        squares = {}
        for name in weights:
            loss, state = self._terms[name]
            (grad,) = torch.autograd.grad(loss, state, retain_graph=True)
            squares[name] = grad.float().square().sum() * weights[name] ** 2
        return squares
