"""What a study has found so far: the comparison of each group of cells, without drawing anything."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from deepsuper.common.errors import UserError
from deepsuper.config import CompareConfig
from deepsuper.evaluation.compare.check import check_compare
from deepsuper.evaluation.compare.layout import Column, paper_rows
from deepsuper.evaluation.compare.paired import Difference
from deepsuper.evaluation.compare.run import groups_of as groups_of_runs
from deepsuper.evaluation.compare.runs import find_runs
from deepsuper.evaluation.compare.tables import Comparison
from deepsuper.evaluation.compare.tables import build as compare
from deepsuper.study.cells import SEED
from deepsuper.study.facts import CellFacts, facts_of
from deepsuper.study.groups import CellGroup, groups_of
from deepsuper.study.jobs import run_of
from deepsuper.study.run import Planned

OPTIONS = ("paper", "correction", "resamples", "seed")
"""Those of `deepsuper compare` that change its numbers."""


@dataclass(frozen=True)
class GroupFindings:
    """One group of cells. `used`: arm -> the cells whose results are compared; `remarks`: what was left out, or why
    there is no comparison.
    """

    group: CellGroup
    used: Mapping[str, tuple[CellFacts, ...]]
    comparison: Comparison | None
    remarks: tuple[str, ...]

    def arm_of(self, run: str) -> str:
        """The arm of a compared run, whose name may have its profile behind it."""
        return next((arm for arm in self.group.arms if run == arm or run.startswith(f"{arm} (")), run)

    def differences(self) -> Iterator[tuple[str, Column, Difference]]:
        """Every tested difference, by the name of its run, without second measures of a benchmark."""
        for row, column, found in self.comparison.differences() if self.comparison else ():
            if not column.beside:
                yield row.name, column, found

    def in_the_paper(self) -> dict[tuple[str, Column], float]:
        """(run, column) -> the difference of the two methods in the paper's table, where `compare.paper` names one."""
        if self.comparison is None or self.comparison.config.paper is None:
            return {}
        told = paper_rows(self.comparison.config.paper)
        methods = {arm: cells[0].recipe.objective.method for arm, cells in self.group.arms.items()}
        base = told.get(methods[self.group.baseline], {})
        found = {}
        for run, column, _ in self.differences():
            own = told.get(methods.get(self.arm_of(run), ""), {})
            if own is not base and column in own and column in base:
                found[run, column] = own[column] - base[column]
        return found


@dataclass(frozen=True)
class StudyFindings:
    """All that a page of the study says."""

    planned: Planned
    cells: tuple[CellFacts, ...]
    groups: tuple[GroupFindings, ...]


def find(planned: Planned) -> StudyFindings:
    """Reads what is there of a study, finished or not. Raises: UserError naming a wrong option of `compare`."""
    cells = facts_of(planned)
    known = {facts.cell.name: facts for facts in cells}
    groups = groups_of(planned.study, planned.cells)
    return StudyFindings(planned, tuple(cells), tuple(_findings(planned, group, known) for group in groups))


def _findings(planned: Planned, group: CellGroup, known: Mapping[str, CellFacts]) -> GroupFindings:
    used, remarks = _used(group, known)
    if not planned.study.compare:
        return GroupFindings(group, used, None, (*remarks, "The study's file asks for no comparison."))
    if group.baseline not in used:
        return GroupFindings(group, used, None, (*remarks, f"The baseline {group.baseline} has no results yet."))
    if len(used) == 1:
        return GroupFindings(group, used, None, (*remarks, f"Only {group.baseline} has results."))
    try:
        return GroupFindings(group, used, _compared(planned, group, used), tuple(remarks))
    except UserError as error:
        return GroupFindings(group, used, None, (*remarks, str(error)))


def _compared(planned: Planned, group: CellGroup, used: Mapping[str, Sequence[CellFacts]]) -> Comparison:
    """What `deepsuper compare` finds of these cells. Raises: UserError as it does."""
    study = planned.study
    runs = tuple(run_of(study, arm, [facts.cell for facts in own]) for arm, own in used.items())
    options = {name: value for name, value in study.compare.items() if name in OPTIONS}
    config = CompareConfig(runs, baseline=group.baseline, **options)
    check_compare(config)
    return compare(groups_of_runs(find_runs(runs), group.baseline), config)


def _used(group: CellGroup, known: Mapping[str, CellFacts]) -> tuple[dict[str, tuple[CellFacts, ...]], list[str]]:
    """The cells of each arm that are compared, and what is left out, in words.

    All that have results; but as long as some lack them, only the seeds that all arms with results have: seeds are
    paired in order.
    """
    every = [known[cell.name] for own in group.arms.values() for cell in own]
    there = {arm: tuple(f for cell in own if (f := known[cell.name]).runs) for arm, own in group.arms.items()}
    there = {arm: own for arm, own in there.items() if own}
    remarks = [f"{facts.cell.name}: {facts.trouble}" for facts in every if facts.trouble]
    remarks += [f"{arm} has no results yet." for arm in group.arms if arm not in there and arm != group.baseline]
    if all(facts.runs for facts in every) or not there:
        return there, remarks
    seeds = set.intersection(*({_seed(facts) for facts in own} for own in there.values()))
    used = {arm: tuple(facts for facts in own if _seed(facts) in seeds) for arm, own in there.items()}
    left = [facts.cell.name for arm, own in there.items() for facts in own if facts not in used[arm]]
    if left:
        remarks.append(f"Not compared, since another arm has no results of that seed yet: {', '.join(left)}.")
    return {arm: own for arm, own in used.items() if own}, remarks


def _seed(facts: CellFacts) -> str:
    return str(facts.cell.values.get(SEED))
