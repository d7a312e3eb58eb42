"""What the model was before training: its states on the English tokens of a batch, and how far they are from now."""

from collections.abc import Collection
from contextlib import AbstractContextManager, nullcontext
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import nn

from deepsuper.common.errors import UserError
from deepsuper.method.batch import ParallelBatch
from deepsuper.method.objective import Retain, Terms
from deepsuper.method.tree import Segment, Tree
from deepsuper.models.adapters import without_adapters
from deepsuper.models.anatomy import base_model


class Before:
    """The model before training: the one with adapters, without them, or a frozen copy of one that trains as a whole.

    No module: a copy is not saved, wrapped or moved with the model that trains. Raises: UserError where there is
    neither an adapter nor a copy.
    """

    def __init__(self, model: nn.Module, tree: Tree, copy: nn.Module | None = None) -> None:
        if copy is None and not hasattr(model, "disable_adapter"):
            raise UserError("a term that retains: need a model with adapters, or a frozen copy of the model")
        self._model, self._copy = model, copy
        self._tree = tree if copy is None else Tree(copy)

    @property
    def head(self) -> torch.Tensor:
        """W_out of the model before training; no adapter can change it. Shape: (V, D)."""
        head = base_model(self._model if self._copy is None else self._copy).get_output_embeddings()
        return cast(torch.Tensor, head.weight)

    def states(self, terms: Terms, batch: ParallelBatch) -> dict[int, torch.Tensor]:
        """The states that `terms` retain, without gradient. Layer -> (S, columns of the text, D).

        Nothing, at no cost, where none does. It runs before the pass that trains, which the hooks of the tree replay.
        """
        retained = [term for term in terms.values() if isinstance(term, Retain)]
        layers = {term.layer for term in retained}
        if not layers:
            return {}
        if retained[0].text == "query":
            return self._run(Segment.of(batch, "english", max(layers)), batch["english_lengths"], layers)
        return self._run(Segment.of(batch, "trunk", max(layers)), batch["prefix_lengths"], layers)

    def _run(self, text: Segment, lengths: torch.Tensor, layers: Collection[int]) -> dict[int, torch.Tensor]:
        if self._copy is not None:
            self._copy.to(text.ids.device)
        disabled: AbstractContextManager[Any] = (
            nullcontext() if self._copy is not None else without_adapters(self._model)
        )
        with torch.no_grad(), disabled:
            return self._tree.run([text], lengths, layers)


def moved(before: torch.Tensor, now: torch.Tensor) -> torch.Tensor:
    """1 - cos of each state and the one before training. Shapes: (N, D), (N, D) -> (N,) float32.

    It is half the squared distance of the unit vectors: exact near 0, where 1 minus a cosine is rounding.
    """
    with torch.autocast(now.device.type, enabled=False):
        return 0.5 * (F.normalize(now.float(), dim=-1) - F.normalize(before.float(), dim=-1)).square().sum(dim=-1)
