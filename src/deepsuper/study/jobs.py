"""The jobs of a study: what each runs, what it needs, and the marker that says it is done."""

import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from deepsuper.common.errors import UserError
from deepsuper.common.files import sha256
from deepsuper.common.manifests import versions
from deepsuper.config.study import StudyConfig
from deepsuper.data.packaged import rows_path
from deepsuper.study.cells import StudyCell, filled, word
from deepsuper.study.groups import groups_of

DEEPSUPER = (sys.executable, "-m", "deepsuper")
FORMATS = ("html", "md", "csv")
"""The files that a comparison is written to."""


@dataclass(frozen=True)
class StudyJob:
    """One step of a study. It is done when its marker is there, which is written after its commands have ended."""

    name: str
    """KIND/CELL; for a comparison KIND/GROUP; report/all."""
    marker: Path
    commands: tuple[tuple[str, ...], ...]
    needs: tuple[Path, ...] = ()
    """The markers of the jobs before it."""
    inputs: Mapping[str, Any] = field(default_factory=dict)
    """What its result depends on, kept in the marker: a job with other inputs than its marker's is stale."""
    threads: int = 1
    resources: Mapping[str, Any] = field(default_factory=dict)
    result: Path | None = None
    """The folder that it goes on with when it is run again, so that a stale job needs it removed."""

    @property
    def kind(self) -> str:
        """layers, lens, train, eval, align, compare or report."""
        return self.name.partition("/")[0]


def jobs_of(study: StudyConfig, cells: Sequence[StudyCell]) -> list[StudyJob]:
    """Every job, each after those that it needs. Raises: UserError where a table of `compare` has no baseline."""
    lenses = {cell.recipe.model.name: _lens(study, cell) for cell in cells if _reads_tuned_lens(cell)}
    trains = {cell.name: _train(study, cell, lenses) for cell in cells}
    evals = {cell.name: _eval(study, cell, trains[cell.name]) for cell in cells} if study.evaluate else {}
    aligns = [_align(study, cell, trains[cell.name]) for cell in cells] if study.align else []
    compares = list(_compares(study, cells, evals)) if study.compare and study.evaluate else []
    layers = list(_layers(study, cells)) if study.layers else []
    jobs = [*layers, *lenses.values(), *trains.values(), *evals.values(), *aligns, *compares]
    return [*jobs, _report(study, jobs)] if study.evaluate or study.align or study.layers else jobs


def kinds_of(study: StudyConfig) -> list[str]:
    """The kinds of job that every cell has."""
    return ["train", *(["eval"] if study.evaluate else []), *(["align"] if study.align else [])]


def recipe_file(study: StudyConfig, cell: StudyCell) -> Path:
    """The file with the whole recipe of a cell."""
    return _folder(study, "recipes") / f"{cell.name}.yaml"


def study_file(study: StudyConfig) -> Path:
    """The file with the whole study, as the command line has changed it."""
    return Path(study.output_dir).absolute() / f"study-{study.name}.yaml"


def eval_folder(study: StudyConfig, cell: StudyCell) -> Path:
    """The folder of a cell's evaluation."""
    return _folder(study, "eval") / study.name / cell.name


def align_folders(study: StudyConfig, cell: StudyCell) -> dict[str, Path]:
    """The folder of a cell's measurement of alignment in each language of `align.langs`."""
    folder = _folder(study, "align") / study.name / cell.name
    return {language: folder / language for language in _languages("align", filled(study.align, cell.values))}


def layers_folders(study: StudyConfig, cell: StudyCell) -> dict[str, Path]:
    """The folder of the layers of a cell's base model in each language of `layers.langs`."""
    folder = _folder(study, "layers") / study.name / word("model", cell.recipe.model.name)
    return {language: folder / language for language in _languages("layers", study.layers)} if study.layers else {}


def _languages(entry: str, options: Mapping[str, Any]) -> list[str]:
    """Its languages, a list or with commas. Raises: UserError where none is named."""
    given = options.get("langs")
    names = given if isinstance(given, list) else str(given or "").split(",")
    if not all(names):
        raise UserError(f"{entry}.langs: need languages, such as [vi, zh], got {given!r}")
    return [str(name).strip() for name in names]


def run_of(study: StudyConfig, arm: str, cells: Sequence[StudyCell]) -> str:
    """The evaluations of an arm's cells as `deepsuper compare` takes them: NAME=FOLDER,FOLDER."""
    return f"{arm}={','.join(str(eval_folder(study, cell)) for cell in cells)}"


def _folder(study: StudyConfig, name: str) -> Path:
    return Path(study.output_dir).absolute() / name


def _marker(study: StudyConfig, kind: str, name: str) -> Path:
    """Trainings and lenses belong to the folder; the rest to the study, since others may share the folder."""
    return _folder(study, "done") / (kind if kind in ("train", "lens") else f"{kind}/{study.name}") / f"{name}.json"


def _reads_tuned_lens(cell: StudyCell) -> bool:
    return any(stream.objective.lens == "tuned" for stream in cell.recipe.all_streams.values())


def _lens(study: StudyConfig, cell: StudyCell) -> StudyJob:
    """The tuned lens of a cell's base model, which all its cells read."""
    model = cell.recipe.model
    line = (*DEEPSUPER, "layers", model.name, "--fit_lens", *_options(_revision(cell)))
    name = word("model", model.name)
    return StudyJob(
        f"lens/{name}",
        _marker(study, "lens", name),
        (line,),
        inputs={"model": asdict(model)},
        threads=study.threads,
        resources=study.resources,
    )


