"""The floor: floating-point operations that no measurement of these gradients can do without.

Counted from the shapes of the weights and of the batch: matrix products of the blocks, their attention, and W_out.
A product that multiplies N columns with a matrix of P numbers takes 2NP forward, 2NP for the gradient of its input and
2NP for that of the matrix, if it is trained. Padded columns count, as they do in a plain pass.
"""

from dataclasses import dataclass

from torch import nn

from deepsuper.inside.dose.candidates import SharedPass
from deepsuper.method.batch import ParallelBatch
from deepsuper.method.objective import Logits
from deepsuper.models.anatomy import base_model, find_blocks, text_config


@dataclass(frozen=True)
class Flops:
    """Operations in the blocks, and of W_out. The two run at different speeds."""

    blocks: float = 0.0
    head: float = 0.0

    def __add__(self, other: "Flops") -> "Flops":
        return Flops(self.blocks + other.blocks, self.head + other.head)


@dataclass(frozen=True)
class ModelSizes:
    """Numbers in the matrices of each block, and in those that are trained; the width of all heads; V times D."""

    matrices: tuple[int, ...]
    trained: tuple[int, ...]
    attention: int
    head: int

    @staticmethod
    def of(model: nn.Module) -> "ModelSizes":
        """The sizes of a dense decoder; its weights may be on torch's meta device."""
        config = text_config(model)
        heads = config.num_attention_heads
        head_dim = getattr(config, "head_dim", None) or config.hidden_size // heads
        blocks = [[p for p in block.parameters() if p.dim() == 2] for block in find_blocks(model)]
        return ModelSizes(
            tuple(sum(p.numel() for p in block) for block in blocks),
            tuple(sum(p.numel() for p in block if p.requires_grad) for block in blocks),
            heads * head_dim,
            base_model(model).get_output_embeddings().weight.numel(),
        )

    def forward(self, rows: int, columns: int, layer: int) -> float:
        """The blocks up to the output of block `layer`, of `rows` texts of `columns` tokens each."""
        scores = 4 * rows * columns**2 * self.attention
        return float(2 * rows * columns * sum(self.matrices[:layer]) + layer * scores)

    def backward(self, rows: int, columns: int, layer: int) -> float:
        """The gradients of all trained matrices up to block `layer`, down to the first block that has one."""
        first = next((n for n, trained in enumerate(self.trained) if trained), layer)
        through = self.forward(rows, columns, layer) - self.forward(rows, columns, min(first, layer))
        return 2 * through - 2 * rows * columns * (sum(self.matrices[first:layer]) - sum(self.trained[first:layer]))

    def logits(self, tokens: int) -> float:
        """W_out and its gradient with respect to the states; its own is not asked for."""
        return float(4 * tokens * self.head)


def pass_flops(sizes: ModelSizes, shared: SharedPass, batch: ParallelBatch) -> Flops:
    """One forward pass to the highest layer, and one backward pass from the layer of each term."""
    objective, terms = shared.objective, shared.objective.terms.values()
    rows, columns = batch["trunk_ids"].shape
    for name in objective.branches:
        columns += (batch["et_ids"] if name == "et" else batch["lc_ids"]).shape[1]
    blocks = sizes.forward(rows, columns, max(term.layer for term in terms))
    blocks += sum(sizes.backward(rows, columns, term.layer) for term in terms)
    if features := objective.features.values():
        width = batch["english_ids"].shape[1]
        blocks += sizes.forward(rows, width, max(term.layer_en for term in features))
        blocks += sum(sizes.backward(rows, width, term.layer_en) for term in features if not term.detach_english)
    tokens = [batch[f"targets_{t.targets}"].shape[1] for t in terms if isinstance(t, Logits)]  # type: ignore[literal-required]
    return Flops(blocks, sum(map(sizes.logits, tokens)))
