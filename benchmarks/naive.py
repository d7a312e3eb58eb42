"""The same losses as most people would write them first: a pass for each text, all hidden states, full logits."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from deepsuper import Feature, Logits, Objective, ParallelBatch
from deepsuper.method.features import cosine_loss, pool
from deepsuper.method.lens import Lens


def _texts(batch: ParallelBatch, name: str) -> tuple[torch.Tensor, torch.Tensor]:
    """The token ids of [x^tgt | text], and the labels of each column, -100 where none. Shapes: (B, T), (B, T)."""
    prefix, trunk = batch["prefix_lengths"], batch["trunk_ids"]
    rows, _, labels = batch[f"targets_{name}"]  # type: ignore[literal-required]
    texts = [labels[rows == b] for b in range(len(trunk))]
    width = max(int(n) + len(t) for n, t in zip(prefix, texts, strict=True))
    ids = trunk.new_zeros(len(trunk), width)
    gold = trunk.new_full((len(trunk), width), -100)
    for b, text in enumerate(texts):
        n = int(prefix[b])
        ids[b, :n], ids[b, n : n + len(text)] = trunk[b, :n], text
        gold[b, n - 1 : n - 1 + len(text)] = text
    return ids, gold


def naive_losses(model: torch.nn.Module, objective: Objective, batch: ParallelBatch) -> dict[str, torch.Tensor]:
    """The named losses of a conditional objective."""
    lens, losses = Lens(model), {}
    for name, term in objective.terms.items():
        if isinstance(term, Logits):
            ids, gold = _texts(batch, term.targets)
            states = model(input_ids=ids, output_hidden_states=True, use_cache=False).hidden_states[term.layer]
            logits = lens.logits(states, term.layer).float()
            losses[name] = F.cross_entropy(logits.flatten(0, 1), gold.flatten())
        else:
            losses[name] = _feature(model, term, batch)
    return losses


def _feature(model: torch.nn.Module, term: Feature, batch: ParallelBatch) -> torch.Tensor:
    english = model(input_ids=batch["english_ids"], output_hidden_states=True, use_cache=False).hidden_states
    target = model(input_ids=batch["trunk_ids"], output_hidden_states=True, use_cache=False).hidden_states
    a = pool(english[term.layer_en].float(), batch["english_mask"], term.pooling).detach()
    return cosine_loss(a, pool(target[term.layer].float(), batch["query_mask"], term.pooling)).mean()
