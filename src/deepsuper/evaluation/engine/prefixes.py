"""Prefix caching: what several prompts begin with, such as a passage with five questions, is read once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

from deepsuper.evaluation.engine.past import Past, Piece, compose, in_passes, pad

Tokens = tuple[int, ...]


def keeps_keys(model: Any) -> bool:
    """Whether a model's whole state are keys and values: only those can be cut and combined into new batches."""
    layers = DynamicCache(config=model.config).layers
    return not model._is_stateful and all(type(layer) in (DynamicLayer, DynamicSlidingWindowLayer) for layer in layers)


@dataclass(frozen=True)
class Prefix:
    """The common beginning of a group of prompts, and the length of the longest of them."""

    tokens: Tokens
    longest: int


def shared_prefixes(prompts: Iterable[Tokens]) -> dict[Tokens, Prefix]:
    """The prefix of each prompt that shares one with others. It is at least half of each of them.

    A prompt joins the group before it (in the order of the tokens) only where the group then saves no fewer tokens.
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
    """The number of tokens at the beginning that are the same in both."""
    return next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


class PrefixCache:
    """Reads batches of `prompts` into keys and values. The prefixes of the last batch are kept for the next one."""

    def __init__(self, model: Any, prompts: Iterable[Tokens]) -> None:
        self.model = model
        self._prefixes = shared_prefixes(prompts)
        self._kept: dict[Tokens, Piece] = {}

    def rank(self, prompt: Tokens) -> tuple[int, Tokens, int, Tokens]:
        """A sort key: prompts of one prefix are neighbours, and long ones come first."""
        prefix = self._prefixes.get(prompt, Prefix((), len(prompt)))
        return -prefix.longest, prefix.tokens, -len(prompt), prompt

    def read(self, prompts: Sequence[Tokens]) -> Past:
        """The keys and values of a batch, padded on the left.

        All prompts read the same number of tokens behind their prefixes: there is no padding inside a row.
        """
        prefixes = [self._prefixes.get(prompt) for prompt in prompts]
        heads = [prompt if prefix is None else prefix.tokens for prompt, prefix in zip(prompts, prefixes, strict=True)]
        shared = list(dict.fromkeys(prefix.tokens for prefix in prefixes if prefix is not None))
        if not shared:
            self._kept = {}
            return compose(self._begin(prompts), spend=True)
        fresh = [head for head in dict.fromkeys(heads) if head not in self._kept]
        read = self._kept | dict(zip(fresh, self._begin(fresh), strict=True))
        kept = compose([read[head] for head in shared])
        self._kept = dict(zip(shared, kept.pieces(range(len(shared))), strict=True))
        behind = max(len(prompt) - len(head) for prompt, head in zip(prompts, heads, strict=True))
        parts = [replace(read[h], length=max(0, len(p) - behind)) for p, h in zip(prompts, heads, strict=True)]
        return self._go_on([prompt[-behind:] if behind else () for prompt in prompts], compose(parts, spend=True))

    def _begin(self, prompts: Sequence[Tokens]) -> list[Piece]:
        """The keys and values of each prompt, read from its first token on; prompts of similar length together."""
        pieces: dict[int, Piece] = {}
        for one in in_passes([len(prompt) for prompt in prompts]):
            past = self._go_on([prompts[n] for n in one], Past.empty(len(one), self.model.device))
            pieces |= zip(one, past.pieces(range(len(one))), strict=True)
        return [pieces[n] for n in range(len(prompts))]

    def _go_on(self, prompts: Sequence[Tokens], past: Past) -> Past:
        """`past` extended by the keys and values of some prompts. All are kept, also in layers with a window."""
        ids, mask = pad(prompts, self.model.device, left=True)
        mask = torch.cat([past.mask, mask], dim=1)
        positions = (mask.cumsum(1) - 1).clamp(min=0)[:, past.width :]
        if ids.shape[1]:
            with torch.no_grad():
                options = {"attention_mask": mask, "position_ids": positions, "past_key_values": past.cache}
                self.model(ids, **options, use_cache=True, logits_to_keep=1)
        return Past(past.cache, mask)
