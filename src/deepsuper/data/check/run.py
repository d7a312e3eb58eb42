"""Files of parallel rows -> findings, a report, and the files without the bad rows."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from deepsuper.common.errors import UserError
from deepsuper.common.languages import is_code, nearest_code
from deepsuper.common.outputs import check_folder
from deepsuper.common.packages import need_packages
from deepsuper.common.ranges import Range, check_ranges
from deepsuper.config.check import CheckConfig
from deepsuper.data.check.checked import Checked
from deepsuper.data.check.findings import Finding, Found, Measured, place_of
from deepsuper.data.check.fix import fixed_names, write_fixed
from deepsuper.data.check.page import write_page
from deepsuper.data.check.reading import read_source
from deepsuper.data.check.report import print_report, write_records
from deepsuper.data.check.table import CHECKS, REASONS
from deepsuper.data.rows import Row

MANY = 4000
"""Rows from which it pays to start processes."""


def run_check(config: CheckConfig, folder: Path) -> list[Checked]:
    """Checks the files, prints the report and writes it into `folder`; with `fix` the kept and removed lines too.

    Raises: UserError naming an option or a file that cannot be read; nothing is written then.
    """
    check_config(config)
    check_folder("output_dir", folder)
    names = fixed_names([Path(name) for name in config.files], folder) if config.fix else []
    checked = [check_file(Path(name), config) for name in config.files]
    folder.mkdir(parents=True, exist_ok=True)
    if config.fix:
        for one, pair in zip(checked, names, strict=True):
            one.fixed = write_fixed(one.source.path, one.findings, removing(config), pair)
    write_records(folder, checked, config)
    write_page(folder / "report.html", checked, config)
    print_report(Console(), checked, folder)
    return checked


def check_file(path: Path, config: CheckConfig) -> Checked:
    """Every finding in one file, in the order of its lines."""
    start = time.perf_counter()
    source = read_source(path, config.language, whole=config.fix)
    checked = Checked(source, [f for f in source.broken if f.reason not in config.ignore])
    for name, found, measured in _checks(source.rows, config, path.name):
        checked.findings += [_finding(source.rows, name, one) for one in found]
        if measured is not None:
            checked.measured[name] = measured
    order = {name: n for n, name in enumerate(REASONS)}
    checked.findings.sort(key=lambda finding: (finding.line, order[finding.reason]))
    checked.seconds = time.perf_counter() - start
    return checked


def check_rows(rows: Sequence[Row], config: CheckConfig) -> list[Finding]:
    """Every finding in rows of one language that are in memory."""
    return [_finding(rows, name, one) for name, found, _ in _checks(rows, config, "rows") for one in found]


def _finding(rows: Sequence[Row], reason: str, found: Found) -> Finding:
    earlier = None if found.earlier is None else place_of(rows[found.earlier]).line
    return Finding(place_of(rows[found.row]), reason, found.detail, found.row, earlier)


def removing(config: CheckConfig) -> tuple[str, ...]:
    """The reasons that rows are removed for."""
    if config.reasons == ("all",):
        return tuple(REASONS)
    return config.reasons or tuple(name for name, reason in REASONS.items() if reason.severity == "error")


Result = tuple[str, list[Found], Measured | None]


def _checks(rows: Sequence[Row], config: CheckConfig, title: str) -> Iterator[Result]:
    """The name, the findings and the numbers of each check that is not ignored, by several processes for many rows."""
    names = [name for name in CHECKS if name not in config.ignore]
    workers = min(config.workers or min(os.cpu_count() or 1, 4), max(len(names), 1))
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(title, total=len(names))
        if workers == 1 or len(rows) < MANY:
            for name in names:
                yield _check(name, rows, config)
                progress.advance(task)
            return
        # Threads of torch or of the caller's do not survive a fork.
        with ProcessPoolExecutor(
            workers, mp_context=get_context("spawn"), initializer=_remember, initargs=(rows, config)
        ) as pool:
            futures: list[Future[Result]] = [pool.submit(_check_remembered, name) for name in names]
            try:
                for future in as_completed(futures):
                    yield future.result()
                    progress.advance(task)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise


def _check(name: str, rows: Sequence[Row], config: CheckConfig) -> Result:
    reason = CHECKS[name]
    if reason.measure is not None and reason.judge is not None:
        measured = reason.measure(rows, config)
        return name, list(reason.judge(rows, config, measured)), measured
    assert reason.find is not None, f"{name} has neither find nor measure and judge"
    return name, list(reason.find(rows, config)), None


_REMEMBERED: dict[str, tuple[Sequence[Row], CheckConfig]] = {}
"""In a process of its own: the rows, which are sent once."""


def _remember(rows: Sequence[Row], config: CheckConfig) -> None:
    _REMEMBERED["rows"] = (rows, config)


def _check_remembered(name: str) -> Result:
    return _check(name, *_REMEMBERED["rows"])


def check_config(config: CheckConfig) -> None:
    """Raises: UserError naming the first option out of its range."""
    check_ranges(_ranges(config))
    for name in config.files:
        if Path(name).is_dir():
            raise UserError(f"{name}: is a folder: name the files in it, such as {Path(name) / '*.jsonl'}")
        if not Path(name).is_file():
            raise UserError(f"{name}: no such file (from {Path.cwd()})")
    check_tools(config)


def check_tools(config: CheckConfig) -> None:
    """Raises: UserError where a package or the folder of evaluation sets is missing."""
    need_packages("data", "datasketch", "py3langid", "rjieba")
    if config.data_dir is not None and not Path(config.data_dir).is_dir():
        raise UserError(f"data_dir: no such folder {config.data_dir!r}: `deepsuper data layout` tells what it holds")


def _ranges(config: CheckConfig) -> Iterator[Range]:
    yield "files", config.files, "at least one file of parallel rows", bool(config.files)
    twice = [name for n, name in enumerate(config.files) if name in config.files[:n]]
    yield "files", twice, "each file once", not twice
    language = config.language
    need = f"a language code such as {nearest_code(language or '')}"
    yield "lang", language, need, language is None or is_code(language)
    known = ", ".join(REASONS)
    for name in () if config.reasons == ("all",) else config.reasons:
        yield "reasons", name, f"all, or of {known}", name in REASONS
    for name in config.ignore:
        yield "ignore", name, f"one of {known}", name in REASONS
    yield "length_distance", config.length_distance, "more than 0", config.length_distance > 0
    yield "score_distance", config.score_distance, "more than 0", config.score_distance > 0
    yield "similarity", config.similarity, "0 < similarity < 1", 0 < config.similarity < 1
    yield "word_gram", config.word_gram, "2 to 100 words", 2 <= config.word_gram <= 100
    yield "character_gram", config.character_gram, "2 to 100 characters", 2 <= config.character_gram <= 100
    yield "limit", config.limit, "0 to 1000 rows", 0 <= config.limit <= 1000
    workers = config.workers
    yield "workers", workers, "at least 1", workers is None or workers >= 1
    yield "seed", config.seed, "0 <= seed < 2**32", 0 <= config.seed < 2**32
