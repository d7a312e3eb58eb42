"""What `deepsuper study show` prints."""

from collections import Counter

from rich.console import Console
from rich.table import Table

from deepsuper.evaluation.report import print_uncut
from deepsuper.study.jobs import StudyJob, kinds_of
from deepsuper.study.run import Planned

WORDS = {"done": "done", "stale": "stale", "missing": "-"}


def print_study(console: Console, planned: Planned) -> None:
    """Prints a row for each cell, with what is done and what it took, and a row for each other job."""
    kinds = kinds_of(planned.study)
    table = Table("cell", *kinds, "minutes", "peak MiB", box=None, pad_edge=False)
    jobs = {job.name: job for job in planned.jobs}
    for cell in planned.cells:
        own = [jobs[f"{kind}/{cell.name}"] for kind in kinds]
        markers = [state.marker for job in own if (state := planned.states[job.name]).marker is not None]
        minutes = f"{sum(marker['seconds'] for marker in markers) / 60:.1f}" if markers else ""
        peak = f"{max(marker['peak_mib'] for marker in markers):,}" if markers else ""
        words = [_word(planned, job) for job in own]
        table.add_row(cell.name, *words, minutes, peak)
    print_uncut(console, table)
    for job in planned.jobs:
        if job.kind in ("layers", "lens", "compare", "report"):
            console.print(f"{job.name}: {_word(planned, job)}", highlight=False)
    counts = Counter(state.status for state in planned.states.values())
    said = ", ".join(f"{counts[status]} {status}" for status in ("done", "stale", "missing") if counts[status])
    console.print(f"{len(planned.cells)} cells, {len(planned.jobs)} jobs: {said}", highlight=False)


def _word(planned: Planned, job: StudyJob) -> str:
    state = planned.states[job.name]
    return WORDS[state.status] + (f" ({state.changed[0]})" if state.changed else "")
