"""`deepsuper study`: shows what a study has and lacks, and lets Snakemake run the rest."""

import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import yaml

from deepsuper.common.errors import UserError
from deepsuper.common.files import alone_in, write_json, write_text
from deepsuper.common.options import need_packages
from deepsuper.common.outputs import check_folder
from deepsuper.config.study import StudyConfig
from deepsuper.study.cells import ParseRecipe, StudyCell, cells_of
from deepsuper.study.jobs import DEEPSUPER, StudyJob, jobs_of, recipe_file, study_file
from deepsuper.study.state import State, state_of
from deepsuper.training.check import check
from deepsuper.training.resolve import resolve
from deepsuper.training.run_folder import dump

log = logging.getLogger("deepsuper")
SNAKEFILE = Path(__file__).parent / "workflow" / "Snakefile"
ARGUMENTS = ("--keep-going", "--rerun-triggers", "mtime", "--ignore-incomplete", "--nolock", "--quiet", "rules", "host")
"""Of Snakemake. Its lock is replaced by one that a killed run does not leave behind; its other triggers know nothing of
recipes, whose changes are in the markers. A marker that is there is whole: a job that was killed right after writing it
is done, though Snakemake has not noted that yet."""


ENTRIES = {"eval": "evaluate", "align": "align", "layers": "layers", "compare": "compare"}
"""The entry of a study that has the options of a kind of job."""


class StudyFailed(UserError):
    """Some jobs of a study failed; the others were run."""

    exit_status = 1


@dataclass(frozen=True)
class Planned:
    """A study with its cells, its jobs and their states, by the name of a job."""

    study: StudyConfig
    cells: tuple[StudyCell, ...]
    jobs: tuple[StudyJob, ...]
    states: dict[str, State]

    def named(self, status: str) -> list[StudyJob]:
        """The jobs in a state."""
        return [job for job in self.jobs if self.states[job.name].status == status]


def plan_study(
    study: StudyConfig,
    file: Path,
    parse: ParseRecipe,
    check_line: Callable[[Sequence[str]], object],
    *,
    ready: bool = True,
) -> Planned:
    """The jobs of a study and their states. `check_line`: refuses a wrong line of a command. `ready` false: models
    and files need not be there, and layers are not compared with the depth of a model.

    Raises: UserError naming the entry of the study, or the cell and its option, at fault, before anything is run.
    """
    study = replace(study, name=study.name or file.stem)
    cells = cells_of(study, file, parse)
    study = replace(study, recipe=str((file.parent / study.recipe).absolute()))
    for cell in cells:
        try:
            if ready:
                resolve(cell.recipe)
            else:
                check(cell.recipe, files=False)
        except UserError as error:
            raise UserError(f"cell {cell.name}: {error}") from error
    jobs = jobs_of(study, cells)
    checked = set()
    for job in jobs:
        if job.kind in ENTRIES and job.kind not in checked:
            checked.add(job.kind)
            try:
                check_line(job.commands[0][len(DEEPSUPER) :])
            except UserError as error:
                raise UserError(f"{ENTRIES[job.kind]}: {error}") from error
    return Planned(study, tuple(cells), tuple(jobs), {job.name: state_of(job) for job in jobs})


def run_study(planned: Planned, *, cores: int, profile: str | None, dry_run: bool, rerun_stale: bool) -> None:
    """Runs what is missing. Raises: UserError before anything starts; StudyFailed naming the jobs that failed."""
    need_packages("study", "snakemake")
    folder = Path(planned.study.output_dir)
    check_folder("output_dir", folder)
    stale, wanted = planned.named("stale"), planned.named("missing")
    if stale and not rerun_stale:
        job = stale[0]
        log.warning(
            "%d jobs are stale and stay as they are: %s was done with another %s (--rerun_stale runs them again)",
            len(stale),
            job.name,
            ", ".join(planned.states[job.name].changed),
        )
    wanted += stale if rerun_stale else []
    if not wanted:
        log.info("%s: all %d jobs are done", folder, len(planned.jobs))
        return
    with alone_in(folder, "output_dir"):
        if rerun_stale and not dry_run:
            _forget(stale)
        plan = write_plan(planned, folder)
        env = {"PYTHONUNBUFFERED": "1", **os.environ}
        if profile is not None:
            env["STUDY_PROFILE"] = str(Path(profile).absolute())  # for a profile with scripts beside its config.yaml
        status = subprocess.run(_snakemake(plan, folder, cores, profile, dry_run), env=env).returncode
    failed = [] if dry_run else [job for job in planned.jobs if not job.marker.is_file()]
    if failed or status:
        names = ", ".join(job.name for job in failed[:3]) or "the engine"
        raise StudyFailed(
            f"{len(failed)} of {len(planned.jobs)} jobs are not done, such as {names}: see {folder / 'logs'}"
        )
    if not dry_run:
        log.info("%s: all %d jobs are done", folder, len(planned.jobs))


def write_plan(planned: Planned, folder: Path) -> Path:
    """Writes the recipe of each cell, the study as a file of its own, and plan.json with the jobs for the engine."""
    for cell in planned.cells:
        file = recipe_file(planned.study, cell)
        file.parent.mkdir(parents=True, exist_ok=True)
        write_text(file, dump(cell.recipe))
    for place in (folder / "compare" / planned.study.name, folder / "logs"):
        place.mkdir(parents=True, exist_ok=True)
    write_text(study_file(planned.study), yaml.safe_dump(asdict(planned.study), sort_keys=False, allow_unicode=True))
    plan = folder.absolute() / f"plan-{planned.study.name}.json"
    jobs = {
        job.name: {
            "kind": job.kind,
            "marker": str(job.marker),
            "needs": [str(marker) for marker in job.needs],
            "commands": job.commands,
            "inputs": job.inputs,
            "threads": job.threads,
            "resources": dict(job.resources),
            "log": str(folder.absolute() / "logs" / f"{job.name}.log"),
        }
        for job in planned.jobs
    }
    write_json(plan, {"cwd": str(Path.cwd()), "python": sys.executable, "jobs": jobs})
    return plan


def _forget(stale: Sequence[StudyJob]) -> None:
    """Removes the markers of stale jobs, and the results that would otherwise be kept."""
    for job in stale:
        job.marker.unlink(missing_ok=True)
        if job.result is not None:
            shutil.rmtree(job.result, ignore_errors=True)


def _snakemake(plan: Path, folder: Path, cores: int, profile: str | None, dry_run: bool) -> list[str]:
    where = ["--cores", str(cores)] if profile is None else ["--profile", profile]
    line = [sys.executable, "-m", "snakemake", "--snakefile", str(SNAKEFILE), "--config", f"plan={plan}"]
    line += ["--directory", str(folder), *ARGUMENTS, *where]
    return [*line, *(["--dry-run"] if dry_run else [])]
