"""The groups of a study: cells that differ in their arm and seed alone, and are compared with each other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from deepsuper.common.errors import UserError
from deepsuper.config.study import StudyConfig
from deepsuper.study.cells import SEED, StudyCell


@dataclass(frozen=True)
class CellGroup:
    """Cells by their arm, which are the values of the axes of the baseline. The cells of one arm are its seeds."""

    name: str
    arms: Mapping[str, tuple[StudyCell, ...]]
    baseline: str
    """The name of an arm."""
    axes: tuple[str, ...]
    """The axes whose values name an arm."""


def groups_of(study: StudyConfig, cells: Sequence[StudyCell]) -> list[CellGroup]:
    """A group for each combination of the other axes. Raises: UserError where one has no cell of the baseline.

    Without `compare.baseline` the arms are the values of all axes but the seed, and the first is the baseline.
    """
    baseline: dict[str, Any] = study.compare.get("baseline") or {}
    arms = list(baseline) or [axis for axis in study.axes if axis != SEED]
    rest = [axis for axis in study.axes if axis not in arms and axis != SEED]
    found = []
    for values, group in groupby(sorted(cells, key=lambda c: _key(c, rest)), key=lambda c: _key(c, rest)):
        of_arm: dict[str, tuple[StudyCell, ...]] = {}
        for cell in group:
            arm = ".".join(_key(cell, arms)) or "all"
            of_arm[arm] = (*of_arm.get(arm, ()), cell)
        first = ".".join(str(baseline[axis]) for axis in arms) if baseline else next(iter(of_arm))
        name = ".".join(values) or "all"
        if first not in of_arm:
            raise UserError(f"compare.baseline: the cells of {name} have none with {baseline}: see leave_out")
        found.append(CellGroup(name, of_arm, first, tuple(arms)))
    return found


def _key(cell: StudyCell, axes: Sequence[str]) -> tuple[str, ...]:
    return tuple(str(cell.values[axis]) for axis in axes)
