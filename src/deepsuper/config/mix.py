"""The options of `deepsuper data mix RECIPE.yaml`."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class MixSource:
    """A file of rows in one language."""

    language: str
    """The language: a code such as zh."""
    path: str
    """A file of JSON lines, plain or gzip, or packaged rows such as packaged:xquad.zh.train."""
    name: str | None = None
    """The name of the source in ids and in the manifest; null: the name of the file."""
    weight: float = 1.0
    """How often the rows are used at temperature 1: 2 is twice, 0.5 a random half."""
    cap: int | None = None
    """The largest number of rows to take, chosen at random; null: all."""

    @property
    def named(self) -> str:
        """`name`, or the name of the file without its extensions."""
        return self.name or re.sub(r"(\.(jsonl|ndjson|json|gz))+$", "", Path(self.path).name) or Path(self.path).name


@dataclass(frozen=True)
class MixConfig:
    """What `deepsuper data mix` mixes. See docs/decisions.md for how rows, weights and temperature give the shares."""

    sources: list[MixSource]
    """The files to mix."""
    output_dir: str = "runs/mix"
    """The folder to write."""
    rows: int | None = None
    """The number of rows to write; null: as many as the weights give."""
    temperature: float = 1.0
    """T: the share of a language is proportional to (rows times weight) to the power of 1/T."""
    layout: Literal["languages", "one"] = "languages"
    """A file for each language, as `deepsuper train` reads them, or one file whose rows have a field `language`."""
    kind: Literal["english", "translated", "parallel"] = "parallel"
    """The fields that every row must have."""
    on_bad_row: Literal["error", "skip"] = "error"
    """What to do with a bad row: stop, or leave it out and write it to skipped.jsonl."""
    seed: int = 42
    """The seed of the shuffle and of the random choices for caps and weights."""
