"""Checks of the options that `layers`, `lens` and `align` share."""

from collections.abc import Iterator

from deepsuper.common.options import Range
from deepsuper.config import AlignConfig, LayersConfig, LensConfig


def lens_range(config: LayersConfig | LensConfig) -> Range:
    """The range of `lens_norm` beside `tuned_lens`."""
    need = "true with tuned_lens, whose maps end before the final norm"
    return "lens_norm", config.lens_norm, need, config.lens_norm or not config.tuned_lens


def sentence_ranges(config: LayersConfig | AlignConfig) -> Iterator[Range]:
    """The ranges of the options that say which sentences are read, and how long they may be."""
    yield "sentences", config.sentences, "at least 2", config.sentences is None or config.sentences >= 2
    yield "max_length", config.max_length, "at least 2 tokens", config.max_length >= 2
    yield "lang", config.language, "a language code such as zh", bool(config.language.strip())
