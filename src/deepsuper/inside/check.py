"""Checks of the options that `layers` and `align` share."""

from collections.abc import Iterator

from deepsuper.common.options import Range
from deepsuper.config import AlignConfig, LayersConfig


def sentence_ranges(config: LayersConfig | AlignConfig) -> Iterator[Range]:
    """The ranges of the options that say which sentences are read, and how long they may be."""
    yield "sentences", config.sentences, "at least 2", config.sentences is None or config.sentences >= 2
    yield "max_length", config.max_length, "at least 2 tokens", config.max_length >= 2
    yield "lang", config.language, "a language code such as zh", bool(config.language.strip())
