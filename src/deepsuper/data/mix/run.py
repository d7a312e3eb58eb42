"""`deepsuper data mix`: reads every source twice, to count and to distribute its rows, and writes shuffled files."""

import logging
import random
import shutil
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from deepsuper.common.errors import Place, UserError
from deepsuper.common.files import replacing
from deepsuper.common.manifests import manifest_head
from deepsuper.config.mix import MixConfig, MixSource
from deepsuper.data.mix.buckets import Buckets, shuffled
from deepsuper.data.mix.check import check_mix, work_folder
from deepsuper.data.mix.distribute import RowsOut, distribute
from deepsuper.data.mix.plan import SourcePlan, make_plan
from deepsuper.data.mix.report import print_mix, write_report
from deepsuper.data.mix.scan import Scan, good_lines, repeated_id, scan
from deepsuper.data.mix.skipped import skipped_file
from deepsuper.data.packaged import rows_path
from deepsuper.data.rows import Skipper

log = logging.getLogger(__name__)
BUCKET_SIZE = 32 << 20
"""Bytes of rows in a bucket, which is shuffled in memory."""
Tick = Callable[[], None]


class _Counter:
    """Shows the number of rows on standard error. It is drawn rarely: that takes longer than reading a row."""

    def __init__(self, progress: Progress) -> None:
        self._progress, self._task, self._count = progress, progress.add_task(""), 0

    def start(self, title: str) -> Tick:
        """A function to call for each row."""
        self._count = 0
        self._progress.reset(self._task, description=title)
        return self._tick

    def _tick(self) -> None:
        self._count += 1
        if self._count % 1000 == 0:
            self._progress.update(self._task, completed=self._count)


def run_mix(config: MixConfig, command: Sequence[str] = ()) -> list[RowsOut]:
    """Writes the mix and prints a table. Returns how many rows each source gave.

    Raises: UserError naming the option, or file and line, at fault; then no file of rows is written.
    """
    recipe, config = config, _with_files(config)
    check_mix(config)
    folder = Path(config.output_dir)
    work = work_folder(folder)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(work, ignore_errors=True)  # left by a mix that was killed
    head = manifest_head(command)
    try:
        with skipped_file(folder / "skipped.jsonl", config.on_bad_row) as bad, _progress() as progress:
            counter = _Counter(progress)
            scans = [_scan(source, config, bad, work, counter) for source in config.sources]
            plan = make_plan(config, scans)
            given = _write_rows(plan, config.seed, bad, work, counter)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    names = write_report(folder, recipe, plan, given, head)
    print_mix(Console(), plan, given)
    log.info("%s: %s", folder, ", ".join([*names, "skipped.jsonl"]))
    return given


def _with_files(config: MixConfig) -> MixConfig:
    """`config` with the file of packaged rows in place of their name."""
    paths = [str(rows_path(source.path, f"sources[{n}].path")) for n, source in enumerate(config.sources)]
    sources = [replace(source, path=path) for source, path in zip(config.sources, paths, strict=True)]
    return replace(config, sources=sources)


def _scan(source: MixSource, config: MixConfig, bad: Skipper, work: Path, counter: _Counter) -> Scan:
    bad.first = ""  # of this source
    scanned = scan(Path(source.path), config.kind, bad, work / "ids", counter.start(f"{source.named}: checked"))
    if not scanned.rows:
        told = f", the first: {bad.first}; all are in {work.parent / 'skipped.jsonl'}" if scanned.skipped else ""
        raise UserError(f"{source.path}: no row to mix ({scanned.skipped} were skipped{told})")
    return scanned


def _write_rows(plan: Sequence[SourcePlan], seed: int, bad: Skipper, work: Path, counter: _Counter) -> list[RowsOut]:
    """Distributes every source to the buckets of its file, then writes each file, bucket after bucket."""
    rng = random.Random(seed)
    sizes: dict[str, int] = {}
    for planned in plan:
        sizes[planned.file] = sizes.get(planned.file, 0) + planned.bytes_out
    buckets = {name: Buckets(work / name, 1 + size // BUCKET_SIZE) for name, size in sizes.items()}
    given = []
    for planned in plan:
        path = Path(planned.source.path)

        def twice(number: int, first: int, line: bytes, path: Path = path) -> None:
            bad(Place(path, number), repeated_id(path, first), line.decode("utf-8"))

        lines = good_lines(path, planned.scan, twice)
        tick = counter.start(f"{planned.source.named}: distributed")
        given.append(distribute(lines, planned.sampler(rng), planned.changes, buckets[planned.file], rng, tick))
    with ExitStack() as renames:  # the files get their names when all are complete
        for name, filled in buckets.items():
            with renames.enter_context(replacing(work.parent / name)).open("wb") as file:
                for rows in shuffled(filled, rng):
                    file.writelines(rows)
    return given


def _progress() -> Progress:
    columns = (SpinnerColumn(), TextColumn("{task.description} {task.completed:,.0f}"), TimeElapsedColumn())
    return Progress(*columns, transient=True, console=Console(stderr=True))
