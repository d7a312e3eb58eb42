"""The states that a lens is fitted to: those of every layer, and what the final norm gets, of many tokens."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from deepsuper.common.progress import progress_bar
from deepsuper.config import Bf16
from deepsuper.inside.states import EncodedText, layer_states, make_batches
from deepsuper.method.lens import Lens
from deepsuper.models.precision import use_bf16


@dataclass(frozen=True)
class Gathered:
    """The states of N tokens. Shapes: `inner` (L, N, D), layers 0 to L - 1; `before_norm` and `last` (N, D).

    `last` is layer L, `before_norm` what the final norm made it from. In bf16 they take a gigabyte for 30,000 tokens
    of a model of 30 layers and 576 dimensions.
    """

    inner: torch.Tensor
    before_norm: torch.Tensor
    last: torch.Tensor

    @property
    def tokens(self) -> int:
        """N."""
        return len(self.last)


def gather(model: nn.Module, texts: Sequence[EncodedText], *, bf16: Bf16, title: str) -> Gathered:
    """The states of all counted tokens, rounded to bf16 and kept in main memory."""
    norm, device = Lens(model).norm, next(model.parameters()).device
    before: list[torch.Tensor] = []
    hook = norm.register_forward_pre_hook(lambda module, inputs: before.append(inputs[0]))
    parts: list[torch.Tensor] = []
    autocast = torch.autocast(device.type, torch.bfloat16, enabled=use_bf16(bf16))
    try:
        with progress_bar(title, sum(sum(text.counted) for text in texts)) as advance, autocast:
            for batch in make_batches(texts):
                before.clear()
                states = layer_states(model, batch)
                counted = batch.counted.to(device)
                kept = [h[counted].to("cpu", torch.bfloat16) for h in (*states[:-1], before[0], states[-1])]
                parts.append(torch.stack(kept))
                advance(float(batch.counted.sum()))
    finally:
        hook.remove()
    joined = torch.cat(parts, dim=1)
    return Gathered(joined[:-2], joined[-2], joined[-1])
