"""The second pass over a source: chosen rows, as they go out, to buckets drawn at random."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from deepsuper.common.files import json_line
from deepsuper.common.lines import read_object
from deepsuper.data.mix.buckets import Buckets
from deepsuper.data.mix.quotas import Sampler


@dataclass(frozen=True)
class RowChanges:
    """What a row is given on its way out. None of these: it goes out byte for byte.

    `source`: begins its id, where several sources go into one file. `copies`: each id ends in #1, #2 ..., where rows
    go in more than once; the rest of the source is marked too, so that no id can be another's copy.
    """

    source: str | None = None
    language: str | None = None
    copies: bool = False

    def put(self, line: bytes, copy: int) -> bytes:
        """The row as a line with its end."""
        record: dict[str, Any] = read_object(line.decode("utf-8"))
        prefix, suffix = f"{self.source}/" if self.source else "", f"#{copy}" if self.copies else ""
        if prefix or suffix:
            record["id"] = f"{prefix}{record['id']}{suffix}"
        if self.language is not None:
            record["language"] = self.language
        return json_line(record).encode("utf-8")


@dataclass
class RowsOut:
    """What went out of a source: rows, and how many different ones they are."""

    rows: int = 0
    different: int = 0


def deal(
    lines: Iterable[bytes],
    sampler: Sampler,
    marks: RowChanges,
    buckets: Buckets,
    rng: random.Random,
    tick: Callable[[], None],
) -> RowsOut:
    """Puts each copy of each chosen row into a bucket of its own chance."""
    dealt, count, bare = RowsOut(), len(buckets), marks == RowChanges()
    for line in lines:
        tick()
        copies = sampler.copies()
        dealt.different += copies > 0
        dealt.rows += copies
        for copy in range(1, copies + 1):
            buckets.add(int(rng.random() * count), line + b"\n" if bare else marks.put(line, copy))
    return dealt
