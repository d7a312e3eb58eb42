"""The options that are shared by the commands that read sentences with a model."""

from __future__ import annotations

from collections.abc import Iterator

from deepsuper.common.ranges import Range
from deepsuper.config import (
    AlignConfig,
    LayersConfig,
)


def reading_ranges(config: LayersConfig | AlignConfig) -> Iterator[Range]:
    """The options that every command shares which reads sentences with a model."""
    yield "sentences", config.sentences, "at least 2", config.sentences is None or config.sentences >= 2
    yield "max_length", config.max_length, "at least 2 tokens", config.max_length >= 2
    yield "lang", config.language, "a language code such as zh", bool(config.language.strip())
