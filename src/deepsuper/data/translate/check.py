"""Every option of a translation against its range, before a row is read or a weight is loaded."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deepsuper.common.errors import UserError
from deepsuper.common.languages import is_code
from deepsuper.common.options import Range, check_ranges
from deepsuper.common.outputs import check_file, check_not_read, check_own
from deepsuper.config.translate import TranslateConfig
from deepsuper.data.packaged import rows_path


@dataclass(frozen=True)
class Files:
    """What a translation reads and writes."""

    source: Path
    output: Path
    aside: Path
    manifest: Path
    cache: Path

    @classmethod
    def of(cls, config: TranslateConfig) -> "Files":
        """For the output `rows.vi.jsonl`: `rows.vi.aside.jsonl`, `rows.vi.manifest.json`, `rows.vi.cache`."""
        output = Path(config.output)
        stem = output.name.removesuffix(".jsonl")
        aside, manifest, cache = (output.with_name(stem + end) for end in (".aside.jsonl", ".manifest.json", ".cache"))
        source = rows_path(config.path, "file")
        return cls(source, output, aside, manifest, Path(config.cache) if config.cache else cache)


def check_translate(config: TranslateConfig) -> Files:
    """The files of a translation. Raises: UserError naming the first option at fault, its value and its range."""
    check_ranges(_ranges(config))
    check_file("output", Path(config.output))
    files = Files.of(config)
    if not files.source.is_file():
        raise UserError(f"{files.source}: no such file")
    if files.output.name.endswith(".gz"):
        raise UserError(f"output {files.output}: need the name of a plain file, such as rows.{config.language}.jsonl")
    rows = (files.output, files.aside)
    check_not_read("output", (*rows, files.manifest), [files.source])
    check_not_read("cache", [files.cache], [files.source])
    for path in (files.aside, files.manifest):
        check_file("output", path)
    check_file("cache", files.cache)
    check_own("output", rows, files.manifest, "texts_translated", "translation")
    return files


def _ranges(config: TranslateConfig) -> Iterator[Range]:
    code = is_code(config.language) and config.language != "en"
    yield "lang", config.language, "the code of the target language, such as zh", code
    local, asked = config.model is not None, config.endpoint is not None
    yield "model", None if config.model is None else config.model.name, "either model or endpoint", local != asked
    named = asked == bool(config.endpoint_model)
    yield "endpoint_model", config.endpoint_model, "the name of a model beside endpoint", named
    web = not asked or re.match(r"https?://\S+$", config.endpoint or "") is not None
    yield "endpoint", config.endpoint, "an address such as http://localhost:8000/v1", web
    yield "prompt", config.prompt, "a text that holds {text}", config.prompt is None or "{text}" in config.prompt
    for name in ("batch_size", "beams", "concurrency"):
        yield name, getattr(config, name), "at least 1", getattr(config, name) >= 1
    yield "max_new_tokens", config.max_new_tokens, "at least 2", config.max_new_tokens >= 2
    for name in ("retries", "http_retries"):
        yield name, getattr(config, name), "0 to 100", 0 <= getattr(config, name) <= 100
    yield "timeout", config.timeout, "more than 0 seconds", 0 < config.timeout < float("inf")
