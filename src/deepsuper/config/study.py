"""The options of a study: the YAML file that `deepsuper study` reads."""

from dataclasses import dataclass, field
from typing import Any

AxisValues = dict[str, Any]
"""Axis -> its value in one cell of the grid."""


@dataclass(frozen=True)
class OverrideConfig:
    """Options of the cells that have certain values."""

    where: AxisValues
    """The values of axes that a cell must have, such as {method: dft-feature}; several values stand in a list."""
    options: dict[str, Any]
    """Options of `deepsuper train` by their dotted names. {axis} in a text stands for the value of the cell."""


@dataclass(frozen=True)
class StudyConfig:
    """A grid of runs, how each is evaluated, and what is compared with what."""

    recipe: str
    """The recipe that every cell starts from; a path relative to the study's file."""
    axes: dict[str, Any]
    """Axis -> its values. `model`, `method` and `seed` set model.name, objective.method and training.seed; a dotted
    name sets that option; any other name can be used as {name} in `options`. Values with options of their own are
    written as a mapping, value -> options."""
    question: str = ""
    """What the study asks, in one sentence."""
    options: dict[str, Any] = field(default_factory=dict)
    """Options of all cells."""
    leave_out: list[AxisValues] = field(default_factory=list)
    """Cells that are not run: each entry names values of some axes, several in a list."""
    overrides: list[OverrideConfig] = field(default_factory=list)
    """Options of some cells, which replace those of `options` and of the axes."""
    evaluate: dict[str, Any] = field(default_factory=dict)
    """Options of `deepsuper eval`, such as benchmarks, langs, data_dir and limit; empty: no evaluation."""
    compare: dict[str, Any] = field(default_factory=dict)
    """`baseline`: the values of the cells to compare with, such as {method: tft}; the rest are options of `deepsuper
    compare`. Empty: no comparison."""
    align: dict[str, Any] = field(default_factory=dict)
    """Options of `deepsuper align`, such as sentences and layer, to measure every cell and its base model: retrieval of
    translations and the loss of English. `langs` names the languages; empty: not measured."""
    layers: dict[str, Any] = field(default_factory=dict)
    """Options of `deepsuper layers` for every base model, such as {langs: zh}; empty: not measured."""
    sweep: str = ""
    """An axis with numbers, such as the layer of a term: the page draws the mean score over it, a line for each other
    arm and the baseline dashed, with the entropy that `layers` has measured; empty: no such picture."""
    threads: int = 1
    """The number of cores of one training or evaluation."""
    resources: dict[str, Any] = field(default_factory=dict)
    """Snakemake's resources of one training or evaluation, such as {mem_mb: 8000}; see docs/studies.md for clusters."""
    launcher: str = ""
    """What starts a training in place of `deepsuper train`, such as `accelerate launch --num_processes 8 -m deepsuper
    train`; empty: this Python."""
    name: str = ""
    """The folder of its evaluations and comparisons in output_dir; empty: the name of the file. Studies with one
    output_dir share their trainings."""
    output_dir: str = "runs/study"
    """The folder to write."""
