"""Byte strings in numbered files on disk, to shuffle more rows than fit in memory."""

import random
from collections.abc import Iterator
from pathlib import Path

BUFFER = 32 << 20
"""Bytes kept in memory before they are written."""
OVERHEAD = 60
"""Bytes that Python needs for a byte string and its entry in a list."""


class Buckets:
    """`count` files in `folder`, written in pieces: at most BUFFER bytes wait in memory, and no file stays open."""

    def __init__(self, folder: Path, count: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._paths = [folder / str(n) for n in range(count)]
        self._waiting: list[list[bytes]] = [[] for _ in range(count)]
        self._held = 0

    def __len__(self) -> int:
        return len(self._paths)

    def add(self, bucket: int, data: bytes) -> None:
        """Appends `data` to a bucket."""
        self._waiting[bucket].append(data)
        self._held += len(data) + OVERHEAD
        if self._held > BUFFER:
            self._write()

    def take(self) -> Iterator[Path]:
        """The file of each bucket that is not empty, in order. It is deleted before the next one is yielded."""
        self._write()
        for path in self._paths:
            if path.exists():
                yield path
                path.unlink()

    def _write(self) -> None:
        for path, waiting in zip(self._paths, self._waiting, strict=True):
            if waiting:
                with path.open("ab") as file:
                    file.write(b"".join(waiting))
                waiting.clear()
        self._held = 0


def shuffled(buckets: Buckets, rng: random.Random) -> Iterator[list[bytes]]:
    """The lines of each bucket in random order, bucket after bucket.

    If every line was added to a random bucket, all orders of the lines are equally likely (Rao 1961).
    """
    for path in buckets.take():
        with path.open("rb") as file:
            lines = list(file)
        rng.shuffle(lines)
        yield lines
