"""The packaged rows: XQuAD in Chinese, Vietnamese and Arabic beside English; no article is in both parts."""

from __future__ import annotations

from pathlib import Path

from deepsuper.common.errors import UserError
from deepsuper.config import DataConfig, SourceConfig
from deepsuper.data.rows import Row, load_corpus

LANGUAGES = ("zh", "vi", "ar")


def rows_file(language: str, part: str) -> Path:
    """The file of one part, "train" or "held_out". Raises: UserError for a language that is not packaged."""
    if language not in LANGUAGES:
        raise UserError(f"lang: need one of {', '.join(LANGUAGES)}, got {language!r}")
    return Path(__file__).parent / "rows" / f"{language}.{part}.jsonl.gz"


def data_config(language: str) -> DataConfig:
    """What the demo trains on and holds out."""
    train, held_out = (
        [SourceConfig(language=language, path=str(rows_file(language, part)))] for part in ("train", "held_out")
    )
    return DataConfig(train=train, held_out=held_out, template="plain")


def load_rows(language: str, part: str) -> list[Row]:
    """The rows of one part."""
    config = data_config(language)
    return load_corpus(config.train if part == "train" else config.held_out, config, kind="parallel").rows
