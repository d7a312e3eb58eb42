"""Benchmark files on disk: DATA_DIR/BENCHMARK/LANGUAGE.jsonl, plain or gzip, checked row by row."""

from pathlib import Path
from typing import Any

from deepsuper.common.errors import UserError
from deepsuper.common.files import cache_folder
from deepsuper.common.lines import file_records, refuse
from deepsuper.evaluation.benchmarks import BENCHMARKS, Benchmark, file_language
from deepsuper.evaluation.official.convert import checked_rows, read_official


def local_file(data_dir: Path, benchmark: str, language: str) -> Path | None:
    """The file of a benchmark in a language; None where there is none."""
    for ending in (".jsonl", ".jsonl.gz"):
        path = data_dir / benchmark / f"{language}{ending}"
        if path.is_file():
            return path
    return None


def layout() -> str:
    """What `--data_dir` holds, as text: each benchmark's files, their fields and values, and where to get them."""
    lines = [
        "DATA_DIR/BENCHMARK/LANGUAGE.jsonl (or .jsonl.gz), one row a line, with these fields or the hub's own;",
        "a row without an id gets its place in the file as its id:",
        "",
    ]
    for benchmark in BENCHMARKS.values():
        languages = dict.fromkeys(file_language(variant) for variant in benchmark.tasks)
        lines.append(f"{benchmark.name}/{{{','.join(languages)}}}.jsonl: {', '.join(benchmark.fields)}")
        lines.append(f"    {benchmark.values}")
        lines.append(f"    {benchmark.source}")
    return "\n".join(lines) + "\n"


def read_rows(path: Path, benchmark: Benchmark, language: str) -> list[dict[str, Any]]:
    """The rows of a local file as the harness reads them, with ids. Raises: UserError naming file, line and remedy."""
    rows = checked_rows(benchmark, file_records(path, refuse), language, str(path), named=True)
    made = [{**benchmark.to_hub(row), "id": row["id"]} for row in rows]
    if not all("title" in row for row in made):  # articles of some rows only would be no clusters
        for row in made:
            row.pop("title", None)
    return made


def fetch_rows(benchmark: Benchmark, language: str) -> list[dict[str, Any]]:
    """The rows of a benchmark from its official download, cached. Raises: UserError where it cannot be fetched."""
    import torch.hub

    path = cache_folder() / "benchmarks" / benchmark.source.rpartition("/")[2]
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            torch.hub.download_url_to_file(benchmark.source, str(path))
        except OSError as error:
            raise UserError(
                f"{benchmark.source}: cannot be fetched: {error}: download it by hand, then `deepsuper data convert "
                f"{benchmark.name} FILE --data_dir DIR`"
            ) from error
    return read_official(benchmark.name, path, language)
