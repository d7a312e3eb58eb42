"""What is refused of a recipe's `streams`, before a row is read."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from deepsuper.common.errors import UserError
from deepsuper.common.options import check_ranges
from deepsuper.config import ObjectiveConfig, RunConfig, StreamConfig
from deepsuper.method.methods import method_of


@contextmanager
def of_stream(name: str) -> Iterator[None]:
    """Puts the name of a stream in front of a message about its options."""
    try:
        yield
    except UserError as error:
        if not name:
            raise
        raise UserError(f"streams.{name}: {error}") from error


def task_of(config: RunConfig) -> str:
    """The name of the task: the first stream that learns answers. Raises: UserError if none does."""
    for name, stream in config.all_streams.items():
        if method_of(stream.objective).task:
            return name
    found = ", ".join(stream.objective.method for stream in config.all_streams.values())
    raise UserError(f"streams: need one that learns answers, such as method: sft beside it, got {found} alone")


def check_streams(config: RunConfig) -> None:
    """Raises: UserError if the streams of a recipe lack a task or rows, or contradict other options."""
    if config.streams and (config.data.train or config.objective != ObjectiveConfig()):
        option = "data.train" if config.data.train else "objective"
        raise UserError(f"{option}: a recipe with streams has it in each stream: leave it out, or leave out streams")
    if config.schedule != "alternate" and not config.streams:
        raise UserError(f"schedule {config.schedule}: is read where a recipe has streams: leave it out")
    for name, stream in config.all_streams.items():
        option = f"streams.{name}." if name else "data."
        batch = stream.batch_size
        check_ranges(
            [
                ("streams", name, "names of letters, digits, - and _", not name or bool(re.fullmatch(r"[\w-]+", name))),
                (f"{option}train", stream.train, "at least one source", bool(stream.train)),
                (f"{option}steps", stream.steps, "at least 1", stream.steps >= 1),
                (f"{option}batch_size", batch, "at least 1", batch is None or batch >= 1),
            ]
        )
        if name and stream.objective.method == "sdrrl":
            raise UserError(f"{option}objective.method sdrrl: makes its rows before a run of one stream: leave it out")
        alone = config.schedule == "alternate" and not method_of(stream.objective).task
        if alone and stream.objective.balance == "ratio":
            method = stream.objective.method
            raise UserError(
                f"{option}objective.balance ratio: method {method} learns no answers, so its steps have no gradient of "
                "the task to compare with: need schedule: joined"
            )
    _check_same_languages(config, task_of(config))


def _check_same_languages(config: RunConfig, task: str) -> None:
    """Raises: UserError if a stream aligns a language that the task does not train, unless the task is English."""
    if method_of(config.all_streams[task].objective).corpus == "english":
        return
    trained = _languages(config.all_streams[task])
    for name, stream in config.all_streams.items():
        others = [language for language in _languages(stream) if language not in trained]
        if others:
            raise UserError(
                f"streams.{name}.train: has rows of {others[0]}, but the task (streams.{task}) trains "
                f"{', '.join(trained)}: need the same languages, or a task of English rows (method: sft)"
            )


def _languages(stream: StreamConfig) -> list[str]:
    return list(dict.fromkeys(source.language for source in stream.train))
