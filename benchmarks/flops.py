"""The floor: floating-point operations that a training step of an objective cannot do without."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from deepsuper.method.batch import ParallelBatch
from deepsuper.method.objective import Logits, Objective, Retain, english_layers
from deepsuper.models.anatomy import find_blocks, text_config


@dataclass(frozen=True)
class Costs:
    """FLOPs of one token forward through one block and through the head; backward costs twice as much."""

    block: float
    head: float

    @staticmethod
    def of(model: nn.Module) -> Costs:
        config = text_config(model)
        blocks = find_blocks(model)
        matrices = sum(p.numel() for p in blocks.parameters() if p.dim() == 2)
        return Costs(2.0 * matrices / len(blocks), 2.0 * config.hidden_size * config.vocab_size)


def floor_flops(model: nn.Module, objective: Objective, batch: ParallelBatch) -> float:
    """FLOPs of one step, forward and backward, attention scores left out.

    Each branch's tokens times the blocks that they must cross, the prefix once; each predicted token times the
    head. A detached English query counts forward only, one that is retained both ways; a frozen head has no weight
    gradient. Padding is not counted.
    """
    costs = Costs.of(model)
    layers = text_config(model).num_hidden_layers
    terms = objective.terms
    top = max(term.layer for term in terms.values())
    prefix = int(batch["prefix_lengths"].sum())
    trunk = prefix + (batch["targets_tft"].shape[1] - len(batch["prefix_lengths"]) if "targets_tft" in batch else 0)
    total = 3.0 * costs.block * trunk * top
    for name, layer in objective.branches.items():
        tokens = batch[f"targets_{name}"].shape[1] - len(batch["prefix_lengths"])  # type: ignore[literal-required]
        total += 3.0 * costs.block * tokens * layer
    for term in terms.values():
        if isinstance(term, Logits):
            total += (3.0 if term.trains_head else 2.0) * costs.head * batch[f"targets_{term.targets}"].shape[1]  # type: ignore[literal-required]
            if term.lens == "tuned":  # one matrix more for each token, which has no gradient of its own
                hidden = text_config(model).hidden_size
                total += 4.0 * hidden * hidden * batch[f"targets_{term.targets}"].shape[1]  # type: ignore[literal-required]
    needed = english_layers(terms)
    if needed:
        english = int(batch["english_lengths"].sum())
        retained = [term for term in terms.values() if isinstance(term, Retain)]
        learns = objective.joint_english or bool(retained)
        total += (3.0 if learns else 1.0) * costs.block * english * min(layers, max(needed))
        for term in retained:  # the model before training, forward; of KL two products with W_out and one gradient
            total += costs.block * english * term.layer
            total += 3.0 * costs.head * english if term.kind == "kl" else 0.0
    return total
