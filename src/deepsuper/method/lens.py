"""The lens: hidden state of any layer -> final norm -> W_out -> logits, as the model itself does it at layer L."""

import importlib.util
from typing import cast

import torch
from torch import nn

from deepsuper.common.errors import UserError
from deepsuper.method.cross_entropy import Give, cross_entropy
from deepsuper.method.tuned_lens import TunedLens
from deepsuper.models.anatomy import NORMS, base_model, find_decoder, text_config


class Lens:
    """Maps hidden states of `model` to logits: final norm, W_out, scale and soft cap.

    `tuned`: the maps of inner layers into the states of layer L, before the norm. Without it: the logit lens.
    """

    def __init__(self, model: nn.Module, chunk_mib: int = 192, tuned: TunedLens | None = None) -> None:
        decoder = find_decoder(model)
        norms = [getattr(decoder, name) for name in NORMS if hasattr(decoder, name)]
        if not norms:
            raise UserError(f"{type(decoder).__name__} has no final norm under any of the names {', '.join(NORMS)}")
        self._head_of = base_model(model).get_output_embeddings
        config = text_config(model)
        self.norm: nn.Module = norms[0]
        self.num_layers: int = config.num_hidden_layers
        self.chunk_mib = chunk_mib
        self.tuned = tuned
        self.softcap: float | None = getattr(config, "final_logit_softcapping", None)
        self.scale: float = getattr(config, "logit_scale", None) or 1.0 / (
            getattr(config, "logits_scaling", None) or 1.0
        )

    @property
    def head(self) -> nn.Linear:
        """W_out. Shape: (V, D)."""
        return cast(nn.Linear, self._head_of())

    def states(self, h: torch.Tensor, layer: int, *, norm: bool, train: bool) -> torch.Tensor:
        """`h` as W_out reads it: translated by the tuned lens if there is one, and after the final norm.

        At layer L it is `h` itself, which the model has normed. Shapes: (..., D) -> (..., D).
        """
        if layer == self.num_layers:
            return h
        if self.tuned is not None:
            h = self.tuned.translate(h, layer)
        if not norm:
            return h
        if train:
            return cast(torch.Tensor, self.norm(h))
        frozen = {name: value.detach() for name, value in self.norm.named_parameters()}
        return cast(torch.Tensor, torch.func.functional_call(self.norm, frozen, (h,)))

    def logits(self, h: torch.Tensor, layer: int, *, norm: bool = True) -> torch.Tensor:
        """The logits of every state of `h`; at layer L they equal the model's own. Shapes: (..., D) -> (..., V)."""
        logits = self.head(self.states(h, layer, norm=norm, train=True)) * self.scale
        return logits if self.softcap is None else torch.tanh(logits / self.softcap) * self.softcap

    def loss(
        self,
        h: torch.Tensor,
        labels: torch.Tensor,
        layer: int,
        *,
        divisor: torch.Tensor | float,
        train_head: bool = True,
        norm: bool = True,
        give: Give | None = None,
    ) -> torch.Tensor:
        """The summed -log P(labels | h) over `divisor`, read at `layer`. Eq. 1, 2, 4, 6. Shapes: (N, D), (N,) -> ().

        The head is frozen with `weight.detach()`, never with `requires_grad_(False)`: Gemma ties it to the embeddings.
        `give` receives the gradient of a trained head instead of autograd, if the kernel supports that.
        """
        weight = self.head.weight if train_head else self.head.weight.detach()
        h = self.states(h, layer, norm=norm, train=train_head)
        if h.is_cuda and importlib.util.find_spec("liger_kernel") is not None and self.scale == 1.0 and len(h):
            return _liger_loss(h, weight, labels, self.softcap) / divisor
        return cross_entropy(
            h,
            weight if give is None else weight.detach(),
            labels,
            divisor=divisor,
            softcap=self.softcap,
            scale=self.scale,
            chunk_mib=self.chunk_mib,
            give=give if train_head else None,
        )


def _liger_loss(h: torch.Tensor, weight: torch.Tensor, labels: torch.Tensor, softcap: float | None) -> torch.Tensor:
    """Liger's fused linear cross-entropy, summed. It computes no gradient of the head if `weight` is detached."""
    from liger_kernel.transformers.functional import (  # type: ignore[import-not-found,import-untyped,unused-ignore]
        liger_fused_linear_cross_entropy,
    )

    device = h.device.type
    if torch.is_autocast_enabled(device):
        h, weight = (t.to(torch.get_autocast_dtype(device)) for t in (h, weight))
    # A large vocabulary means many small chunks, and summing their gradients in bf16 would lose most of the bits.
    loss = liger_fused_linear_cross_entropy(
        h, weight, labels, reduction="sum", softcap=softcap, accum_dtype=torch.float32
    )
    return cast(torch.Tensor, loss).float()
