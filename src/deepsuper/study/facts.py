"""What is known of each cell: its states, its scores, the losses and doses of its training."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepsuper.common.errors import UserError
from deepsuper.evaluation.compare.pairing import Run
from deepsuper.evaluation.compare.runs import find_runs
from deepsuper.evaluation.measures import title_of
from deepsuper.study.cells import StudyCell
from deepsuper.study.jobs import align_folders, eval_folder, kinds_of
from deepsuper.study.run import Planned
from deepsuper.study.state import State
from deepsuper.training.run_folder import RunFolder

DOSES = ("ratio_", "weight_")
"""What the names of a logged dose begin with: a term's share of the task's gradient, and its weight."""
RETRIEVAL, ENGLISH_LOSS = "retrieval", "English loss"
"""The columns of what `deepsuper align` measures."""
LOSS, TASK = "loss_", "_tft"
"""How the names of losses begin, and how that of the task ends: of several streams each has its name between."""


@dataclass(frozen=True)
class CellFacts:
    """One cell. `states`: of each of its jobs; `runs`: its results, one for each profile; `records`: of its
    metrics.jsonl; `aligned`: its align.json of each language; `trouble`: why its results cannot be read.
    """

    cell: StudyCell
    states: Mapping[str, State]
    runs: tuple[Run, ...]
    records: tuple[Mapping[str, Any], ...]
    manifest: Mapping[str, Any]
    aligned: tuple[Mapping[str, Any], ...] = ()
    trouble: str = ""

    @property
    def minutes(self) -> float | None:
        """The time of its training."""
        seconds = self._trained("seconds")
        return None if seconds is None else seconds / 60

    @property
    def peak_mib(self) -> float | None:
        """The largest resident memory of its training; not that of a GPU."""
        return self._trained("peak_mib")

    @property
    def steps(self) -> int | None:
        """The number of its last logged step."""
        return max((int(record["step"]) for record in self.records), default=None)

    @property
    def losses(self) -> dict[str, list[tuple[int, float]]]:
        """loss_TERM -> the step and the value of each record."""
        found: dict[str, list[tuple[int, float]]] = {}
        for record in self.records:
            for name, value in record.items():
                if name.startswith(LOSS) and isinstance(value, int | float):
                    found.setdefault(name, []).append((int(record["step"]), float(value)))
        return found

    @property
    def doses(self) -> dict[str, float]:
        """The last logged ratio and weight of each term, by ratio_TERM and weight_TERM."""
        return {n: float(v) for record in self.records for n, v in record.items() if n.startswith(DOSES)}

    @property
    def lacks_dose(self) -> bool:
        """Whether terms beside the task were trained, and no ratio of them was logged."""
        auxiliary = any(not name.endswith(TASK) for name in self.losses)
        return auxiliary and not any(name.startswith(DOSES[0]) for name in self.doses)

    @property
    def inside(self) -> dict[str, tuple[float, float]]:
        """Retrieval of translations and the loss of English: of the base model and of the cell, mean over languages.

        Retrieval is that of centred states, in both directions, at the layer of `align.layer`.
        """
        if not self.aligned:
            return {}
        layers = {record["models"][0]["tsne"]["layer"] for record in self.aligned}
        return {
            f"{RETRIEVAL}, layer {', '.join(map(str, sorted(layers)))}": self._before_after(_retrieval),
            ENGLISH_LOSS: self._before_after(lambda model: model["english loss"]),
        }

    def _before_after(self, value: Callable[[Mapping[str, Any]], float]) -> tuple[float, float]:
        base, tuned = ([value(record["models"][n]) for record in self.aligned] for n in (0, 1))
        return sum(base) / len(base), sum(tuned) / len(tuned)

    def scores(self) -> dict[str, float]:
        """The mean over languages of each benchmark, by its title."""
        values: dict[str, list[float]] = {}
        for run, benchmark, score in self._scores():
            profile = f", {run.profile}" if len(self.runs) > 1 else ""
            title = f"{benchmark} ({title_of(benchmark, score['metric'])}{profile})"
            values.setdefault(title, []).append(score["mean"])
        return {title: sum(own) / len(own) for title, own in values.items()}

    def answers(self, part: str) -> float | None:
        """The mean over its scores of the share `in_language`, or of the `empty` answers; None where none has it."""
        found = [score[part]["mean"] for _, _, score in self._scores() if score.get(part) is not None]
        return sum(found) / len(found) if found else None

    def _scores(self) -> Iterator[tuple[Run, str, Mapping[str, Any]]]:
        for run in self.runs:
            for key, score in run.scores.items():
                yield run, key.partition("/")[0], score

    def _trained(self, name: str) -> float | None:
        marker = self.states["train"].marker
        return None if marker is None or name not in marker else float(marker[name])


def _retrieval(model: Mapping[str, Any]) -> float:
    """The share of sentences whose translation is the nearest, of a model in align.json."""
    layer = model["layers"][model["tsne"]["layer"]]
    return float(sum(layer[f"centered retrieval {way}"]["mean"] for way in ("en-tgt", "tgt-en")) / 2)


def facts_of(planned: Planned) -> list[CellFacts]:
    """What is known of each cell of a study, finished or not. A result is read where its job has a marker."""
    return [_facts(planned, cell) for cell in planned.cells]


def _facts(planned: Planned, cell: StudyCell) -> CellFacts:
    states = {kind: planned.states[f"{kind}/{cell.name}"] for kind in kinds_of(planned.study)}
    runs: Sequence[Run] = ()
    trouble = ""
    if "eval" in states and states["eval"].status != "missing":
        try:
            runs = find_runs([str(eval_folder(planned.study, cell))])
        except UserError as error:
            trouble = str(error)
    folder = RunFolder(Path(cell.recipe.output_dir))
    measured = "align" in states and states["align"].status != "missing"
    aligned = (
        [read_object(place / "align.json") for place in align_folders(planned.study, cell).values()] if measured else []
    )
    records = tuple(_records(folder))
    return CellFacts(
        cell, states, tuple(runs), records, read_object(folder.manifest), tuple(filter(None, aligned)), trouble
    )


def _records(folder: RunFolder) -> Iterator[Mapping[str, Any]]:
    """The records of a run that may still be writing them."""
    try:
        yield from (record for record in folder.read_metrics() if "step" in record)
    except (OSError, ValueError):
        return


def read_object(file: Path) -> dict[str, Any]:
    """A JSON object; empty where it is not there."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
