"""The runs to compare: folders that `deepsuper eval` wrote, with their names, scores and items."""

import json
import logging
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from deepsuper.common.errors import UserError
from deepsuper.evaluation.items import AGAIN, items_file, read_item_lines
from deepsuper.evaluation.measures import BESIDE, MEASURES, Item, Numbers, measures_of
from deepsuper.evaluation.results import SCORE_FIELDS

log = logging.getLogger("deepsuper")

DEPTH = 3
"""How many levels below a given folder results.json may be."""

PART_FIELDS = {"in_language": ("mean", "items"), "empty": ("mean",), "comet": ("mean", "model", "version")}
"""What parts of a score have, if they are there."""


@dataclass(frozen=True)
class Run:
    """One evaluated model in one profile. `given`: what the user typed for it, if that names this run alone.

    `scores`: "BENCHMARK/LANGUAGE" -> the score as results.json holds it.
    """

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
    files = [file] if (file := folder / "results.json").is_file() else _files_below(folder)
    if not files:
        raise UserError(f"{folder}: holds no results.json, nor do its folders: give one that `deepsuper eval` wrote")
    for file in files:
        model, profile, scores = _read_results(file)
        own = Path(model).name
        called = own if not name else name if len(files) == 1 else f"{name}/{own}"
        yield Run(called, file.parent, given if len(files) == 1 else None, profile, scores)


def _split(given: str) -> tuple[str, Path]:
    """Name and folder of FOLDER or NAME=FOLDER. Both may hold an equals sign: the folder that exists decides."""
    pieces = given.split("=")
    for n in range(len(pieces)):
        if Path(folder := "=".join(pieces[n:])).is_dir():
            return "=".join(pieces[:n]), Path(folder)
    return "", Path(given)


def _files_below(folder: Path) -> list[Path]:
    return sorted(file for depth in range(1, DEPTH + 1) for file in folder.glob("*/" * depth + "results.json"))


def _read_results(file: Path) -> tuple[str, str, Mapping[str, Mapping[str, Any]]]:
    """The model, the profile and the scores. Raises: UserError naming the file if `deepsuper eval` did not write it."""
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
        asked, scores = record["asked"], record["scores"]
        model, profile = str(asked["model"]["name"]), str(asked["profile"])
        for key, score in scores.items():
            _check_score(key, score)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        why = f"has no {error}" if isinstance(error, KeyError) else str(error)
        raise UserError(f"{file}: not what `deepsuper eval` writes ({why}): {AGAIN}") from error
    if not scores:
        raise UserError(f"{file}: holds no score: {AGAIN}")
    return model, profile, scores


def _check_score(key: str, score: Mapping[str, Any]) -> None:
    """Raises: UserError if a score lacks what `deepsuper eval` writes."""
    needed = [*SCORE_FIELDS, *(["empty"] if "in_language" in score else [])]
    found = [(score, needed), *((score[name], names) for name, names in PART_FIELDS.items() if score.get(name))]
    for part, names in found:
        if missing := [name for name in names if name not in part]:
            raise UserError(f"has no {missing[0]!r}")
    if score["metric"] not in MEASURES:
        raise UserError(f"{key} has the unknown metric {score['metric']!r}")
    parts = (score, *(score.get(name) for name in ("in_language", "empty", *BESIDE)))
    if "/" not in key or not all(math.isfinite(part["mean"]) for part in parts if part is not None):
        raise UserError(f"{key} is no BENCHMARK/LANGUAGE with a score")


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
