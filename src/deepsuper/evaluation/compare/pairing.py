"""A run with its scores and items, and why the items of two runs cannot be paired."""

import logging
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from deepsuper.common.errors import UserError
from deepsuper.evaluation.items import AGAIN, items_file, read_item_lines
from deepsuper.evaluation.measures import MEASURES, Clusters, Item, Numbers, clusters_of, measures_of
from deepsuper.evaluation.results import rows_identity

log = logging.getLogger("deepsuper")


@dataclass(frozen=True)
class Run:
    """One model in one profile. `given`: what the user typed for it alone; `scores`: BENCHMARK/LANGUAGE -> score;
    `weights`: file -> hash. Of several `seeds`, the folder and the scores are those of the first.
    """

    name: str
    folder: Path
    given: str | None
    profile: str
    scores: Mapping[str, Mapping[str, Any]]
    weights: Mapping[str, str] = field(default_factory=dict)
    seeds: tuple["Run", ...] = ()

    @property
    def parts(self) -> tuple["Run", ...]:
        """Its seeds: itself, where it is of one."""
        return self.seeds or (self,)


@dataclass(frozen=True)
class Items:
    """The items of one score in the order of the first seed's file. `numbers`: measure -> the numbers of each seed, if
    it can be computed; `spoken`: of several seeds, whether each answer is in the language. Shapes: (K, N, S), K seeds.
    `clusters`: which items belong together, if they tell.
    """

    ids: tuple[str | int, ...]
    numbers: Mapping[str, Numbers]
    spoken: Numbers | None = None
    clusters: Clusters | None = None


def read_items(run: Run, key: str) -> Items:
    """The items of a score. Raises: UserError naming file and line, if the items do not give the score, or if the
    seeds have not the same ones.
    """
    each = [_items_of(seed, key, spoken=bool(run.seeds)) for seed in run.parts]
    first = each[0]
    for seed, items in zip(run.parts, each, strict=True):
        if (why := obstacle(seed, run.parts[0], items, first, key)) is not None:
            refuse_seed(seed, run, f"{key}: {why}")
    metrics = [metric for metric in first.numbers if all(metric in items.numbers for items in each)]
    numbers = {metric: np.concatenate([aligned(i, first, metric) for i in each]) for metric in metrics}
    spoken = [items.spoken[:, _places(items, first)] for items in each if items.spoken is not None]
    told = np.concatenate(spoken) if len(spoken) == len(each) else None
    return Items(first.ids, numbers, told, first.clusters)


def refuse_seed(seed: Run, other: Run, why: str) -> NoReturn:
    """Raises: UserError naming two folders that cannot be seeds of one run."""
    raise UserError(f"{seed.folder}: no other seed of the run in {other.folder}: {why}")


def _items_of(run: Run, key: str, *, spoken: bool) -> Items:
    """The items of one seed. `spoken`: those of written answers tell whether they are in the language."""
    file = items_file(run.folder, key)
    if not file.is_file():
        raise UserError(f"{file}: no such file, but {run.folder / 'results.json'} has a score of {key}: {AGAIN}")
    items = list(read_item_lines(file))
    ids = tuple(item["id"] for item in items)
    twice = next((one for one, count in Counter(ids).items() if count > 1), None)
    if twice is not None:
        raise UserError(f"{file}:{len(ids) - ids[::-1].index(twice)}: a second item with id {twice!r}: need unique ids")
    score = run.scores[key]
    if not items or len(items) != score["items"]:
        raise UserError(f"{file}: has {len(items)} items, but the score is of {score['items']}: {AGAIN}")
    numbers = {}
    for metric in measures_of(score):
        try:
            numbers[metric] = _numbers(metric, items, file)
        except OSError as error:  # sacrebleu fetches the pieces of spBLEU once
            log.warning("%s: %s is not tested: its tokenizer cannot be fetched: %s", file, metric, error)
    for metric, rows in numbers.items():
        told, found = score_of(score, metric)["mean"], MEASURES[metric].score(rows)
        if not math.isclose(told, found, abs_tol=1e-6):
            raise UserError(f"{file}: the items give {metric} {found:.6f}, results.json says {told:.6f}: {AGAIN}")
    told = _numbers("in_language", items, file)[None] if spoken and "in_language" in score else None
    return Items(ids, {metric: rows[None] for metric, rows in numbers.items()}, told, clusters_of(items))


def score_of(score: Mapping[str, Any], metric: str) -> Mapping[str, Any]:
    """The part of a score that one measure gave."""
    part: Mapping[str, Any] = score if metric == score["metric"] else score[metric]
    return part


def _numbers(metric: str, items: Sequence[Item], file: Path) -> Numbers:
    measure = MEASURES[metric]
    try:
        return measure.numbers(items)
    except (KeyError, TypeError, ValueError):
        for n, item in enumerate(items, start=1):
            try:
                measure.numbers([item])
            except (KeyError, TypeError, ValueError) as error:
                raise UserError(f"{file}:{n}: lacks what {metric} is made of ({error}): {AGAIN}") from error
        raise


def other_settings(run: Run, other: Run, key: str) -> str | None:
    """What two runs' scores were not made alike in, in words; None if they were."""
    one, two = run.scores[key], other.scores[key]
    settings = (
        ("limit", one["limit"], two["limit"]),
        ("profile", run.profile, other.profile),
        ("data", rows_identity(one["data"]), rows_identity(two["data"])),
        ("task version", one["task_version"], two["task_version"]),
        ("task", one["asks"], two["asks"]),
    )
    for what, mine, its in settings:
        if mine != its:
            return f"{what} {mine}, but {its} in {other.name}"
    return None


def obstacle(run: Run, other: Run, items: Items, others: Items, key: str) -> str | None:
    """Why two runs' items cannot be paired, in words: such scores are shown, not compared. None if they can."""
    if (why := other_settings(run, other, key)) is not None:
        return why
    if set(items.ids) != set(others.ids):
        strange = sorted(map(str, set(items.ids) ^ set(others.ids)))[0]
        return f"other items than {other.name} (such as id {strange!r}, in one of them only)"
    for metric in items.numbers.keys() & others.numbers.keys():
        mine, its = aligned(items, others, metric)[0], others.numbers[metric][0]
        if (np.isnan(mine) != np.isnan(its)).any():
            return f"other items count for {metric} than in {other.name}"
    return None


def comet_obstacle(run: Run, other: Run, key: str) -> str | None:
    """Why the COMET scores of two runs cannot be compared, in words: they are by different models. None if they can."""
    parts = (each.scores[key]["comet"] for each in (run, other))
    mine, its = (f"{part['model']} (unbabel-comet {part['version']})" for part in parts)
    return None if mine == its else f"COMET by {mine}, but by {its} in {other.name}"


def aligned(items: Items, others: Items, metric: str) -> Any:
    """The items' numbers in the others' order. Shape: (K, N, S)"""
    return items.numbers[metric][:, _places(items, others)]


def paired(items: Items, base: Items, metric: str) -> tuple[Numbers, Numbers, Clusters | None]:
    """The numbers of both, and the clusters, in the order of `base`, without the items that do not count.

    Shapes: (K, n, S), (M, n, S), (n,).
    """
    one, other = aligned(items, base, metric), base.numbers[metric]
    count = ~np.isnan(other[0]).any(axis=1)
    clusters = None
    if base.clusters is not None and count.any():
        clusters = np.unique(base.clusters[count], return_inverse=True)[1]
    return one[:, count], other[:, count], clusters


def _places(items: Items, others: Items) -> list[int]:
    place = {one: n for n, one in enumerate(items.ids)}
    return [place[one] for one in others.ids]
