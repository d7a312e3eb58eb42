"""A W_out that is also the embedding: both of its gradients in one tensor.

Autograd would make a second dense gradient for the embedding, as large as W_out and almost all zeros, only to add the
two. In a model of 262,144 words that takes a quarter of a training step on a CPU.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from deepsuper.method.cross_entropy import Give, Product
from deepsuper.models.anatomy import base_model


class JoinedGradient:
    """The gradients of W_out in one pass's backward; the embedding's few rows are then added where they lie."""

    def __init__(self, weight: torch.Tensor) -> None:
        self._weight = weight
        self.alias: torch.Tensor = _Join.apply(weight, self)  # type: ignore[no-untyped-call]
        self._node: Any = self.alias.grad_fn
        self._products: list[Product] = []
        self._grad: torch.Tensor | None = None

    def add(self, grad: Product | torch.Tensor) -> None:
        """Takes one gradient of W_out, if this backward goes on to the embedding at all. Shape: (V, D).

        A product is multiplied out at the end of backward, when the activations are gone.
        """
        if not torch._C._will_engine_execute_node(self._node):
            return
        if isinstance(grad, Product):
            self._products.append(grad)
        else:
            self._grad = grad if self._grad is None else self._grad.add_(grad)

    def take(self, rows: torch.Tensor) -> torch.Tensor:
        """The whole gradient: that of W_out with the embedding's (sparse) rows added. Shape: (V, D)."""
        grad, products = self._grad, self._products
        self._grad, self._products = None, []
        for product in products:
            fresh = grad is None
            grad = torch.empty_like(self._weight) if grad is None else grad
            product.add_to(grad, fresh=fresh)
        return rows.to_dense() if grad is None else grad.add_(rows)


class TiedGradient:
    """Gives each pass a `JoinedGradient`. It stands aside where W_out and the embedding are two tensors, or frozen."""

    def __init__(self, model: nn.Module) -> None:
        self._model = base_model(model)
        self._pass: JoinedGradient | None = None

    @contextmanager
    def joined(self) -> Iterator[None]:
        """The pass within it looks words up through an alias of the embedding, by which backward comes back here."""
        self._pass = None
        embedding = self._model.get_input_embeddings()
        weight = embedding.weight
        tied = self._model.get_output_embeddings().weight is weight
        if not (tied and type(weight) is nn.Parameter and weight.requires_grad and torch.is_grad_enabled()):
            yield
            return
        self._pass = JoinedGradient(weight)
        embedding._parameters["weight"], embedding.sparse = self._pass.alias, True
        try:
            yield
        finally:
            embedding._parameters["weight"], embedding.sparse = weight, False

    @property
    def takes(self) -> bool:
        """Whether the gradient of W_out may be given to `give` instead of to autograd."""
        return self._pass is not None

    @property
    def give(self) -> Give | None:
        """What takes the gradient of W_out of the pass just made, if anything does."""
        return None if self._pass is None else self._pass.add


class _Join(torch.autograd.Function):
    """An alias of the tied weight. All of its uses as W_out lie above the embedding, so backward ends here."""

    @staticmethod
    def forward(ctx: Any, weight: torch.Tensor, joined: JoinedGradient) -> torch.Tensor:
        ctx.joined = joined
        return weight.view_as(weight)

    @staticmethod
    def backward(ctx: Any, rows: torch.Tensor) -> tuple[torch.Tensor, None]:
        return ctx.joined.take(rows), None
