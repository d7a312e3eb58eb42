"""`deepsuper study report`: one page of a study, finished or not, and its table of cells as CSV beside it."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from deepsuper.common.errors import UserError
from deepsuper.common.files import write_text
from deepsuper.common.outputs import check_file
from deepsuper.common.pages import render_page
from deepsuper.evaluation.compare.grids import grids, notes
from deepsuper.study import sentences
from deepsuper.study.answers import CHARACTERS, ItemAnswers, answers_of
from deepsuper.study.charts import curves, forest
from deepsuper.study.findings import GroupFindings, StudyFindings, find
from deepsuper.study.jobs import DEEPSUPER
from deepsuper.study.run import Planned
from deepsuper.study.sweep import sweep_svg, sweeps_of, write_sweep
from deepsuper.study.table import KINDS, STATES, as_csv, as_shown, columns_of

WORDS = ("cell", *KINDS)
"""The columns of the table of cells that are no numbers."""


def write_page(planned: Planned, output: str | None) -> Path:
    """Writes the page, the CSV file and a PNG of each sweep; returns the page's path, by default
    OUTPUT_DIR/report/STUDY.html.

    Raises: UserError where they cannot be written, or the name does not end in .html.
    """
    path = Path(planned.study.output_dir) / "report" / f"{planned.study.name}.html" if output is None else Path(output)
    if path.suffix != ".html":
        raise UserError(f"output {path}: need a file that ends in .html; the CSV file is written beside it")
    check_file("output", path)
    found = find(planned)
    page = make_study_page(found)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path.with_suffix(".csv"), as_csv(found.cells))
    for name, sweep in sweeps_of(found):
        write_sweep(path.with_name(f"{path.stem}.{name.replace('/', '-')}.png"), sweep)
    write_text(path, page)
    return path


def make_study_page(found: StudyFindings) -> str:
    """The page's HTML."""
    shown = answers_of(found)
    columns = columns_of(found.cells)
    return render_page(
        Path(__file__).parent,
        f"Study {found.planned.study.name}",
        question=sentences.question(found),
        answer=sentences.answer(found),
        caveat=sentences.caveat(found),
        lacking={what: sentences.named(names) for what, names in sentences.lacking(found).items()},
        groups=[_group(group) for group in found.groups],
        sweeps=[(name, sweep_svg(name, sweep)) for name, sweep in sweeps_of(found)],
        sweep=found.planned.study.sweep,
        words=WORDS,
        columns=list(columns),
        rows=[[as_shown(name, values[n]) for name, values in columns.items()] for n in range(len(found.cells))],
        curves=list(_curves(found)),
        shown=shown,
        characters=CHARACTERS,
        filters=_filters(shown.items),
        jobs=_jobs(found.planned),
        versions=_gathered(_versions(found)),
        hashes=_gathered(_hashes(found)),
    )


def _filters(items: Sequence[ItemAnswers]) -> dict[str, list[str]]:
    """The values to choose from; not of groups that are the languages."""
    names = ("benchmark", "language", "group")
    found = {name: list(dict.fromkeys(getattr(item, name) for item in items)) for name in names}
    if set(found["group"]) == set(found["language"]):
        del found["group"]
    return found


def _group(group: GroupFindings) -> dict[str, Any]:
    """The chart of a group, and the tables of its differences and seeds, which have no titles above the header."""
    comparison = group.comparison
    return {
        "name": group.group.name,
        "remarks": group.remarks,
        "chart": forest(group),
        "grids": [] if comparison is None else [grid for grid in grids(comparison) if not grid.groups],
        "notes": [] if comparison is None else notes(comparison),
    }


def _curves(found: StudyFindings) -> Iterator[tuple[str, Any]]:
    known = {facts.cell.name: facts for facts in found.cells}
    for group in found.groups:
        for arm, cells in group.group.arms.items():
            title = arm if len(found.groups) == 1 else f"{group.group.name}: {arm}"
            if (drawn := curves(title, [known[cell.name] for cell in cells])) is not None:
                yield title, drawn


def _jobs(planned: Planned) -> list[tuple[str, str, list[str]]]:
    """Each job with its state and its command lines; not the one that writes the page."""
    return [
        (job.name, STATES[planned.states[job.name].status], [_as_typed(line) for line in job.commands])
        for job in planned.jobs
        if job.kind != "report"
    ]


def _as_typed(line: Sequence[str]) -> str:
    """A command as one types it in the folder of the study: without the path of Python, and with relative paths."""
    words = ("deepsuper", *line[len(DEEPSUPER) :]) if tuple(line[: len(DEEPSUPER)]) == DEEPSUPER else line
    return shlex.join(words).replace(f"{Path.cwd()}/", "")


def _versions(found: StudyFindings) -> Iterator[tuple[str, str, str]]:
    """Package, version, and what was run with it."""
    for facts in found.cells:
        for name, version in facts.manifest.get("packages", {}).items():
            yield name, version or "not installed", f"train/{facts.cell.name}"
        if "python" in facts.manifest:
            yield "python", facts.manifest["python"], f"train/{facts.cell.name}"
        for run in facts.runs:
            for score in run.scores.values():
                for name, version in score.get("versions", {}).items():
                    yield name, version or "not installed", f"eval/{facts.cell.name}"


def _hashes(found: StudyFindings) -> Iterator[tuple[str, str, str]]:
    """File, SHA-256, and what read or wrote it."""
    for facts in found.cells:
        name, base = facts.cell.name, facts.manifest.get("base_model", {})
        for file, value in facts.manifest.get("data", {}).items():
            yield file, str(value), f"train/{name}"
        for file, value in base.get("files", {}).items():
            yield f"{base.get('name')}: {file}", str(value), f"train/{name}"
        for run in facts.runs:
            for file, value in run.weights.items():
                yield f"weights of {name}: {file}", value, f"eval/{name}"
            for key, score in run.scores.items():
                if value := score["data"].get("sha256"):
                    yield f"{key}: {score['data'].get('file', 'rows')}", str(value), f"eval/{name}"


def _gathered(rows: Iterator[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """Each pair of the first two once, with all of the third."""
    found: dict[tuple[str, str], Mapping[str, None]] = {}
    for name, value, job in rows:
        found[name, value] = {**found.get((name, value), {}), job: None}
    return [(name, value, sentences.named(list(jobs))) for (name, value), jobs in found.items()]
