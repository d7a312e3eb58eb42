"""Task files for the harness: its own tasks or this project's, with a profile's changes and with local rows."""

import json
from pathlib import Path

from deepsuper.common.files import write_text
from deepsuper.evaluation.benchmarks import Benchmark
from deepsuper.evaluation.harness import task_file

TASKS = ".tasks"
"""The folder in `output_dir` for what the harness reads. Several evaluations may share it."""


def write_task(path: Path, benchmark: Benchmark, variant: str, profile: str, rows: Path | None) -> str:
    """The task of a benchmark's variant in a profile: the name of a task of the harness, or the file written here.

    `rows`: the file that the task reads; None: the hub's rows.
    """
    name = benchmark.tasks[variant]
    changes = benchmark.prompt_changes(profile, variant)
    own = benchmark.own.get(name)
    if rows is None and not changes:
        return name
    config = {"include": str(task_file(name)), "task": name} if own is None else dict(own)
    if rows is not None:
        config |= {
            "dataset_path": "json",
            "dataset_name": None,
            "dataset_kwargs": {"data_files": {"test": str(rows)}},
            "test_split": "test",
            **dict.fromkeys(("training_split", "validation_split", "fewshot_split")),
        }
    path.parent.mkdir(parents=True, exist_ok=True)
    # A JSON text is YAML too, and keeps every character.
    write_text(path, json.dumps({**config, **changes}, ensure_ascii=False, indent=1) + "\n")
    return str(path)
