"""`deepsuper data mix`: reads every source twice, to count and to distribute its rows, and writes shuffled files."""

import logging
import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path

from rich.console import Console

from deepsuper.common.errors import Place, UserError
from deepsuper.common.files import replacing
from deepsuper.common.manifests import manifest_head
from deepsuper.common.progress import spinner
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
        with skipped_file(folder / "skipped.jsonl", config.on_bad_row) as bad:
            plan = make_plan(config, [_scan(source, config, bad, work) for source in config.sources])
            given = _write_rows(plan, config.seed, bad, work)
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


def _scan(source: MixSource, config: MixConfig, bad: Skipper, work: Path) -> Scan:
    bad.first = ""  # of this source
    with _counted(f"{source.named}: checked") as tick:
        scanned = scan(Path(source.path), config.kind, bad, work / "ids", tick)
    if not scanned.rows:
        told = f", the first: {bad.first}; all are in {work.parent / 'skipped.jsonl'}" if scanned.skipped else ""
        raise UserError(f"{source.path}: no row to mix ({scanned.skipped} were skipped{told})")
    return scanned


def _write_rows(plan: Sequence[SourcePlan], seed: int, bad: Skipper, work: Path) -> list[RowsOut]:
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
        with _counted(f"{planned.source.named}: distributed") as tick:
            given.append(distribute(lines, planned.sampler(rng), planned.changes, buckets[planned.file], rng, tick))
    with ExitStack() as renames:  # the files get their names when all are complete
        for name, filled in buckets.items():
            with renames.enter_context(replacing(work.parent / name)).open("wb") as file:
                for rows in shuffled(filled, rng):
                    file.writelines(rows)
    return given


@contextmanager
def _counted(title: str) -> Iterator[Callable[[], None]]:
    """A function to call for each row. It shows their number rarely: that takes longer than reading a row."""
    numbers = count(1)
    with spinner(f"{title} 0") as show:

        def tick() -> None:
            if (number := next(numbers)) % 1000 == 0:
                show(f"{title} {number:,}")

        yield tick
