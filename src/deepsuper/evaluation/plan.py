"""What an evaluation will ask: each benchmark in each variant and profile, loaded before the model."""

import hashlib
import inspect
import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

from deepsuper.common.errors import UserError, first_line
from deepsuper.common.files import json_line, sha256, write_text
from deepsuper.config import EvalConfig
from deepsuper.evaluation.benchmarks import BENCHMARKS, Benchmark
from deepsuper.evaluation.harness import load_task, task_manager
from deepsuper.evaluation.local import fetch_rows, local_file, read_rows
from deepsuper.evaluation.scorers import SCORING

log = logging.getLogger("deepsuper")

TASKS = ".tasks"
"""The folder in `output_dir` for what the harness reads. Several evaluations may share it."""
ASKS = (
    "output_type", "description", "doc_to_text", "doc_to_target", "doc_to_choice", "gen_prefix", "target_delimiter",
    "fewshot_delimiter", "num_fewshot", "process_docs", "generation_kwargs", "repeats", "filter_list",
    "process_results", "metric_list",
)  # fmt: skip
"""The parts of a task's configuration that decide on prompts, choices, answers and scores. Rows have their own hash."""


@dataclass(frozen=True)
class VariantPlan:
    """A variant of a benchmark. `tasks`: profile -> the harness's task; `data`: the rows' origin; `rows`: how many."""

    benchmark: Benchmark
    variant: str
    tasks: Mapping[str, Any]
    data: Mapping[str, Any]
    rows: int

    @property
    def key(self) -> str:
        """Its name in results.json."""
        return f"{self.benchmark.name}/{self.variant}"

    def asks(self, profile: str) -> str:
        """A hash of how a profile asks and scores: it changes with the task's configuration and with `SCORING`."""
        return hashlib.sha256(how_asked(self.tasks[profile]).encode()).hexdigest()[:12]


def how_asked(task: Any) -> str:
    """How a task asks and scores, as text that is the same in every process: it holds no address of a function."""
    config = task.dump_config()  # it holds the source of a function, but the address of a partial one
    partials = {name: value for name in ASKS if isinstance(value := getattr(task.config, name, None), partial)}
    sources = {name: [inspect.getsource(value.func), value.args, value.keywords] for name, value in partials.items()}
    text = {
        "task": {name: config[name] for name in ASKS if name in config} | sources,
        "version": (config.get("metadata") or {}).get("version"),
        "scoring": SCORING,
    }
    return json.dumps(text, sort_keys=True, default=lambda value: getattr(value, "__qualname__", ""))


def plan(config: EvalConfig, work: Path) -> list[VariantPlan]:
    """What will run: every local row is checked and every task loaded.

    A benchmark that has no file in `data_dir`, or cannot be fetched, is left out, with one warning for all. Raises:
    UserError with `strict`, where nothing is left to run, or for a bad row.
    """
    planned: list[VariantPlan] = []
    absent: list[str] = []
    unknown: list[str] = []
    for name, language in product(config.benchmarks, config.languages):
        benchmark = BENCHMARKS[name]
        if not benchmark.variants(language):
            unknown.append(f"{benchmark.name}/{language}")
            continue
        try:
            planned += _planned(config, benchmark, language, work)
        except Absent as error:
            absent.append(str(error))
    if unknown:
        log.info("%s: no such language in the benchmark: left out", ", ".join(unknown))
    if absent:
        if config.data_dir is not None:
            message, remedy = f"data_dir {config.data_dir}: has no {'; no '.join(absent)}", "fetch them"
        else:
            message, remedy = f"cannot be fetched: {'; '.join(absent)}", "give --data_dir"
        if config.strict or not planned:
            raise UserError(f"{message}: {remedy}, or ask for fewer benchmarks (`deepsuper data layout` says more)")
        log.warning("%s: left out", message)
    if not planned:
        asked = f"{','.join(config.benchmarks)} in {','.join(config.languages)}"
        raise UserError(f"benchmarks, langs: none of {asked} is there to run (`deepsuper data layout` says what is)")
    return planned


class Absent(Exception):
    """A benchmark whose rows cannot be found or fetched: its name and the reason."""


def _planned(config: EvalConfig, benchmark: Benchmark, language: str, work: Path) -> list[VariantPlan]:
    """The variants of a benchmark in a language. Raises: Absent; UserError for a bad row."""
    data, rows = _gather(config, benchmark, language, work / f"{benchmark.name}.{language}.jsonl")
    planned = []
    for variant in benchmark.variants(language):
        tasks = {}
        for profile in config.profiles:
            file = work / profile / f"{benchmark.name}.{variant}.yaml"
            task = write_task(file, benchmark, variant, profile, rows)
            try:
                tasks[profile] = load_task(task)
            except Exception as error:  # the hub, its client and a data set's own code may raise anything
                if rows is not None:
                    raise
                raise Absent(f"{benchmark.name}/{language} ({first_line(error)})") from error
        docs = next(iter(tasks.values())).eval_docs
        origin = data if rows is not None else data | {"sha256": _rows_hash(docs)}
        planned.append(VariantPlan(benchmark, variant, tasks, origin, len(docs)))
    return planned


def write_task(path: Path, benchmark: Benchmark, variant: str, profile: str, rows: Path | None) -> str:
    """The name of a variant's task in the harness, or its file, written here. `rows`: its rows; None: the hub's."""
    name = benchmark.tasks[variant]
    changes = benchmark.corrections.get(variant, {}) if profile == "corrected" else {}
    if rows is None and not changes:
        return name
    config = benchmark.own.get(name) or {"include": str(task_manager().task_index[name].yaml_path), "task": name}
    if rows is not None:
        config = config | {
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


def _rows_hash(docs: Iterable[Mapping[str, Any]]) -> str:
    """A hash of rows that the harness fetched: rows of the hub may change."""
    hashed = hashlib.sha256()
    for doc in docs:
        hashed.update((json.dumps(doc, sort_keys=True, default=str) + "\n").encode())
    return hashed.hexdigest()


def _gather(config: EvalConfig, benchmark: Benchmark, language: str, path: Path) -> tuple[dict[str, str], Path | None]:
    """The origin of a benchmark's rows, and the file of them; None where the harness fetches them. Raises: Absent."""
    if config.data_dir is not None:
        file = local_file(Path(config.data_dir), benchmark.name, language)
        if file is None:
            raise Absent(f"{benchmark.name}/{language}.jsonl ({benchmark.source})")
        return {"file": str(file), "sha256": _write_rows(path, read_rows(file, benchmark, language))}, path
    if benchmark.own:
        try:
            written = _write_rows(path, fetch_rows(benchmark, language))
        except UserError as error:
            raise Absent(f"{benchmark.name}/{language} ({first_line(error)})") from error
        return {"url": benchmark.source, "sha256": written}, path
    return {"hub": benchmark.tasks[benchmark.variants(language)[0]]}, None


def _write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> str:
    """The hash of the rows, which are written, unless the file holds them already: `datasets` copies each new file."""
    text = "".join(map(json_line, rows))
    written = hashlib.sha256(text.encode()).hexdigest()
    if not path.is_file() or sha256(path) != written:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, text)
    return written
