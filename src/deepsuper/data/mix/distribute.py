"""The second pass over a source: chosen rows, with their new ids, are added to random buckets."""

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
    """What changes in the rows of a source. With none of these, a row is copied byte for byte.

    `source`: the prefix of ids, where several sources go into one file. `copies`: all ids of the source get the suffix
    #1, #2 ..., where some rows go in more than once.
    """

    source: str | None = None
    language: str | None = None
    copies: bool = False

    def apply(self, line: bytes, copy: int) -> bytes:
        """The changed row, as a line with its line end."""
        record: dict[str, Any] = read_object(line.decode("utf-8"))
        prefix, suffix = f"{self.source}/" if self.source else "", f"#{copy}" if self.copies else ""
        if prefix or suffix:
            record["id"] = f"{prefix}{record['id']}{suffix}"
        if self.language is not None:
            record["language"] = self.language
        return json_line(record).encode("utf-8")


@dataclass
class RowsOut:
    """How many rows a source gave, and how many different ones."""

    rows: int = 0
    different: int = 0


def distribute(
    lines: Iterable[bytes],
    sampler: Sampler,
    changes: RowChanges,
    buckets: Buckets,
    rng: random.Random,
    tick: Callable[[], None],
) -> RowsOut:
    """Adds each copy of each chosen row to a random bucket."""
    out, count, unchanged = RowsOut(), len(buckets), changes == RowChanges()
    for line in lines:
        tick()
        copies = sampler.copies()
        out.different += copies > 0
        out.rows += copies
        for copy in range(1, copies + 1):
            buckets.add(int(rng.random() * count), line + b"\n" if unchanged else changes.apply(line, copy))
    return out
