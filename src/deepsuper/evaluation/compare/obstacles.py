"""Why the items of two runs cannot be paired one by one: then their scores stand apart."""

from __future__ import annotations

from typing import Any

import numpy as np

from deepsuper.evaluation.compare.runs import Items, Run
from deepsuper.evaluation.record import rows_identity


def obstacle(run: Run, other: Run, items: Items, others: Items, key: str) -> str | None:
    """Why two runs' items cannot be compared one by one, in words; None where they can."""
    one, two = run.scores[key], other.scores[key]
    settings = (
        ("limit", one.get("limit"), two.get("limit")),
        ("profile", run.asked.get("profile"), other.asked.get("profile")),
        ("data", rows_identity(one.get("data")), rows_identity(two.get("data"))),
        ("task version", one.get("task_version"), two.get("task_version")),
        # Scores of before it was kept have none: then it is unknown whether prompt and scoring are the same.
        ("task", one.get("asks", two.get("asks")), two.get("asks", one.get("asks"))),
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
    """Why two runs' COMET cannot be compared, in words, where it is of another model; None where it can."""
    one, two = (each.scores[key].get("comet") or {} for each in (run, other))
    # Scores of before it was kept have none: then it is unknown whether the model is the same.
    if not one.get("model") or not two.get("model"):
        return None
    mine, its = (f"{part['model']} (unbabel-comet {part.get('version')})" for part in (one, two))
    return None if mine == its else f"COMET by {mine}, but by {its} in {other.name}"


def aligned(items: Items, others: Items, metric: str) -> Any:
    """The items' numbers in the others' order."""
    place = {one: n for n, one in enumerate(items.ids)}
    return items.numbers[metric][[place[one] for one in others.ids]]
