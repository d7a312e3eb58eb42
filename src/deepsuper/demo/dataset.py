"""The packaged rows: XQuAD in Chinese, Vietnamese and Arabic beside English; no article is in both parts."""

from __future__ import annotations

from deepsuper.config import DataConfig, SourceConfig
from deepsuper.data.rows import Row, load_corpus


def data_config(language: str) -> DataConfig:
    """What the demo trains on and holds out."""
    train, held_out = (
        [SourceConfig(language=language, path=f"packaged:xquad.{language}.{part}")] for part in ("train", "held_out")
    )
    return DataConfig(train=train, held_out=held_out, template="plain")


def load_rows(language: str, part: str) -> list[Row]:
    """The rows of one part, "train" or "held_out". Raises: UserError for a language that is not packaged."""
    config = data_config(language)
    return load_corpus(config.train if part == "train" else config.held_out, config, kind="parallel").rows