def _train(study: StudyConfig, cell: StudyCell, lenses: Mapping[str, StudyJob]) -> StudyJob:
    start = tuple(shlex.split(study.launcher)) or (*DEEPSUPER, "train")
    inputs = {
        "recipe": {**asdict(cell.recipe), "output_dir": ""},
        "files": {path: _hash(str(rows_path(path, option))) for option, path in cell.recipe.files()},
        "versions": versions(("deepsuper",)),
    }
    return StudyJob(
        f"train/{cell.name}",
        _marker(study, "train", cell.name),
        ((*start, str(recipe_file(study, cell)), "--resume", "auto"),),
        needs=(lenses[cell.recipe.model.name].marker,) if _reads_tuned_lens(cell) else (),
        inputs=inputs,
        threads=study.threads,
        resources=study.resources,
        result=Path(cell.recipe.output_dir),
    )


@cache
def _hash(path: str) -> str | None:
    """The hash of a file, which many cells share; None where it is missing."""
    return sha256(Path(path)) if Path(path).is_file() else None


def _eval(study: StudyConfig, cell: StudyCell, train: StudyJob) -> StudyJob:
    options = filled(study.evaluate, cell.values)
    folder = eval_folder(study, cell)
    line = (*DEEPSUPER, "eval", cell.recipe.output_dir, *_options(options), "--output_dir", str(folder))
    marker = _marker(study, "eval", cell.name)
    inputs = {"options": options, "train": train.inputs}
    return StudyJob(
        f"eval/{cell.name}", marker, (line,), (train.marker,), inputs, study.threads, study.resources, folder
    )


def _align(study: StudyConfig, cell: StudyCell, train: StudyJob) -> StudyJob:
    """The cell beside its base model, once for each language."""
    options = {name: value for name, value in filled(study.align, cell.values).items() if name != "langs"}
    folders = align_folders(study, cell)
    lines = _by_language(("align", cell.recipe.model.name, cell.recipe.output_dir), cell, options, folders)
    inputs = {"options": options, "languages": list(folders), "train": train.inputs}
    marker = _marker(study, "align", cell.name)
    return StudyJob(f"align/{cell.name}", marker, lines, (train.marker,), inputs, study.threads, study.resources)


def _layers(study: StudyConfig, cells: Sequence[StudyCell]) -> Iterator[StudyJob]:
    """The layers of each base model, once for each language."""
    options = {name: value for name, value in study.layers.items() if name != "langs"}
    models = {word("model", cell.recipe.model.name): cell for cell in cells}
    for name, cell in models.items():
        folders = layers_folders(study, cell)
        lines = _by_language(("layers", cell.recipe.model.name), cell, options, folders)
        inputs = {"options": options, "languages": list(folders), "model": asdict(cell.recipe.model)}
        marker = _marker(study, "layers", name)
        yield StudyJob(f"layers/{name}", marker, lines, inputs=inputs, threads=study.threads, resources=study.resources)


def _revision(cell: StudyCell) -> dict[str, str]:
    """The option that names the revision of a cell's base model, if it has one."""
    revision = cell.recipe.model.revision
    return {} if revision is None else {"revision": revision}


def _by_language(
    start: tuple[str, ...], cell: StudyCell, options: Mapping[str, Any], folders: Mapping[str, Path]
) -> tuple[tuple[str, ...], ...]:
    """A line of a command that looks inside a model for each language."""
    options = {**_revision(cell), **options}
    return tuple(
        (*DEEPSUPER, *start, f"--lang={language}", *_options(options), "--output_dir", str(folder))
        for language, folder in folders.items()
    )


def _compares(study: StudyConfig, cells: Sequence[StudyCell], evals: Mapping[str, StudyJob]) -> Iterator[StudyJob]:
    """A table for each group of cells that differ in seed and in the axes of the baseline alone."""
    options = {name: value for name, value in study.compare.items() if name != "baseline"}
    for group in groups_of(study, cells):
        runs = [run_of(study, arm, own) for arm, own in group.arms.items()]
        base = (*DEEPSUPER, "compare", *runs, "--baseline", group.baseline, *_options(options))
        out = _folder(study, "compare") / study.name / group.name.replace("/", "-")
        commands = [(*base, "--format", kind, "--output", f"{out}.{kind}") for kind in FORMATS]
        commands[0] = (*commands[0], "--picture", f"{out}.png")
        needs = tuple(evals[cell.name].marker for own in group.arms.values() for cell in own)
        yield StudyJob(
            f"compare/{out.name}", _marker(study, "compare", out.name), tuple(commands), needs, {"options": base}
        )


def _report(study: StudyConfig, before: Sequence[StudyJob]) -> StudyJob:
    """The page of the study, after all other jobs."""
    line = (*DEEPSUPER, "study", "report", str(study_file(study)))
    inputs = {"question": study.question, "jobs": [job.name for job in before]}
    needs = tuple(job.marker for job in before)
    return StudyJob("report/all", _marker(study, "report", "all"), (line,), needs, inputs)


def _options(options: Mapping[str, Any]) -> list[str]:
    """Options of a command, as its line spells them; a list is written with commas."""
    spelled = {name: ",".join(map(str, value)) if isinstance(value, list) else value for name, value in options.items()}
    return [
        f"--{name}" if value is True else f"--{name}={value}" for name, value in spelled.items() if value is not False
    ]
