"""Every option of a check against its range, before a row is read."""

from collections.abc import Iterator
from pathlib import Path

from deepsuper.common.errors import UserError
from deepsuper.common.languages import is_code, nearest_code
from deepsuper.common.options import Range, check_ranges, need_packages
from deepsuper.config.check import CheckConfig
from deepsuper.data.check.table import REASONS


def check_config(config: CheckConfig) -> None:
    """Raises: UserError naming the first option out of its range."""
    check_ranges(_ranges(config))
    for name in config.files:
        if Path(name).is_dir():
            raise UserError(f"{name}: is a folder: name the files in it, such as {Path(name) / '*.jsonl'}")
        if not Path(name).is_file():
            raise UserError(f"{name}: no such file (from {Path.cwd()})")
    check_tools(config)


def check_tools(config: CheckConfig) -> None:
    """Raises: UserError where a package or the folder of evaluation sets is missing."""
    need_packages("data", "datasketch", "py3langid", "rjieba")
    if config.data_dir is not None and not Path(config.data_dir).is_dir():
        raise UserError(f"data_dir: no such folder {config.data_dir!r}: see `deepsuper data layout` for its files")


def _ranges(config: CheckConfig) -> Iterator[Range]:
    yield "files", config.files, "at least one file of parallel rows", bool(config.files)
    twice = [name for n, name in enumerate(config.files) if name in config.files[:n]]
    yield "files", twice, "each file once", not twice
    language = config.language
    need = f"a language code such as {nearest_code(language or '')}"
    yield "lang", language, need, language is None or is_code(language)
    known = ", ".join(REASONS)
    for name in () if config.reasons == ("all",) else config.reasons:
        yield "reasons", name, f"all, or of {known}", name in REASONS
    for name in config.ignore:
        yield "ignore", name, f"one of {known}", name in REASONS
    yield "length_distance", config.length_distance, "more than 0", config.length_distance > 0
    yield "score_distance", config.score_distance, "more than 0", config.score_distance > 0
    yield "similarity", config.similarity, "0 < similarity < 1", 0 < config.similarity < 1
    yield "word_gram", config.word_gram, "2 to 100 words", 2 <= config.word_gram <= 100
    yield "character_gram", config.character_gram, "2 to 100 characters", 2 <= config.character_gram <= 100
    yield "limit", config.limit, "0 to 1000 rows", 0 <= config.limit <= 1000
    workers = config.workers
    yield "workers", workers, "at least 1", workers is None or workers >= 1
    yield "seed", config.seed, "0 <= seed < 2**32", 0 <= config.seed < 2**32
