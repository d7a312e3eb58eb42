"""The loss of English text: what it costs to tune a model for other languages."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import nn

from deepsuper.config import Bf16
from deepsuper.inside.states import EncodedText, make_batches
from deepsuper.models.precision import use_bf16


@torch.no_grad()
def english_loss(model: nn.Module, texts: Sequence[EncodedText], *, bf16: Bf16 = "auto") -> float:
    """The mean loss of the tokens of the texts but the first of each, in nats."""
    device, total, tokens = next(model.parameters()).device, 0.0, 0
    with torch.autocast(device.type, torch.bfloat16, enabled=use_bf16(bf16)):
        for batch in make_batches(texts):
            ids, attention = batch.ids.to(device), batch.attention.to(device)
            logits = model(input_ids=ids, attention_mask=attention, use_cache=False).logits[:, :-1].float()
            labels = ids[:, 1:].masked_fill(attention[:, 1:] == 0, -100)
            total += float(F.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="sum"))
            tokens += int((labels != -100).sum())
    return total / tokens
