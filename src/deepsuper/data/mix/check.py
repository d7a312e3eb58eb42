"""Every option of a mix against its range, before a row is read."""

import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from deepsuper.common.errors import UserError
from deepsuper.common.languages import is_code
from deepsuper.common.options import Range, check_ranges
from deepsuper.common.outputs import check_folder, check_not_read
from deepsuper.config.mix import MixConfig, MixSource
from deepsuper.data.mix.plan import file_of
from deepsuper.data.mix.skipped import is_skipped_file


def check_mix(config: MixConfig) -> None:
    """Raises: UserError naming the first option at fault, its value and its range."""
    check_ranges(_ranges(config))
    names = Counter(source.named for source in config.sources)
    for n, source in enumerate(config.sources):
        check_ranges(_source_ranges(f"sources[{n}]", source))
        if names[source.named] > 1:
            raise UserError(
                f"sources[{n}].name: {names[source.named]} sources are named {source.named!r}: give each its own name"
            )
    check_folder("output_dir", Path(config.output_dir))
    _check_written(config)


def written_files(config: MixConfig) -> list[Path]:
    """All files that a mix writes to its folder."""
    rows = dict.fromkeys(file_of(config, source) for source in config.sources)
    lines = ["data.yaml"] if config.layout == "languages" else []
    return [Path(config.output_dir) / name for name in (*rows, *lines, "mix.yaml", "skipped.jsonl", "manifest.json")]


def work_folder(folder: Path) -> Path:
    """The folder of its buckets, which is removed when a mix ends."""
    return folder / "buckets.partial"


def _check_written(config: MixConfig) -> None:
    """Raises: UserError where a source, or another file in the folder, would be overwritten."""
    folder, written = Path(config.output_dir), written_files(config)
    if (folder / "manifest.json").exists():
        raise UserError(f"output_dir {folder}: holds a mix or a run already: choose another folder")
    check_not_read("output_dir", written, [Path(source.path) for source in config.sources])
    work = work_folder(folder).resolve()
    for n, source in enumerate(config.sources):
        if Path(source.path).resolve().is_relative_to(work):
            raise UserError(f"sources[{n}].path {source.path}: a mix empties {work.name}: choose another output_dir")
    for path in written:
        if os.path.lexists(path) and not (path.name == "skipped.jsonl" and is_skipped_file(path)):
            raise UserError(f"output_dir {folder}: the mix would overwrite its {path.name}: choose another folder")


def _ranges(config: MixConfig) -> Iterator[Range]:
    yield "sources", config.sources, "at least one source", bool(config.sources)
    yield "output_dir", config.output_dir, "a folder", bool(config.output_dir.strip())
    yield "rows", config.rows, "none or at least 1", config.rows is None or config.rows >= 1
    yield "temperature", config.temperature, "0.1 <= temperature <= 1000", 0.1 <= config.temperature <= 1000
    yield "seed", config.seed, "0 <= seed < 2**32", 0 <= config.seed < 2**32


def _source_ranges(name: str, source: MixSource) -> Iterator[Range]:
    yield f"{name}.language", source.language, "a language code such as zh", is_code(source.language)
    there = Path(source.path).is_file() and os.access(source.path, os.R_OK)
    yield f"{name}.path", source.path, f"a file that can be read (from {Path.cwd()})", there
    yield f"{name}.weight", source.weight, "0 < weight <= 1000", 0 < source.weight <= 1000
    yield f"{name}.cap", source.cap, "none or at least 1", source.cap is None or source.cap >= 1
    good = re.fullmatch(r"[^/#\s]+", source.named) is not None
    yield f"{name}.name", source.named, "a name without '/', '#' and white space", good
