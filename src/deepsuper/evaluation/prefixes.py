"""Prefix caching: what several prompts begin with is read once for all, such as a passage with five questions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.utils.rnn import pad_sequence
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

Tokens = tuple[int, ...]


def keeps_keys(model: Any) -> bool:
    """Whether all that a model remembers of its past are keys and values: only those can be cut and dealt anew."""
    layers = DynamicCache(config=model.config).layers
    return not model._is_stateful and all(type(layer) in (DynamicLayer, DynamicSlidingWindowLayer) for layer in layers)


@dataclass(frozen=True)
class Prefix:
    """What a group of prompts begins with, and how long the longest of them is."""

    tokens: Tokens
    longest: int


def shared_prefixes(prompts: Iterable[Tokens]) -> dict[Tokens, Prefix]:
    """The prefix of each prompt that shares one with others: at least half of each of them. A prompt joins its
    neighbours (in the order of the tokens) only where that does not lessen what they save together.
    """
    found: dict[Tokens, Prefix] = {}
    group: list[Tokens] = []
    head: Tokens = ()
    longest = 0
    for prompt in [*sorted(set(prompts)), ()]:
        common = _common(head, prompt)
        whole = max(longest, len(prompt))
        if group and 2 * common >= whole and common * len(group) >= len(head) * (len(group) - 1):
            head, longest = head[:common], whole
        else:
            if len(group) > 1:
                found |= dict.fromkeys(group, Prefix(head, longest))
            group, head, longest = [], prompt, len(prompt)
        group.append(prompt)
    return found


def _common(one: Tokens, other: Tokens) -> int:
    """How many tokens two prompts begin with alike."""
    return next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


KeyValues = list[tuple[torch.Tensor, torch.Tensor]]
"""The keys and values of one prompt in each layer, [heads, tokens, dimensions]."""


class PrefixCache:
    """Reads batches of `prompts`, their keys and values; the prefixes of the last batch are at hand for the next."""

    def __init__(self, model: Any, prompts: Iterable[Tokens]) -> None:
        self.model = model
        self._prefixes = shared_prefixes(prompts)
        self._kept: dict[Tokens, KeyValues] = {}

    def rank(self, prompt: Tokens) -> tuple[int, Tokens, int, Tokens]:
        """Sorted by this, prompts of one prefix stand side by side, and long ones come first."""
        prefix = self._prefixes.get(prompt, Prefix((), len(prompt)))
        return -prefix.longest, prefix.tokens, -len(prompt), prompt

    def read(self, prompts: Sequence[Tokens]) -> tuple[DynamicCache | None, torch.Tensor]:
        """Keys and values of a batch (None where all prompts are empty), and its mask, both padded on the left.

        Each prefix is read once and dealt to its prompts, which then all read the same number of tokens, so that no
        padding stands between.
        """
        prefixes = [self._prefixes.get(prompt) for prompt in prompts]
        heads = [prompt if prefix is None else prefix.tokens for prompt, prefix in zip(prompts, prefixes, strict=True)]
        shared = {prefix.tokens for prefix in prefixes if prefix is not None}
        if not shared:
            self._kept = {}
            return self._read_alone(prompts)
        read = self._kept | self._split([head for head in dict.fromkeys(heads) if head and head not in self._kept])
        self._kept = {head: read[head] for head in shared}
        behind = max(len(prompt) - len(head) for prompt, head in zip(prompts, heads, strict=True))
        parts = [(read.get(head, []), max(0, len(p) - behind)) for p, head in zip(prompts, heads, strict=True)]
        past, mask = self._deal(parts)
        return self._go_on([prompt[-behind:] for prompt in prompts], past, mask) if behind else (past, mask)

    def _read_alone(self, prompts: Sequence[Tokens]) -> tuple[DynamicCache | None, torch.Tensor]:
        ids, mask = pad(prompts, self.model.device, left=True)
        return self._go_on(prompts, DynamicCache(), mask[:, :0]) if ids.shape[1] else (None, mask)

    def _go_on(
        self, prompts: Sequence[Tokens], past: DynamicCache, before: torch.Tensor
    ) -> tuple[DynamicCache, torch.Tensor]:
        """Adds the keys and values of some prompts to `past`, which keeps them all, sliding windows or not."""
        ids, mask = pad(prompts, self.model.device, left=True)
        mask = torch.cat([before, mask], dim=1)
        positions = (mask.cumsum(1) - 1).clamp(min=0)[:, before.shape[1] :]
        options = {"attention_mask": mask, "position_ids": positions, "past_key_values": past}
        with torch.no_grad():
            self.model(ids, **options, use_cache=True, logits_to_keep=1)
        return past, mask

    def _split(self, prompts: Sequence[Tokens]) -> dict[Tokens, KeyValues]:
        """Keys and values of each of some prompts, without padding."""
        past, _ = self._read_alone(prompts) if prompts else (None, None)
        layers = [] if past is None else past.layers
        return {
            prompt: [(layer.keys[n, :, -len(prompt) :], layer.values[n, :, -len(prompt) :]) for layer in layers]
            for n, prompt in enumerate(prompts)
        }

    def _deal(self, parts: Sequence[tuple[KeyValues, int]]) -> tuple[DynamicCache, torch.Tensor]:
        """One batch of the first tokens of each part, as many as it says."""
        width = max(length for _, length in parts)
        past = DynamicCache()
        for layer, like in enumerate(next(part for part, _ in parts if part)):
            whole = [tensor.new_zeros(len(parts), len(tensor), width, tensor.shape[-1]) for tensor in like]
            for row, (part, length) in enumerate(parts):
                for tensor, source in zip(whole, part[layer], strict=True) if length else ():
                    tensor[row, :, width - length :] = source[:, :length]
            past.update(*whole, layer)
        return past, pad([(0,) * length for _, length in parts], self.model.device, left=True)[1]


def pad(rows: Sequence[Sequence[int]], device: Any, *, left: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows of tokens as one tensor, [rows, longest], and the mask that says which of its tokens are real."""
    side = "left" if left else "right"
    ids = [torch.tensor(row, dtype=torch.long) for row in rows]
    real = [torch.ones_like(row) for row in ids]
    padded, mask = (pad_sequence(each, batch_first=True, padding_side=side) for each in (ids, real))
    return padded.to(device), mask.to(device)
