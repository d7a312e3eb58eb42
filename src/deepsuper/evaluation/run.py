"""`deepsuper eval`: models x profiles x benchmarks x languages -> results.json and a line for each item, resumable."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from importlib import metadata
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from deepsuper.config import EvalConfig, ModelConfig
from deepsuper.evaluation.check import check_eval
from deepsuper.evaluation.comet import add_comet
from deepsuper.evaluation.harness import load_harness_model, run_task
from deepsuper.evaluation.items import as_item, items_file, measured, read_item_lines, summarise
from deepsuper.evaluation.plan import Planned, plan
from deepsuper.models import inside_run, source_of
from deepsuper.run_folder import model_hashes, write_json_lines, write_text

log = logging.getLogger("deepsuper")


def run_eval(config: EvalConfig, output_dir: Path, command: Sequence[str] = ()) -> dict[str, Any]:
    """Evaluates each model in each profile; returns what their results.json hold, by model and profile.

    A benchmark that is done is not run again, and a broken-off one goes on behind the last answer.
    Raises: ValueError naming the option, or file and line, at fault, before a weight is loaded.
    """
    check_eval(config)
    planned = plan(config, output_dir / "tasks")
    results: dict[str, Any] = {}
    for name in config.models:
        model = Evaluated(config, name, output_dir / Path(name).name, command)
        for one in planned:
            for profile in config.profiles:
                model.evaluate(one, profile)
        results |= {f"{name} ({profile})": model.results(profile) for profile in config.profiles}
    print_table(Console(), results)
    return results


class Evaluated:
    """One model and its results so far; it is loaded when the first answer is missing."""

    def __init__(self, config: EvalConfig, name: str, folder: Path, command: Sequence[str]) -> None:
        self.config, self.name, self.folder, self.command = config, name, folder, list(command)
        self.model = replace(config.model, name=name)
        self.asked: dict[str, Any] = {
            "model": asdict(self.model),
            "files": _weights(self.model) if config.backend == "hf" else {},
            "backend": [config.backend, config.backend_args],
            "limit": config.limit,
        }
        self._harness: Any = None

    def results(self, profile: str) -> dict[str, Any]:
        """What results.json holds; nothing of another model, limit or profile."""
        asked = {**self.asked, "profile": profile}
        file = self.folder / profile / "results.json"
        before = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        return before if before.get("asked") == asked else {"asked": asked, "scores": {}}

    def evaluate(self, one: Planned, profile: str) -> None:
        """Scores one benchmark and writes its items and results, if that is not done."""
        done = self.results(profile)["scores"].get(one.key, {})
        asks = one.asks(profile)
        # Scores of before that hash was kept stand.
        if done.get("data") == one.data and done.get("asks", asks) == asks:
            log.info("%s, %s, %s: done before", self.name, one.key, profile)
            self._catch_up(one, profile, done)
            return
        if self._harness is None:
            self._harness = load_harness_model(self.model, self.config)
        samples, version = run_task(self._harness, one.tasks[profile], self.config.limit, self._answers())
        items = [as_item(sample, one.benchmark, one.variant, profile) for sample in samples]
        comet = add_comet(items, self.config.comet_model) if one.benchmark.name == "flores" else None
        score = summarise(items, one.benchmark)
        if comet is not None:
            score["comet"] |= comet
        score |= {"data": one.data, "task_version": version, "asks": asks}
        self._keep(one, profile, items, {**score, "versions": _versions(), "command": self.command})

    def _catch_up(self, one: Planned, profile: str, done: Mapping[str, Any]) -> None:
        """Scores translations with COMET that were made when it was not at hand, or with another model of it."""
        asked = self.config.comet_model
        if one.benchmark.name != "flores" or asked in ("none", (done.get("comet") or {}).get("model")):
            return
        items = list(read_item_lines(items_file(self.folder / profile, one.key)))
        if (comet := add_comet(items, asked)) is not None:
            self._keep(one, profile, items, {**done, "comet": {**(measured("comet", items) or {}), **comet}})

    def _keep(self, one: Planned, profile: str, items: Sequence[dict[str, Any]], score: Mapping[str, Any]) -> None:
        """Writes the items, and their score beside the others."""
        write_json_lines(items_file(self.folder / profile, one.key), items)
        record = self.results(profile)
        whole = {**record, "scores": {**record["scores"], one.key: score}}
        write_text(self.folder / profile / "results.json", json.dumps(whole, indent=1) + "\n")

    def _answers(self) -> Path:
        """The model's answers so far: a run that was broken off, or now has a higher limit, goes on behind them, and
        profiles share what they ask alike.
        """
        asked = {name: value for name, value in self.asked.items() if name != "limit"}
        key = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:12]
        return self.folder / f"answers-{key}.db"


def _weights(model: ModelConfig) -> dict[str, str]:
    """Hashes of a local model's weights: a model trained anew is another one."""
    return model_hashes(source_of(inside_run(model)))


def print_table(console: Console, results: Mapping[str, Any]) -> None:
    """Rows: benchmarks and languages; columns: models."""
    keys = list(dict.fromkeys(key for result in results.values() for key in result["scores"]))
    table = Table("benchmark", *results, title="score in percent (95%)")
    for key in keys:
        table.add_row(key, *(_cell(result["scores"].get(key)) for result in results.values()))
    console.print(table)


def _cell(score: dict[str, Any] | None) -> str:
    if score is None:
        return "-"
    text = "{mean:.1f} ({low:.1f} to {high:.1f})".format(**{k: 100 * score[k] for k in ("mean", "low", "high")})
    spoken = score.get("in_language")
    return text if spoken is None else f"{text}; {100 * spoken['mean']:.0f}% in language"


def _versions() -> dict[str, str]:
    names = ("deepsuper", "lm_eval", "transformers", "torch", "datasets", "sacrebleu")
    return {name: metadata.version(name) for name in names}
