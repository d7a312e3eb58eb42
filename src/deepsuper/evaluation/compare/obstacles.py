"""Why the items of two runs cannot be paired one by one. Such scores are shown, but not compared."""

from typing import Any

import numpy as np

from deepsuper.evaluation.compare.runs import Items, Run
from deepsuper.evaluation.results import rows_identity


def obstacle(run: Run, other: Run, items: Items, others: Items, key: str) -> str | None:
    """Why two runs' items cannot be paired, in words; None if they can."""
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
