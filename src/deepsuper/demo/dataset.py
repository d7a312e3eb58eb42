"""The rows of the demo: the packaged ones of XQuAD. No article is in both parts."""

from deepsuper.config import DataConfig, SourceConfig
from deepsuper.config.demo import DemoConfig
from deepsuper.data.rows import Row, load_corpus


def load_rows(language: str, part: str) -> list[Row]:
    """The rows of one part, "train" or "held_out". Raises: UserError for a language that is not packaged."""
    sources = [SourceConfig(language=language, path=f"packaged:xquad.{language}.{part}")]
    return load_corpus(sources, DataConfig(sources), kind="parallel").rows


def data_config(config: DemoConfig) -> DataConfig:
    """The rows to train on, and those of the held-out loss: all of them, or a random choice of `config.questions`."""
    language, share = config.language, 1.0
    if config.questions is not None:
        share = min(1.0, config.questions / len(load_rows(language, "held_out")))
    train = SourceConfig(language=language, path=f"packaged:xquad.{language}.train")
    held_out = SourceConfig(language=language, path=f"packaged:xquad.{language}.held_out", weight=share)
    return DataConfig(train=[train], held_out=[held_out], template="plain")
