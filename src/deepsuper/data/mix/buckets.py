"""Byte strings dealt to numbered files on disk: what is too much for memory is sorted out there."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

HELD = 32 << 20
"""Bytes in memory before they are written."""
OVERHEAD = 60
"""Bytes that Python needs for a byte string and its place in a list."""


class Buckets:
    """`count` files in `folder`, written a piece at a time: never more than HELD bytes wait, and no file stays open."""

    def __init__(self, folder: Path, count: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._paths = [folder / str(n) for n in range(count)]
        self._waiting: list[list[bytes]] = [[] for _ in range(count)]
        self._held = 0

    def __len__(self) -> int:
        return len(self._paths)

    def add(self, bucket: int, data: bytes) -> None:
        """Puts `data` behind what the bucket holds."""
        self._waiting[bucket].append(data)
        self._held += len(data) + OVERHEAD
        if self._held > HELD:
            self._write()

    def take(self) -> Iterator[Path]:
        """The file of each bucket that holds anything, in order; it is gone when the next one is asked for."""
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

    Where every line went to a bucket drawn at random, every order of all lines is as likely as any other: which lines
    share a bucket is chance, and so is their order in it (Rao 1961).
    """
    for path in buckets.take():
        with path.open("rb") as file:
            lines = list(file)
        rng.shuffle(lines)
        yield lines
