"""`deepsuper eval`: models x profiles x benchmarks x languages -> results.json and a line for each item, resumable."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from importlib import metadata
from itertools import product
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
from deepsuper.models import base_of, commit_of, inside_run, load_config, source_of
from deepsuper.run_folder import model_hashes, write_json_lines, write_text

log = logging.getLogger("deepsuper")


def run_eval(config: EvalConfig, output_dir: Path, command: Sequence[str] = ()) -> dict[str, Any]:
    """Evaluates each model in each profile; returns what their results.json hold, by model and profile.

    A benchmark that is done is not run again, and a broken-off one goes on behind the last answer.
    Raises: ValueError naming the option, or file and line, at fault, before a weight is loaded.
    """
    check_eval(config)
    models = [Evaluated(config, name, output_dir / Path(name).name, command) for name in config.models]
    for model in models:
        model.check_folder()
    planned = plan(config, output_dir / "tasks")
    results: dict[str, Any] = {}
    for model in models:
        for n, (one, profile) in enumerate(product(planned, config.profiles), start=1):
            log.info("%s, %s, %s: %d of %d", model.name, one.key, profile, n, len(planned) * len(config.profiles))
            model.evaluate(one, profile)
        model.let_go()
        results |= {f"{model.name} ({profile})": model.results(profile) for profile in config.profiles}
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

    def let_go(self) -> None:
        """Frees the memory that the model takes: the next one needs it."""
        self._harness = None

    def check_folder(self) -> None:
        """Raises: ValueError where results lie that this run would replace: of another model, or of more items."""
        for profile in self.config.profiles:
            if not (before := self._written(profile)):
                continue
            there, limit = _called(before["asked"]), before["asked"]["limit"]
            fewer = self.config.limit is not None and (limit is None or limit > self.config.limit)
            if fewer or there != _called(self.asked):
                raise ValueError(
                    f"output_dir {self.folder / profile}: holds results of {there} with limit {limit}, and asked is "
                    f"{_called(self.asked)} with limit {self.config.limit}: choose another --output_dir"
                )

    def results(self, profile: str) -> dict[str, Any]:
        """What results.json holds; nothing of other weights or of another limit."""
        asked = {**self.asked, "profile": profile}
        before = self._written(profile)
        return before if before.get("asked") == asked else {"asked": asked, "scores": {}}

    def _written(self, profile: str) -> dict[str, Any]:
        file = self.folder / profile / "results.json"
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        return found

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
        """Scores translations by what was not at hand when they were made: COMET or another model of it, spBLEU."""
        if one.benchmark.name != "flores":
            return
        items = list(read_item_lines(items_file(self.folder / profile, one.key)))
        found: dict[str, Any] = {}
        if self.config.comet_model not in ("none", (done.get("comet") or {}).get("model")):
            comet = add_comet(items, self.config.comet_model)
            found |= {} if comet is None else {"comet": {**(measured("comet", items) or {}), **comet}}
        if done.get("spbleu") is None and (spbleu := measured("spbleu", items)) is not None:
            found |= {"spbleu": spbleu}
        if found:
            self._keep(one, profile, items, {**done, **found})

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


def _called(asked: Mapping[str, Any]) -> str:
    """A model and how it is loaded, in words: what is not as usual is named."""
    model, (backend, arguments) = asked["model"], asked["backend"]
    usual = asdict(ModelConfig(name=""))
    options = {name: value for name, value in model.items() if name != "name" and value != usual.get(name)}
    options |= {"backend": backend} if backend != EvalConfig.backend else {}
    options |= {"backend_args": arguments} if arguments else {}
    return ", ".join([f"model {model['name']}", *(f"{name} {value}" for name, value in options.items())])


def _weights(model: ModelConfig) -> dict[str, str]:
    """What the weights are: a model trained anew is another one, and so is an adapter on another base."""
    source = inside_run(model)
    base = base_of(source)
    of_base = {} if base is None else _identity(base)
    return _identity(source) | {f"base/{name}": value for name, value in of_base.items()}


def _identity(model: ModelConfig) -> dict[str, str]:
    """Hashes of a folder's weights; of a hub model, whose revision may move, the commit."""
    if Path(model.name).is_dir() or source_of(model) != model.name:
        return model_hashes(source_of(model))
    load_config(model)
    return {"commit": str(commit_of(model))}


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
    spoken, empty = score.get("in_language"), score.get("empty")
    parts = [_percent(score)]
    if spoken is not None:
        told = f" of {spoken['items']} that can be told" if spoken.get("items", score["items"]) < score["items"] else ""
        parts.append(f"in language {_percent(spoken)}{told}")
    if empty is not None and empty["mean"] > 0.0:
        parts.append(f"empty {100 * empty['mean']:.1f}")
    return "; ".join(parts)


def _percent(score: dict[str, Any]) -> str:
    return "{mean:.1f} ({low:.1f} to {high:.1f})".format(**{k: 100 * score[k] for k in ("mean", "low", "high")})


def _versions() -> dict[str, str]:
    names = ("deepsuper", "lm_eval", "transformers", "torch", "datasets", "sacrebleu")
    return {name: metadata.version(name) for name in names}
