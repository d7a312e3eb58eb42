"""The gradient of each candidate beside the task's: one forward pass for all layers of a reading.

The losses are those of `Supervised`. From each loss one backward pass goes down to the first block, over a graph that
is kept until the last.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn

from deepsuper.config import Bf16
from deepsuper.inside.dose.candidates import SharedPass
from deepsuper.inside.dose.floor import Flops, ModelSizes, pass_flops
from deepsuper.inside.dose.speed import PlainSpeed, plain_speed
from deepsuper.method.batch import EncodedRow, ParallelBatch, Side, to_device
from deepsuper.method.calibration import calibrate
from deepsuper.method.collate import Collator
from deepsuper.method.gradients import Gradients, GradientShare, block_parameters, compare, products
from deepsuper.method.objective import Logits, Objective
from deepsuper.method.self_tests import check_lens, check_tree
from deepsuper.method.supervised import Supervised
from deepsuper.method.tuned_lens import TunedLens
from deepsuper.models.anatomy import text_config
from deepsuper.models.precision import use_bf16

RowsOf = Mapping[str, Sequence[EncodedRow]]
"""The rows of a batch of each stream."""


@dataclass(frozen=True)
class BatchDoses:
    """What one batch says: the loss of each candidate and of the task, and each gradient beside the task's."""

    losses: Mapping[str, float]
    shares: Mapping[str, GradientShare]
    task_loss: float
    task_norm: float
    """Over all trained parameters of the blocks."""
    flops: Flops
    seconds: float


@dataclass(frozen=True)
class RowReader:
    """How rows become batches, and in which precision they are read. `languages`: the target languages of the run."""

    pad_id: int
    bos_id: int | None
    languages: tuple[str, ...]
    bf16: Bf16 = "auto"
    chunk_mib: int = 192

    def batch(self, shared: SharedPass, rows: Sequence[EncodedRow]) -> ParallelBatch:
        """The columns that a pass reads. Where it needs no answers, each row ends with its question."""
        read = rows if shared.answers else [_question(row) for row in rows]
        return Collator(self.pad_id, self.bos_id, shared.objective, self.languages)(read)


def _question(row: EncodedRow) -> EncodedRow:
    return EncodedRow(row.id, row.language, Side(row.tgt.query, (), row.tgt.content), row.en)


class DoseMeter:
    """Measures the gradients of candidates over the blocks of a model, in evaluation mode: dropout adds noise alone.

    Raises: UserError where the model cannot be supervised.
    """

    def __init__(
        self,
        model: nn.Module,
        task: str,
        passes: Sequence[SharedPass],
        reader: RowReader,
        tuned: TunedLens | None = None,
    ) -> None:
        """`task`: the stream that the task's own term reads; `tuned`: the lens of candidates with `lens: tuned`."""
        answers = Objective({"tft": Logits(text_config(model).num_hidden_layers, "tft")})
        self.model, self.reader, self.tuned = model.eval(), reader, tuned
        self.sizes = ModelSizes.of(model)
        self.device = next(model.parameters()).device
        made = [(one, self._supervised(one)) for one in (SharedPass(task, answers, answers=True), *passes)]
        self._task, self._passes = made[0], made[1:]

    def _supervised(self, shared: SharedPass) -> Supervised:
        languages, chunk_mib = self.reader.languages, self.reader.chunk_mib
        supervised = Supervised(
            self.model, shared.objective, chunk_mib=chunk_mib, languages=languages, tuned=self.tuned
        )
        check_lens(supervised)
        check_tree(supervised)
        return supervised

    def calibrate(self, batches: Sequence[RowsOf]) -> None:
        """Sets the running means of candidates that have them, as a run does before its first step."""
        for shared, supervised in self._passes:
            if not supervised.means.ready:
                supervised.train()
                with self._autocast():
                    calibrate(supervised, (self._batch(shared, rows) for rows in batches if shared.stream in rows))
                supervised.eval()

    def measure(self, rows: RowsOf, advance: Callable[[float], None] = lambda _: None) -> BatchDoses:
        """The doses in one batch. One forward pass for the task, one for each `SharedPass`. `advance`: see progress."""
        start = time.perf_counter()
        losses: dict[str, float] = {}
        shares: dict[str, GradientShare] = {}
        flops = Flops()
        with _only_blocks(self.model) as parameters:
            batch = self._batch(self._task[0], rows)
            ((_, task_loss, task),) = self._gradients(self._task[1], batch, parameters)
            flops += pass_flops(self.sizes, self._task[0], batch)
            for shared, supervised in self._passes:
                batch = self._batch(shared, rows)
                flops += pass_flops(self.sizes, shared, batch)
                for name, losses[name], gradients in self._gradients(supervised, batch, parameters):
                    shares[name] = compare(products(gradients, task))
                    advance(1)
        whole = compare(products(task, task))
        return BatchDoses(losses, shares, task_loss, whole.norm, flops, time.perf_counter() - start)

    def plain_speed(self, rows: RowsOf) -> PlainSpeed:
        """The speed of plain passes over what the task reads of these rows."""
        ids = self._batch(self._task[0], rows)["trunk_ids"]
        with _only_blocks(self.model), self._autocast():
            return plain_speed(self.model, ids, self.sizes)

    def _batch(self, shared: SharedPass, rows: RowsOf) -> ParallelBatch:
        return to_device(self.reader.batch(shared, rows[shared.stream]), self.device)

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=use_bf16(self.reader.bf16))

    def _gradients(
        self, supervised: Supervised, batch: ParallelBatch, parameters: Mapping[str, nn.Parameter]
    ) -> Iterator[tuple[str, float, Gradients]]:
        """Name, loss and gradient of each term, from one forward pass. A gradient lives until the next is asked for."""
        with self._autocast():
            losses = supervised(batch)
        while losses:
            name, loss = losses.popitem()
            if not loss.requires_grad:  # all blocks below it are frozen
                yield name, float(loss), {}
                continue
            found = torch.autograd.grad(loss, list(parameters.values()), retain_graph=bool(losses), allow_unused=True)
            pairs = zip(parameters, found, strict=True)
            yield name, float(loss.detach()), {key: gradient for key, gradient in pairs if gradient is not None}


@contextmanager
def _only_blocks(model: nn.Module) -> Iterator[dict[str, nn.Parameter]]:
    """The trained parameters of the blocks; no others are trained within it, so no gradient of a vocabulary is made."""
    parameters = block_parameters(model)
    inside = {id(p) for p in parameters.values()}
    others = [p for p in model.parameters() if p.requires_grad and id(p) not in inside]
    for parameter in others:
        parameter.requires_grad_(False)
    try:
        yield parameters
    finally:
        for parameter in others:
            parameter.requires_grad_(True)
