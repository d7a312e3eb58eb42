"""The three things that a page of a study says first: what it asks, what it has found, and what speaks against that."""

from collections.abc import Sequence

from deepsuper.evaluation.compare.grids import signed
from deepsuper.evaluation.compare.layout import Column
from deepsuper.evaluation.compare.paired import Difference
from deepsuper.study.findings import GroupFindings, StudyFindings

NAMES = {"holm": "Holm", "bh": "Benjamini and Hochberg"}
SHOWN = 40
"""The cells that a list of missing ones names."""


def question(found: StudyFindings) -> str:
    """What the study asks."""
    return found.planned.study.question.strip() or "The study's file states no question."


def answer(found: StudyFindings) -> str:
    """For each arm: how many scores differ from the baseline's, and the largest difference."""
    tests: dict[tuple[str, str], list[tuple[GroupFindings, Column, Difference]]] = {}
    for group in found.groups:
        for run, column, difference in group.differences():
            tests.setdefault((run, group.group.baseline), []).append((group, column, difference))
    if not tests:
        return "Nothing can be compared yet." if found.planned.study.compare else "The study compares nothing."
    several = len(found.groups) > 1
    said = "; ".join(_arm(run, baseline, own, several) for (run, baseline), own in tests.items())
    return f"{said} ({_correction(found, several)})."


def _arm(run: str, baseline: str, tests: Sequence[tuple[GroupFindings, Column, Difference]], several: bool) -> str:
    better = sum(d.significant and d.mean > 0 for _, _, d in tests)
    worse = sum(d.significant and d.mean < 0 for _, _, d in tests)
    group, column, most = max(tests, key=lambda test: abs(test[2].mean))
    where = f"{column.benchmark} {column.language} ({column.measure})" + (
        f" of {group.group.name}" if several and group.group.name != column.language else ""
    )
    return (
        f"{run} against {baseline}: of {len(tests)} benchmark-language pairs {better} significantly better and "
        f"{worse} significantly worse, the largest difference {signed(most.mean)} points "
        f"(95% interval {signed(most.low)} to {signed(most.high)}) on {where}"
    )


def _correction(found: StudyFindings, several: bool) -> str:
    config = next(group.comparison.config for group in found.groups if group.comparison is not None)
    if config.correction == "none":
        return "p < 0.05, not corrected for the number of tests"
    within = ", in each group of cells alone" if several else ""
    return f"p < 0.05 after correction by {NAMES[config.correction]}{within}"


def caveat(found: StudyFindings) -> str:
    """On how many seeds and items the answer stands, and what is missing of it."""
    seeds = [len(own) for group in found.groups for own in group.used.values()]
    items = [int(score["items"]) for facts in found.cells for run in facts.runs for score in run.scores.values()]
    stands = f"{_span(seeds, 'seed')} for each arm and {_span(items, 'item')} for each score" if items else "no results"
    told = [f"{what}: {len(names)} of {len(found.cells)} cells" for what, names in lacking(found).items()]
    return "; ".join([f"The answer stands on {stands}", *told]) + "."


def lacking(found: StudyFindings) -> dict[str, list[str]]:
    """What cells lack, in words -> their names. Nothing that no cell lacks."""
    states = {facts.cell.name: facts for facts in found.cells}
    lists = {
        "not trained": [n for n, f in states.items() if f.states["train"].status == "missing"],
        "not evaluated": [n for n, f in states.items() if "eval" in f.states and not f.runs],
        "alignment not measured": [n for n, f in states.items() if "align" in f.states and not f.aligned],
        "stale": [n for n, f in states.items() if any(state.status == "stale" for state in f.states.values())],
        "auxiliary terms without a measured dose": [n for n, f in states.items() if f.lacks_dose],
    }
    return {what: names for what, names in lists.items() if names}


def named(names: Sequence[str]) -> str:
    """The names, with how many more there are than are shown."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _span(numbers: Sequence[int], word: str) -> str:
    low, high = min(numbers), max(numbers)
    return f"{low} {word}{'s' if low != 1 else ''}" if low == high else f"{low} to {high} {word}s"
