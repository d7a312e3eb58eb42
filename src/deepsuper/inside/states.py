"""Sentences -> token batches -> the hidden states of every layer, in one forward pass."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from deepsuper.common.errors import UserError
from deepsuper.common.progress import progress_bar
from deepsuper.config import Bf16, Positions
from deepsuper.models.anatomy import find_decoder
from deepsuper.models.precision import use_bf16

BATCH_TOKENS = 512
"""Tokens of one forward pass, padding included; a longer text is a batch of its own."""


@dataclass(frozen=True)
class EncodedText:
    """One text as token ids, and which of them count. `cut`: the number of tokens beyond the length limit."""

    ids: tuple[int, ...]
    counted: tuple[bool, ...]
    cut: int = 0


@dataclass(frozen=True)
class TextBatch:
    """A batch of texts, padded on the right. `order` (B,): the indices of the texts. Shapes: (B, T) each."""

    order: tuple[int, ...]
    ids: torch.Tensor
    attention: torch.Tensor
    counted: torch.Tensor


def encode_texts(
    tokenizer: Any, texts: Sequence[str], *, positions: Positions = "text", max_length: int = 512, named: str = "text"
) -> list[EncodedText]:
    """Texts as tokens. Raises: UserError naming a text with too few tokens. `named`: what messages call a text."""
    special = set(tokenizer.all_special_ids)
    encoded = []
    for number, text in enumerate(texts, start=1):
        ids = tokenizer(text)["input_ids"]
        own = [n for n, token in enumerate(ids) if token not in special]
        if len(own) < 2:
            raise UserError(f"{named} {number}: {text!r} has {len(own)} tokens: need two or more")
        chosen = {"text": own, "inner": own[1:], "all": range(len(ids))}[positions]
        counted = [n in set(chosen) for n in range(len(ids))]
        if not any(counted[:max_length]):
            raise UserError(f"{named} {number}: keeps no token that counts within max_length {max_length}: raise it")
        encoded.append(EncodedText(tuple(ids[:max_length]), tuple(counted[:max_length]), max(0, len(ids) - max_length)))
    return encoded


def make_batches(texts: Sequence[EncodedText], *, tokens: int = BATCH_TOKENS) -> Iterator[TextBatch]:
    """Batches of texts of similar length, the longest first, with at most `tokens` tokens each, padding included."""
    order = sorted(range(len(texts)), key=lambda n: -len(texts[n].ids))
    while order:
        width = len(texts[order[0]].ids)
        size = max(1, tokens // width)
        chosen, order = order[:size], order[size:]
        ids, attention = torch.zeros(2, len(chosen), width, dtype=torch.long)
        counted = torch.zeros(len(chosen), width, dtype=torch.bool)
        for row, n in enumerate(chosen):
            length = len(texts[n].ids)
            ids[row, :length] = torch.tensor(texts[n].ids)
            attention[row, :length] = 1
            counted[row, :length] = torch.tensor(texts[n].counted)
        yield TextBatch(tuple(chosen), ids, attention, counted)


@torch.no_grad()
def layer_states(model: nn.Module, batch: TextBatch) -> tuple[torch.Tensor, ...]:
    """The hidden states of layers 0..L, L after the final norm. Shapes: (B, T) -> L + 1 times (B, T, D)."""
    decoder = find_decoder(model)
    device = next(decoder.parameters()).device
    output = decoder(
        input_ids=batch.ids.to(device),
        attention_mask=batch.attention.to(device),
        use_cache=False,
        output_hidden_states=True,
    )
    states: tuple[torch.Tensor, ...] = output.hidden_states
    return states


def pooled_states(
    model: nn.Module, texts: Sequence[EncodedText], *, bf16: Bf16 = "auto", title: str = "states"
) -> npt.NDArray[np.float32]:
    """The mean state of the counted tokens of each text, at every layer. Shape: (n, L + 1, D)."""
    device = next(model.parameters()).device
    pooled: npt.NDArray[np.float32] | None = None
    tokens = sum(sum(text.counted) for text in texts)
    with progress_bar(title, tokens) as advance, torch.autocast(device.type, torch.bfloat16, enabled=use_bf16(bf16)):
        for batch in make_batches(texts):
            states = layer_states(model, batch)
            weight = (batch.counted / batch.counted.sum(dim=1, keepdim=True)).to(states[0].device)
            means = torch.stack([(h.float() * weight.unsqueeze(2)).sum(dim=1) for h in states], dim=1).cpu().numpy()
            if pooled is None:
                pooled = np.zeros((len(texts), *means.shape[1:]), dtype=np.float32)
            pooled[list(batch.order)] = means
            advance(float(batch.counted.sum()))
    assert pooled is not None, "load_texts gives at least one text"
    return pooled
