"""What `deepsuper data mix RECIPE.yaml` reads: frozen dataclasses, filled from YAML and dotted overrides.

The docstrings of the fields are the help of the options.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Layout = Literal["languages", "one"]


@dataclass(frozen=True)
class MixSource:
    """Rows of one language."""

    language: str
    """A code such as zh."""
    path: str
    """A file of JSON lines, plain or gzip, or packaged rows such as packaged:xquad.zh.train."""
    name: str | None = None
    """What ids and the manifest call the source; null: the file's name."""
    weight: float = 1.0
    """How often the rows go into the mix at temperature 1: 2 is twice, 0.5 a random half."""
    cap: int | None = None
    """At most so many rows are taken, a random choice; null: all."""

    @property
    def named(self) -> str:
        """`name`, or the file's name without what says how it is written."""
        return self.name or re.sub(r"(\.(jsonl|ndjson|json|gz))+$", "", Path(self.path).name) or Path(self.path).name


@dataclass(frozen=True)
class MixConfig:
    """One mix. See docs/decisions.md for how shares follow from rows, weights and temperature."""

    sources: list[MixSource]
    """The files to mix."""
    output_dir: str = "runs/mix"
    """The folder to write."""
    rows: int | None = None
    """Rows that come out; null: as many as the weights alone give."""
    temperature: float = 1.0
    """T: a language's share is proportional to its rows (times weight) to the power of 1/T."""
    layout: Layout = "languages"
    """A file for each language, as `deepsuper train` reads them, or one file whose rows have a field `language`."""
    kind: Literal["english", "translated", "parallel"] = "parallel"
    """The fields that every row must have."""
    on_bad_row: Literal["error", "skip"] = "error"
    """Stop at it, or leave it out and write it to skipped.jsonl."""
    seed: int = 42
    """Of the shuffle and of the rows that caps and weights choose."""
