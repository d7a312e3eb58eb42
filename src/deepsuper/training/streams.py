"""The order of a run with several streams: which stream each optimizer step trains on. No torch: `show` reads it."""

import math
import os
from dataclasses import dataclass

from deepsuper.common.errors import UserError
from deepsuper.config import RunConfig, TrainingConfig
from deepsuper.config.recipe import option_of


def processes() -> int:
    """The number of processes that train together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def accumulation(training: TrainingConfig) -> int:
    """The number of micro-batches of one stream in a step of one process. Raises: UserError if it is not whole."""
    at_once = training.micro_batch_size * processes()
    if training.batch_size % at_once:
        raise UserError(
            f"training.batch_size {training.batch_size}: need a multiple of micro_batch_size x processes = "
            f"{training.micro_batch_size} x {processes()}"
        )
    return training.batch_size // at_once


def micro_batch_sizes(config: RunConfig) -> dict[str, int]:
    """The number of rows of each stream in one forward pass of one process.

    Raises: UserError where the rows of a step cannot be divided into as many micro-batches as those of `training`.
    """
    parts, sizes = accumulation(config.training) * processes(), {}
    for name, stream in config.all_streams.items():
        rows = config.training.batch_size if stream.batch_size is None else stream.batch_size
        if rows % parts:
            raise UserError(
                f"{option_of(name, 'training')}batch_size {rows}: need a multiple of {parts}, the micro-batches of a "
                "step (training.batch_size / training.micro_batch_size)"
            )
        sizes[name] = rows // parts
    return sizes


@dataclass(frozen=True)
class StreamOrder:
    """Which of the streams `names` each step trains on: `steps[n]` in a row on stream n, then the next one.

    `joined`: every step trains on all streams, on `steps[n]` batches of stream n.
    """

    names: tuple[str, ...]
    steps: tuple[int, ...]
    joined: bool = False

    @property
    def round(self) -> tuple[str, ...]:
        """The streams of one round, in order."""
        return tuple(name for name, count in zip(self.names, self.steps, strict=True) for _ in range(count))

    def of_step(self, step: int) -> tuple[str, ...]:
        """The streams of step `step`, which counts from 0, one for each batch."""
        return self.round if self.joined else (self.round[step % len(self.round)],)

    def count(self, name: str, until: int) -> int:
        """How many of the first `until` steps train on stream `name`."""
        if self.joined:
            return until
        rounds, rest = divmod(until, len(self.round))
        return rounds * self.round.count(name) + self.round[:rest].count(name)

    def steps_for(self, name: str, batches: int) -> int:
        """How many steps the run needs until stream `name` has had `batches` batches."""
        share = self.round.count(name)
        if self.joined:
            return -(-batches // share)
        rounds, rest = divmod(batches - 1, share)
        places = [n for n, other in enumerate(self.round) if other == name]
        return rounds * len(self.round) + places[rest] + 1


def order_of(config: RunConfig) -> StreamOrder:
    """The order of a run's streams."""
    streams = config.all_streams
    return StreamOrder(tuple(streams), tuple(stream.steps for stream in streams.values()), config.schedule == "joined")


def total_steps(config: RunConfig, task: str, rows: int) -> int:
    """The steps of a run with streams: `max_steps`, or until its task has used its `rows` rows `epochs` times."""
    t, stream = config.training, config.all_streams[task]
    if t.max_steps > 0:
        return t.max_steps
    batch = stream.batch_size or t.batch_size
    return order_of(config).steps_for(task, max(1, math.ceil(t.epochs * rows / batch)))
