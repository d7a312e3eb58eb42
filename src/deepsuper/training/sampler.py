"""The rows of each micro-batch of a run with several streams."""

import os
import random
from collections.abc import Iterator, Sequence

from torch.utils.data import Sampler

from deepsuper.training.streams import StreamOrder, processes


class StreamSampler(Sampler[list[int]]):
    """The numbers of the rows of each micro-batch of this process, for all steps of a run.

    The rows of the streams lie one after the other: `lengths` of them, `sizes` in a micro-batch. Each stream is read
    in passes over its rows, in an order of its own for each pass, and a batch may span the end of a pass: every row is
    used as often as any other. The order depends on the seed alone, so a resumed run goes on where it stopped.
    """

    def __init__(
        self, order: StreamOrder, lengths: Sequence[int], sizes: Sequence[int], *, steps: int, parts: int, seed: int
    ) -> None:
        self.order, self.lengths, self.sizes = order, tuple(lengths), tuple(sizes)
        self.steps, self.parts, self.seed = steps, parts, seed
        self.rank, self.processes = int(os.environ.get("RANK", "0")), processes()

    def __len__(self) -> int:
        return self.steps * len(self.order.of_step(0)) * self.parts

    def __iter__(self) -> Iterator[list[int]]:
        rows = {name: self._rows(n) for n, name in enumerate(self.order.names)}
        sizes = dict(zip(self.order.names, self.sizes, strict=True))
        for step in range(self.steps):
            for name in self.order.of_step(step):
                for _ in range(self.parts):
                    batches = [[next(rows[name]) for _ in range(sizes[name])] for _ in range(self.processes)]
                    yield batches[self.rank]

    def _rows(self, stream: int) -> Iterator[int]:
        """The rows of one stream, again and again."""
        first, rng = sum(self.lengths[:stream]), random.Random(f"{self.seed} {self.order.names[stream]}")
        while True:
            yield from rng.sample(range(first, first + self.lengths[stream]), self.lengths[stream])
