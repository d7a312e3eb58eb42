"""The floor: floating-point operations that a training step of an objective cannot do without."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from deepsuper.method.batch import ParallelBatch
from deepsuper.method.objective import Feature, Logits, Objective
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
    head. A detached English query counts forward only; a frozen head has no weight gradient. Padding is not counted.
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
    features = [term for term in terms.values() if isinstance(term, Feature)]
    if features:
        english = int(batch["english_lengths"].sum())
        needed = min(layers, max(term.layer_en for term in features))
        total += (3.0 if objective.joint_english else 1.0) * costs.block * english * needed
    return total
