"""What `deepsuper data mix RECIPE.yaml` reads: frozen dataclasses, filled from YAML and dotted overrides."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Layout = Literal["languages", "one"]


@dataclass(frozen=True)
class MixSource:
    """Rows of one language: a file of JSON lines, plain or gzip.

    `name` stands in ids and in the manifest (default: the file's). `cap`: at most so many of its rows are taken, a
    random choice. `weight`: how often those go into the mix at temperature 1; 2 is twice, 0.5 a random half.
    """

    language: str
    path: str
    name: str | None = None
    weight: float = 1.0
    cap: int | None = None

    @property
    def named(self) -> str:
        """`name`, or the file's name without what says how it is written."""
        return self.name or re.sub(r"(\.(jsonl|ndjson|json|gz))+$", "", Path(self.path).name) or Path(self.path).name


@dataclass(frozen=True)
class MixConfig:
    """One mix. See docs/decisions.md for how shares follow from rows, weights and temperature."""

    sources: list[MixSource]
    output_dir: str = "runs/mix"
    rows: int | None = None
    """Rows that come out; none: as many as the weights alone give."""
    temperature: float = 1.0
    """T: a language's share is proportional to its rows (times weight) to the power of 1/T."""
    layout: Layout = "languages"
    """A file for each language, as `deepsuper train` reads them, or one file whose rows have a field `language`."""
    kind: Literal["english", "translated", "parallel"] = "parallel"
    """The fields that every row must have."""
    on_bad_row: Literal["error", "skip"] = "error"
    seed: int = 42
