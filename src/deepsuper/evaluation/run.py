"""`deepsuper eval`: models x profiles x benchmarks x languages -> results.json and a line for each item, resumable."""

from __future__ import annotations

import hashlib
import json
import logging
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, replace
from itertools import product
from pathlib import Path
from typing import Any

from rich.console import Console

from deepsuper.common.errors import UserError
from deepsuper.common.files import alone_in, model_hashes
from deepsuper.common.manifests import versions
from deepsuper.common.outputs import check_folder
from deepsuper.config import EvalConfig, ModelConfig
from deepsuper.evaluation.benchmarks import BENCHMARKS
from deepsuper.evaluation.check import check_eval, folder_name
from deepsuper.evaluation.comet.scores import Comet
from deepsuper.evaluation.harness import load_harness_model, run_task
from deepsuper.evaluation.items import as_item, items_file, measured, read_item_lines, summarise
from deepsuper.evaluation.plan import Planned, plan
from deepsuper.evaluation.record import Record, identity, rows_identity
from deepsuper.evaluation.tasks import TASKS
from deepsuper.evaluation.terminal import print_table
from deepsuper.models.adapters import base_of
from deepsuper.models.load import commit_of, inside_run, load_config
from deepsuper.models.packaged import source_of

log = logging.getLogger("deepsuper")
PACKAGES = ("deepsuper", "lm_eval", "transformers", "torch", "datasets", "sacrebleu")
"""Their versions are kept with each score."""


def run_eval(config: EvalConfig, output_dir: Path, command: Sequence[str] = ()) -> dict[str, Any]:
    """Evaluates each model in each profile; returns what their results.json hold, by model and profile.

    A benchmark that is done is not run again, and a broken-off one goes on behind the last answer.
    Raises: UserError naming the option, or file and line, at fault, before a weight is loaded.
    """
    check_eval(config)
    for name in config.models:
        check_folder("output_dir", output_dir / folder_name(name))
    comet = Comet(config.comet_model)
    models = [Evaluated(config, name, output_dir / folder_name(name), comet, command) for name in config.models]
    results: dict[str, Any] = {}
    with ExitStack() as held:
        for model in models:
            held.enter_context(alone_in(model.folder, "output_dir"))
            model.check_folder()
        with alone_in(output_dir / TASKS, "output_dir", wait=True):
            planned = plan(config, output_dir / TASKS)
        for model in models:
            for n, (one, profile) in enumerate(product(planned, config.profiles), start=1):
                log.info("%s, %s, %s: %d of %d", model.name, one.key, profile, n, len(planned) * len(config.profiles))
                model.evaluate(one, profile)
            model.let_go()
            results |= {f"{model.folder.name} ({profile})": r.results() for profile, r in model.records.items()}
    asked = [one.key for one in planned]
    print_table(Console(), {name: _asked_first(record["scores"], asked) for name, record in results.items()})
    return results


def _asked_first(scores: Mapping[str, Any], asked: Sequence[str]) -> dict[str, Any]:
    """A folder's scores in the order of this command; what others left there comes after, as they left it."""
    return {key: scores[key] for key in dict.fromkeys((*asked, *scores)) if key in scores}


class Evaluated:
    """One model and its results so far; it is loaded when the first answer is missing."""

    def __init__(self, config: EvalConfig, name: str, folder: Path, comet: Comet, command: Sequence[str]) -> None:
        self.config, self.name, self.folder, self.comet, self.command = config, name, folder, comet, list(command)
        self.model = replace(config.model, name=name)
        known = config.backend == "hf" or Path(name).is_dir()
        asked = {
            "model": asdict(self.model),
            "files": _weights(self.model) if known else {},
            "backend": [config.backend, config.backend_args],
        }
        self.records = {profile: Record(folder / profile, {**asked, "profile": profile}) for profile in config.profiles}
        key = hashlib.sha256(json.dumps(identity(asked), sort_keys=True).encode()).hexdigest()[:12]
        self.answers = folder / f"answers-{key}.db"
        """The answers so far: a run that was broken off, or now has a higher limit, goes on behind them, and profiles
        share what they ask alike.
        """
        self._harness: Any = None

    def let_go(self) -> None:
        """Frees the memory that the model takes: the next one needs it."""
        self._harness = None

    def check_folder(self) -> None:
        """Raises: UserError where results lie that this run would replace, or answers that cannot be read."""
        asked = product(self.config.benchmarks, self.config.languages)
        keys = [f"{name}/{variant}" for name, language in asked for variant in BENCHMARKS[name].variants(language)]
        for record in self.records.values():
            record.check(keys, self.config.limit)
        if self.answers.is_file():
            try:
                with closing(sqlite3.connect(self.answers)) as answers:
                    answers.execute("PRAGMA quick_check").fetchall()
            except sqlite3.DatabaseError as error:
                raise UserError(f"{self.answers}: is broken ({error}): delete it; all is asked for again") from error

    def evaluate(self, one: Planned, profile: str) -> None:
        """Scores one benchmark and writes its items and results, if that is not done."""
        record = self.records[profile]
        done = record.results()["scores"].get(one.key, {})
        asks = one.asks(profile)
        # Scores of before that hash was kept stand.
        asked = self.config.limit
        limit = None if asked is None or asked >= one.rows else asked
        same = done.get("asks", asks) == asks and done.get("limit") == limit
        if done and same and rows_identity(done["data"]) == rows_identity(one.data):
            log.info("%s, %s, %s: done before", self.name, one.key, profile)
            self._catch_up(one, record, done)
            return
        if self._harness is None:
            self._harness = load_harness_model(self.model, self.config)
        samples, version = run_task(self._harness, one.tasks[profile], limit, self.answers)
        items = [as_item(sample, one.benchmark, one.variant, profile) for sample in samples]
        comet = self.comet.add(items) if one.benchmark.name == "flores" else None
        score = summarise(items, one.benchmark)
        if comet is not None:
            score["comet"] |= comet
        score |= {"data": one.data, "limit": limit, "task_version": version, "asks": asks}
        record.keep(one.key, items, {**score, "versions": versions(PACKAGES), "command": self.command})

    def _catch_up(self, one: Planned, record: Record, done: Mapping[str, Any]) -> None:
        """Scores translations by what was not at hand when they were made: COMET or another model of it, spBLEU."""
        if one.benchmark.name != "flores":
            return
        items = list(read_item_lines(items_file(record.folder, one.key)))
        found: dict[str, Any] = {}
        if self.config.comet_model != (done.get("comet") or {}).get("model"):
            comet = self.comet.add(items)
            found |= {} if comet is None else {"comet": {**(measured("comet", items) or {}), **comet}}
        if done.get("spbleu") is None and (spbleu := measured("spbleu", items)) is not None:
            found |= {"spbleu": spbleu}
        if found:
            record.keep(one.key, items, {**done, **found})


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
