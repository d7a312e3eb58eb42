"""The runs to compare: folders that `deepsuper eval` wrote, with their names, scores and items."""

import logging
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from deepsuper.common.errors import UserError
from deepsuper.evaluation.items import AGAIN, items_file, read_item_lines
from deepsuper.evaluation.measures import MEASURES, Item, Numbers, measures_of
from deepsuper.evaluation.results import read_results, rows_identity

log = logging.getLogger("deepsuper")

DEPTH = 3
"""How many levels below a given folder results.json may be."""


@dataclass(frozen=True)
class Run:
    """One model in one profile. `given`: what the user typed for it alone; `scores`: BENCHMARK/LANGUAGE -> score."""

    name: str
    folder: Path
    given: str | None
    profile: str
    scores: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Items:
    """The items of one score in the order of their file. `numbers`: measure -> its numbers, if it can be computed."""

    ids: tuple[str | int, ...]
    numbers: Mapping[str, Numbers]


def find_runs(given: Sequence[str]) -> list[Run]:
    """Every run in the folders, in order, each with a unique name. Raises: UserError naming the folder."""
    runs = [run for one in given for run in _runs_of(one)]
    with_profile = _unique_names(runs, lambda run: run.profile)
    named = _unique_names(with_profile, lambda run: run.folder.as_posix())
    twice = next((name for name, count in Counter(run.name for run in named).items() if count > 1), None)
    if twice is not None:
        raise UserError(f"runs: two are called {twice!r}: name them as NAME=FOLDER")
    for run in named:
        if not run.name.strip() or not run.name.isprintable():
            raise UserError(
                f"{run.folder}: the name {run.name!r} is empty or has control characters: name it as NAME=FOLDER"
            )
    return named


def by_profile(runs: Sequence[Run]) -> list[tuple[Run, list[Run]]]:
    """For each profile its first run, the baseline, and all its runs. A profile's only run joins the first group."""
    profiles: dict[str, list[Run]] = {}
    for run in runs:
        profiles.setdefault(run.profile, []).append(run)
    groups = [group for group in profiles.values() if len(group) > 1]
    if not groups:
        return [(runs[0], list(runs))]
    groups[0] += [group[0] for group in profiles.values() if len(group) == 1]
    return [(group[0], group) for group in groups]


def _unique_names(runs: Sequence[Run], by: Callable[[Run], str]) -> list[Run]:
    """The runs; where several have one name, `by` is added to it in parentheses."""
    count = Counter(run.name for run in runs)
    return [run if count[run.name] == 1 else replace(run, name=f"{run.name} ({by(run)})") for run in runs]


def _runs_of(given: str) -> Iterator[Run]:
    name, folder = _split(given)
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder (from {Path.cwd()}): give one that `deepsuper eval` wrote")
    files = [file] if (file := folder / "results.json").is_file() else []
    files = files or sorted(file for n in range(1, DEPTH + 1) for file in folder.glob("*/" * n + "results.json"))
    if not files:
        raise UserError(f"{folder}: holds no results.json, nor do its folders: give one that `deepsuper eval` wrote")
    for file in files:
        record = read_results(file, AGAIN)
        if not record["scores"]:
            raise UserError(f"{file}: holds no score: {AGAIN}")
        own = Path(str(record["asked"]["model"]["name"])).name
        called = own if not name else name if len(files) == 1 else f"{name}/{own}"
        profile = str(record["asked"]["profile"])
        yield Run(called, file.parent, given if len(files) == 1 else None, profile, record["scores"])


def _split(given: str) -> tuple[str, Path]:
    """Name and folder of FOLDER or NAME=FOLDER. Both may hold an equals sign: the folder that exists decides."""
    pieces = given.split("=")
    for n in range(len(pieces)):
        if Path(folder := "=".join(pieces[n:])).is_dir():
            return "=".join(pieces[:n]), Path(folder)
    return "", Path(given)


def read_items(run: Run, key: str) -> Items:
    """The items of a score. Raises: UserError naming file and line, or if the items do not give the score."""
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
    return Items(ids, numbers)


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


def obstacle(run: Run, other: Run, items: Items, others: Items, key: str) -> str | None:
    """Why two runs' items cannot be paired, in words: such scores are shown, not compared. None if they can."""
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
    if set(items.ids) != set(others.ids):
        strange = sorted(map(str, set(items.ids) ^ set(others.ids)))[0]
        return f"other items than {other.name} (such as id {strange!r}, in one of them only)"
    for metric in items.numbers.keys() & others.numbers.keys():
        mine, its = aligned(items, others, metric), others.numbers[metric]
        if (np.isnan(mine) != np.isnan(its)).any():
            return f"other items count for {metric} than in {other.name}"
    return None


def comet_obstacle(run: Run, other: Run, key: str) -> str | None:
    """Why the COMET scores of two runs cannot be compared, in words: they are by different models. None if they can."""
    parts = (each.scores[key]["comet"] for each in (run, other))
    mine, its = (f"{part['model']} (unbabel-comet {part['version']})" for part in parts)
    return None if mine == its else f"COMET by {mine}, but by {its} in {other.name}"


def aligned(items: Items, others: Items, metric: str) -> Any:
    """The items' numbers in the others' order."""
    place = {one: n for n, one in enumerate(items.ids)}
    return items.numbers[metric][[place[one] for one in others.ids]]
