"""The cells of a study's grid, each with the recipe that it trains."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from deepsuper.common.errors import UserError, did_you_mean
from deepsuper.config import RunConfig
from deepsuper.config.study import AxisValues, StudyConfig

ParseRecipe = Callable[[Sequence[str]], RunConfig]
"""Reads `RECIPE.yaml --name value ...` as `deepsuper train` does."""
OPTION_OF = {"model": "model.name", "method": "objective.method", "seed": "training.seed"}
"""The axes that set an option of another name."""
SEED = "seed"
UNSAFE = re.compile(r"[^\w.+-]+")


@dataclass(frozen=True)
class StudyCell:
    """One run of a study."""

    name: str
    """Its values, joined by dots; the name of its folder."""
    values: Mapping[str, Any]
    """Axis -> value."""
    recipe: RunConfig


def cells_of(study: StudyConfig, file: Path, parse: ParseRecipe) -> list[StudyCell]:
    """The cells in the order of the axes. `file`: the study's. Raises: UserError naming the entry at fault."""
    check_entries(study)
    recipe = file.parent / study.recipe
    if not recipe.is_file():
        raise UserError(f"recipe: no such file {study.recipe!r} (from {file.parent.resolve()})")
    cells = []
    for values in grid(study):
        name = ".".join(word(axis, value) for axis, value in values.items())
        try:
            config = parse([str(recipe), *_arguments(study, values, name)])
        except UserError as error:
            raise UserError(f"cell {name}: {error}") from error
        cells.append(StudyCell(name, values, config))
    if not cells:
        raise UserError("leave_out: leaves no cell of the grid")
    _check_names(cells)
    return cells


def check_entries(study: StudyConfig) -> None:
    """Raises: UserError where an axis has no value, or an entry names an axis or a value that the study lacks."""
    if not study.axes:
        raise UserError("axes: need at least one, such as seed: [1, 2, 3]")
    for axis, values in study.axes.items():
        if not isinstance(values, list | dict) or not values or None in values:
            raise UserError(f"axes.{axis}: need a list of values, or a mapping of names to options, got {values!r}")
        if isinstance(values, dict) and not all(isinstance(options, dict) for options in values.values()):
            raise UserError(
                f"axes.{axis}: need options by name below each value, such as tft: {{objective.method: tft}}"
            )
    if study.sweep and not sum(map(is_number, study.axes.get(study.sweep, ()))) > 1:
        numbered = [axis for axis, values in study.axes.items() if sum(map(is_number, values)) > 1]
        raise UserError(f"sweep: need an axis with several numbers ({', '.join(numbered)}), got {study.sweep!r}")
    if study.sweep and study.sweep not in (study.compare.get("baseline") or {}):
        raise UserError(f"sweep: need compare.baseline to name a value of {study.sweep!r} too, such as none")
    entries = [(f"leave_out[{n}]", entry) for n, entry in enumerate(study.leave_out)]
    entries += [(f"overrides[{n}].where", override.where) for n, override in enumerate(study.overrides)]
    entries.append(("compare.baseline", study.compare.get("baseline") or {}))
    for option, entry in entries:
        if not isinstance(entry, dict):
            raise UserError(f"{option}: need values by axis, such as {{method: tft}}, got {entry!r}")
        for axis, value in entry.items():
            if axis not in study.axes:
                raise UserError(f"{option}: no axis {axis!r}{did_you_mean(str(axis), study.axes)}")
            for one in value if isinstance(value, list) else [value]:
                if one not in study.axes[axis]:
                    known = ", ".join(map(str, study.axes[axis]))
                    raise UserError(f"{option}.{axis}: need one of {known}, got {one!r}")


def is_number(value: Any) -> bool:
    """Whether a value of an axis has a place on a line of numbers."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def grid(study: StudyConfig) -> Iterator[AxisValues]:
    """The values of each cell, without those that are left out."""
    for values in product(*study.axes.values()):
        cell = dict(zip(study.axes, values, strict=True))
        if not any(matches(cell, entry) for entry in study.leave_out):
            yield cell


def matches(cell: Mapping[str, Any], entry: Mapping[str, Any]) -> bool:
    """Whether a cell has the values of an entry, of which a list names several."""
    return all(cell[axis] in (value if isinstance(value, list) else [value]) for axis, value in entry.items())


def filled(value: Any, cell: Mapping[str, Any]) -> Any:
    """The value with {axis} replaced by the cell's, in every text."""
    if isinstance(value, dict):
        return {key: filled(inner, cell) for key, inner in value.items()}
    if isinstance(value, list):
        return [filled(inner, cell) for inner in value]
    if isinstance(value, str):
        for axis, own in cell.items():
            value = value.replace(f"{{{axis}}}", str(own))
    return value


def _arguments(study: StudyConfig, cell: AxisValues, name: str) -> list[str]:
    """The options that a cell changes in the recipe: those of all, then of its values, then of the overrides."""
    options = dict(study.options)
    for axis, value in cell.items():
        own = study.axes[axis]
        if isinstance(own, dict):
            options |= own[value]
        elif axis in OPTION_OF or "." in axis:
            options[OPTION_OF.get(axis, axis)] = value
    for override in study.overrides:
        if matches(cell, override.where):
            options |= override.options
    options["output_dir"] = str(Path(study.output_dir) / "cells" / name)
    return [f"--{option}={_spelled(filled(value, cell))}" for option, value in options.items()]


def _spelled(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def word(axis: str, value: Any) -> str:
    """A value as a part of a file name; a number has its axis before it."""
    text = UNSAFE.sub("-", str(value)).strip("-") or "none"
    return text if isinstance(value, str) else f"{axis.rpartition('.')[2]}{text}"


def _check_names(cells: Sequence[StudyCell]) -> None:
    """Raises: UserError where two cells would write into one folder, or an axis without options changes nothing."""
    seen: dict[str, StudyCell] = {}
    for cell in cells:
        other = seen.setdefault(cell.name.casefold(), cell)
        if other is not cell:
            raise UserError(f"axes: cells {dict(other.values)} and {dict(cell.values)} share the folder {cell.name!r}")
    recipes: dict[str, StudyCell] = {}
    for cell in cells:
        text = repr({**vars(cell.recipe), "output_dir": ""})
        other = recipes.setdefault(text, cell)
        if other is not cell:
            axis = next(axis for axis in cell.values if cell.values[axis] != other.values[axis])
            raise UserError(
                f"axes.{axis}: {other.values[axis]!r} and {cell.values[axis]!r} give the same run: use {{{axis}}} in "
                "options, or give its values options of their own"
            )
