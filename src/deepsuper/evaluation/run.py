"""`deepsuper eval`: models x benchmarks x languages -> results.json and one line for each item, resumable."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from deepsuper.checks import check_ranges
from deepsuper.config import EvalConfig
from deepsuper.evaluation.benchmarks import BENCHMARKS, Benchmark
from deepsuper.evaluation.fidelity import in_language
from deepsuper.evaluation.harness import load_harness_model, run_task, task_file
from deepsuper.evaluation.local import local_file, read_rows, write_task
from deepsuper.metrics import mean_interval
from deepsuper.run_folder import sha256, write_text

log = logging.getLogger("deepsuper")


@dataclass(frozen=True)
class Planned:
    """One benchmark in one language, and the harness task (name or file) that runs it."""

    benchmark: Benchmark
    language: str
    task: str
    data: dict[str, Any]

    @property
    def key(self) -> str:
        """How results.json names it."""
        return f"{self.benchmark.name}/{self.language}"


def check_eval(config: EvalConfig) -> None:
    """Raises: ValueError naming the first option out of range, before a weight is loaded."""
    for name in config.benchmarks:
        if name not in BENCHMARKS:
            raise ValueError(f"benchmarks: need some of {','.join(BENCHMARKS)}, got {name!r}")
    known = {language for benchmark in BENCHMARKS.values() for language in benchmark.tasks}
    for language in config.languages:
        if language not in known:
            raise ValueError(f"langs: need some of {','.join(sorted(known))}, got {language!r}")
    names = [Path(name).name for name in config.models]
    twice = next((name for name in names if names.count(name) > 1), None)
    check_ranges(
        [
            ("limit", config.limit, "at least 1", config.limit is None or config.limit >= 1),
            ("batch_size", config.batch_size, "at least 1", config.batch_size >= 1),
            ("models", twice, "names that end differently, because each is a folder of output_dir", twice is None),
        ]
    )
    if config.data_dir is not None and not Path(config.data_dir).is_dir():
        raise ValueError(f"data_dir: no such folder {config.data_dir!r} (from {Path.cwd()})")


def plan(config: EvalConfig, work: Path) -> list[Planned]:
    """What will run, every local row checked. What has no file in `data_dir` is named in one message and left out.

    Without `data_dir` the harness fetches its data from the hub. Raises: ValueError with `strict`, or for a bad row.
    """
    planned, absent = [], []
    for name in config.benchmarks:
        benchmark = BENCHMARKS[name]
        for language in (lang for lang in config.languages if lang in benchmark.tasks):
            task = benchmark.tasks[language]
            if config.data_dir is None:
                planned.append(Planned(benchmark, language, task, {"hub": task}))
                continue
            path = local_file(Path(config.data_dir), name, language)
            if path is None:
                absent.append(f"{name}/{language}.jsonl ({benchmark.source})")
                continue
            rows = read_rows(path, benchmark)
            written = write_task(work, task, task_file(task), rows)
            planned.append(Planned(benchmark, language, str(written), {"file": str(path), "sha256": sha256(path)}))
    if absent:
        message = f"data_dir {config.data_dir}: has no {'; no '.join(absent)}"
        if config.strict or not planned:
            raise ValueError(f"{message}: fetch them, or ask for fewer benchmarks")
        log.warning("%s: left out", message)
    return planned


def run_eval(config: EvalConfig, output_dir: Path, command: Sequence[str] = ()) -> dict[str, Any]:
    """Evaluates each model; returns what results.json holds. A benchmark that is done is not run again.

    Raises: ValueError naming the option, or file and line, at fault, before a weight is loaded.
    """
    check_eval(config)
    planned = plan(config, output_dir / "tasks")
    results: dict[str, Any] = {}
    for name in config.models:
        folder = output_dir / Path(name).name
        results[name] = _run_model(config, name, folder, planned, command)
    print_table(Console(), results)
    return results


def _run_model(
    config: EvalConfig, name: str, folder: Path, planned: Sequence[Planned], command: Sequence[str]
) -> dict[str, Any]:
    (folder / "items").mkdir(parents=True, exist_ok=True)
    file = folder / "results.json"
    before = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    asked = {"model": asdict(replace(config.model, name=name)), "limit": config.limit, "profile": config.profile}
    scores = before.get("scores", {}) if before.get("asked") == asked else {}
    harness = None
    for one in planned:
        if scores.get(one.key, {}).get("data") == one.data:
            log.info("%s, %s: done before", name, one.key)
            continue
        if harness is None:
            harness = load_harness_model(replace(config.model, name=name), config.batch_size)
        samples, version = run_task(harness, one.task, config.limit)
        items = [as_item(sample, one) for sample in samples]
        write_text(folder / "items" / f"{one.key.replace('/', '.')}.jsonl", "".join(map(json_line, items)))
        scores[one.key] = {**summarise(items, one), "data": one.data, "task_version": version}
        record = {"asked": asked, "scores": scores, "versions": _versions(), "command": list(command)}
        write_text(file, json.dumps(record, indent=1) + "\n")
    return {"asked": asked, "scores": scores}


def as_item(sample: dict[str, Any], one: Planned) -> dict[str, Any]:
    """What is kept of one item: enough to make any table again without the model."""
    metric = one.benchmark.metric
    item = {
        "id": sample["doc"].get("id", sample["doc_id"]),
        "prompt": sample["arguments"][0][0],
        "gold": sample["target"],
    }
    if metric == "f1":
        said = sample["filtered_resps"][0]
        item |= {"prediction": said, "in_language": in_language(said, one.language)}
        item["exact_match"] = float(sample["exact_match"])
    else:
        item["choices"] = [argument[1] for argument in sample["arguments"]]
        item["logprobs"] = [float(response[0]) for response in sample["filtered_resps"]]
    return {**item, metric: float(sample[metric])}


def summarise(items: Sequence[dict[str, Any]], one: Planned) -> dict[str, Any]:
    """The score with its bootstrap interval, and the share of answers in the language that was asked for."""
    metric = one.benchmark.metric
    summary: dict[str, Any] = {"items": len(items), "metric": metric}
    summary |= asdict(mean_interval([item[metric] for item in items]))
    if metric == "f1":
        spoken = [float(item["in_language"]) for item in items if item["in_language"] is not None]
        summary["exact_match"] = asdict(mean_interval([item["exact_match"] for item in items]))
        summary["in_language"] = asdict(mean_interval(spoken)) if spoken else None
    return summary


def json_line(record: dict[str, Any]) -> str:
    """One line of JSON that any prediction survives: a lone surrogate, which UTF-8 cannot write, is escaped."""
    line = json.dumps(record, ensure_ascii=False)
    try:
        line.encode("utf-8")
    except UnicodeEncodeError:
        line = json.dumps(record)
    # Some readers take these for line ends; inside JSON strings they may be escaped.
    for character in "\x85\u2028\u2029":
        line = line.replace(character, f"\\u{ord(character):04x}")
    return line + "\n"


def print_table(console: Console, results: dict[str, Any]) -> None:
    """Rows: models; columns: benchmarks and languages."""
    keys = list(dict.fromkeys(key for result in results.values() for key in result["scores"]))
    table = Table("model", *keys, title="score in percent (95%)")
    for name, result in results.items():
        cells = [_cell(result["scores"].get(key)) for key in keys]
        table.add_row(name, *cells)
    console.print(table)


def _cell(score: dict[str, Any] | None) -> str:
    if score is None:
        return "-"
    text = "{mean:.1f} ({low:.1f} to {high:.1f})".format(**{k: 100 * score[k] for k in ("mean", "low", "high")})
    spoken = score.get("in_language")
    return text if spoken is None else f"{text}; {100 * spoken['mean']:.0f}% in language"


def _versions() -> dict[str, str]:
    return {name: metadata.version(name) for name in ("deepsuper", "lm_eval", "transformers", "torch", "datasets")}
