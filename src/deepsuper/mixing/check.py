"""Every value of a mix against its range, before a row is read."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from deepsuper.checks import Range, check_ranges
from deepsuper.languages import is_code
from deepsuper.mixing.config import MixConfig, MixSource


def check_mix(config: MixConfig) -> None:
    """Raises: ValueError naming the first option at fault, its value and its range."""
    check_ranges(_ranges(config))
    names = Counter(source.named for source in config.sources)
    for n, source in enumerate(config.sources):
        check_ranges(_source_ranges(f"sources[{n}]", source))
        if names[source.named] > 1:
            raise ValueError(
                f"sources[{n}].name: {names[source.named]} sources are named {source.named!r}: give each its own name"
            )
    folder = Path(config.output_dir)
    if folder.exists() and (not folder.is_dir() or any(folder.glob("manifest.json"))):
        raise ValueError(f"output_dir {folder}: holds a mix or a run already, or is a file: choose another folder")


def _ranges(config: MixConfig) -> Iterator[Range]:
    yield "sources", config.sources, "at least one source", bool(config.sources)
    yield "output_dir", config.output_dir, "a folder", bool(config.output_dir.strip())
    yield "rows", config.rows, "none or at least 1", config.rows is None or config.rows >= 1
    yield "temperature", config.temperature, "0.1 <= temperature <= 1000", 0.1 <= config.temperature <= 1000
    yield "seed", config.seed, "0 <= seed < 2**32", 0 <= config.seed < 2**32


def _source_ranges(name: str, source: MixSource) -> Iterator[Range]:
    yield f"{name}.language", source.language, "a language code such as zh", is_code(source.language)
    yield f"{name}.path", source.path, f"a file (from {Path.cwd()})", Path(source.path).is_file()
    yield f"{name}.weight", source.weight, "0 < weight <= 1000", 0 < source.weight <= 1000
    yield f"{name}.cap", source.cap, "none or at least 1", source.cap is None or source.cap >= 1
    good = re.fullmatch(r"[^/#\s]+", source.named) is not None
    yield f"{name}.name", source.named, "a name without '/', '#' and white space", good
