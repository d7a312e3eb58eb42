"""Benchmark files on disk: DATA_DIR/BENCHMARK/LANGUAGE.jsonl, plain or gzip, checked row by row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from deepsuper.corpora import file_records, refuse
from deepsuper.evaluation.benchmarks import BENCHMARKS, Benchmark
from deepsuper.run_folder import write_text


def local_file(data_dir: Path, benchmark: str, language: str) -> Path | None:
    """The file of a benchmark in a language, where it is there."""
    for ending in (".jsonl", ".jsonl.gz"):
        path = data_dir / benchmark / f"{language}{ending}"
        if path.is_file():
            return path
    return None


def layout() -> str:
    """What `--data_dir` holds, as text: the file and the fields of each benchmark, and where to get it."""
    lines = [
        "DATA_DIR/BENCHMARK/LANGUAGE.jsonl (or .jsonl.gz), one row a line, with these fields or the hub's own:",
        "",
    ]
    for benchmark in BENCHMARKS.values():
        lines.append(f"{benchmark.name}/{{{','.join(benchmark.tasks)}}}.jsonl: {', '.join(benchmark.fields)}")
        lines.append(f"    {benchmark.source}")
    return "\n".join(lines) + "\n"


def read_rows(path: Path, benchmark: Benchmark) -> list[dict[str, Any]]:
    """The rows of a local file as the harness reads them. Raises: ValueError naming file, line and field."""
    rows = []
    for where, record in file_records(path, refuse):
        try:
            rows.append(benchmark.as_hub(dict(record)))
        except KeyError as error:
            raise ValueError(
                f"{where}: has no field {error.args[0]!r}: {benchmark.name} needs {', '.join(benchmark.fields)}"
            ) from error
        except (TypeError, ValueError, IndexError, AttributeError) as error:
            raise ValueError(f"{where}: {error}: `deepsuper eval --layout true` tells the fields") from error
    if not rows:
        raise ValueError(f"{path}: no row")
    return rows


def write_task(folder: Path, task: str, included: Path, rows: list[dict[str, Any]]) -> Path:
    """Writes rows and a task file that is the harness's own but for where its rows come from. Returns the task file."""
    folder.mkdir(parents=True, exist_ok=True)
    data = folder / f"{task}.jsonl"
    write_text(data, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    config = {
        "include": str(included),
        "task": task,
        "dataset_path": "json",
        "dataset_name": None,
        "dataset_kwargs": {"data_files": {"test": str(data)}},
        "test_split": "test",
        **dict.fromkeys(("training_split", "validation_split", "fewshot_split")),
    }
    path = folder / f"{task}.yaml"
    # A JSON text is YAML too, and keeps every character.
    write_text(path, json.dumps(config, ensure_ascii=False, indent=1) + "\n")
    return path
