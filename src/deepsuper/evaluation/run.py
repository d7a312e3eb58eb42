"""`deepsuper eval`: writes results.json and one line for each item, by model and profile; resumes where it stopped."""

import hashlib
import json
import logging
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, replace
from functools import cached_property
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
from deepsuper.evaluation.harness import load_harness_model, run_task, scored_by
from deepsuper.evaluation.items import as_item, items_file, measured, read_item_lines, summarise
from deepsuper.evaluation.plan import TASKS, VariantPlan, plan
from deepsuper.evaluation.report import print_table
from deepsuper.evaluation.results import Results, identity, rows_identity
from deepsuper.models.adapters import base_of
from deepsuper.models.load import commit_of, inside_run, load_config
from deepsuper.models.packaged import source_of

log = logging.getLogger("deepsuper")
PACKAGES = ("deepsuper", "lm_eval", "transformers", "torch", "datasets", "sacrebleu")
"""Their versions are kept with each score."""


def run_eval(config: EvalConfig, output_dir: Path, command: Sequence[str] = ()) -> dict[str, Any]:
    """Evaluates each model in each profile; returns what their results.json hold, by model and profile.

    What is done is not run again. Raises: UserError naming the option, or file and line, before a weight is loaded.
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
            vars(model).pop("harness", None)  # frees its memory for the next one
            results |= {f"{model.folder.name} ({profile})": r.read() for profile, r in model.results.items()}
    asked = dict.fromkeys(one.key for one in planned)  # these come first, in this order
    found = {name: one["scores"] for name, one in results.items()}
    print_table(Console(), {name: {k: of[k] for k in asked | of if k in of} for name, of in found.items()})
    return results


class Evaluated:
    """One model and its results so far. It is loaded when the first answer is needed."""

    def __init__(self, config: EvalConfig, name: str, folder: Path, comet: Comet, command: Sequence[str]) -> None:
        self.config, self.name, self.folder, self.comet, self.command = config, name, folder, comet, list(command)
        self.model = replace(config.model, name=name)
        known = config.backend == EvalConfig.backend or Path(name).is_dir()
        asked = {
            "model": asdict(self.model),
            "files": _weights(self.model) if known else {},
            "backend": [config.backend, config.backend_args],
        }
        self.results = {p: Results(folder / p, {**asked, "profile": p}) for p in config.profiles}
        key = hashlib.sha256(json.dumps(identity(asked), sort_keys=True).encode()).hexdigest()[:12]
        self.answers = folder / f"answers-{key}.db"
        """The answers so far, which an interrupted run, a higher limit and other profiles use again."""

    @cached_property
    def harness(self) -> Any:
        """The model as the harness runs it."""
        return load_harness_model(self.model, self.config)

    def check_folder(self) -> None:
        """Raises: UserError where this run would replace other results, or where the answers cannot be read."""
        asked = product(self.config.benchmarks, self.config.languages)
        keys = [f"{name}/{variant}" for name, language in asked for variant in BENCHMARKS[name].variants(language)]
        for results in self.results.values():
            results.check(keys, self.config.limit)
        if self.answers.is_file():
            try:
                with closing(sqlite3.connect(self.answers)) as answers:
                    answers.execute("PRAGMA quick_check").fetchall()
            except sqlite3.DatabaseError as error:
                raise UserError(f"{self.answers}: is broken ({error}): delete it; all is asked again") from error

    def evaluate(self, one: VariantPlan, profile: str) -> None:
        """Scores one variant of a benchmark and writes its items and results, unless that is done."""
        results, asks = self.results[profile], one.asks(profile)
        done = results.read()["scores"].get(one.key)
        limit = self.config.limit if self.config.limit is None or self.config.limit < one.rows else None
        now = {"asks": asks, "limit": limit, "rows": rows_identity(one.data)}
        if done and now == {"asks": done["asks"], "limit": done["limit"], "rows": rows_identity(done["data"])}:
            log.info("%s, %s, %s: done before", self.name, one.key, profile)
            if one.benchmark.translates:
                self._add_missing(one, results, done)
            return
        samples, version = run_task(self.harness, one.tasks[profile], limit, self.answers)
        items = [as_item(sample, one.benchmark, one.variant, profile) for sample in samples]
        comet = self.comet.add(items) if one.benchmark.translates else None
        score = summarise(items, one.benchmark)
        if comet is not None:
            score["comet"] |= comet
        score |= {"data": one.data, "limit": limit, "task_version": version, "asks": asks}
        score |= {"engine": scored_by(self.harness, self.config), "versions": versions(PACKAGES)}
        results.keep(one.key, items, {**score, "command": self.command})

    def _add_missing(self, one: VariantPlan, results: Results, done: Mapping[str, Any]) -> None:
        """Adds to the score of translations what was not available before: COMET, or another model of it; spBLEU."""
        items = list(read_item_lines(items_file(results.folder, one.key)))
        found: dict[str, Any] = {}
        if self.config.comet_model != (done["comet"] or {}).get("model"):
            comet = self.comet.add(items)
            found |= {} if comet is None else {"comet": {**(measured("comet", items) or {}), **comet}}
        if done["spbleu"] is None and (spbleu := measured("spbleu", items)) is not None:
            found |= {"spbleu": spbleu}
        if found:
            results.keep(one.key, items, {**done, **found})


def _weights(model: ModelConfig) -> dict[str, str]:
    """The hashes that identify the weights, those of an adapter's base among them."""
    source = inside_run(model)
    base = base_of(source)
    of_base = {} if base is None else _identity(base)
    return _identity(source) | {f"base/{name}": value for name, value in of_base.items()}


def _identity(model: ModelConfig) -> dict[str, str]:
    """Hashes of a folder's weights; of a hub model the commit, since its revision may move."""
    if Path(model.name).is_dir() or source_of(model) != model.name:
        return model_hashes(source_of(model))
    load_config(model)
    return {"commit": str(commit_of(model))}
