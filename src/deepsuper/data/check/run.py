"""`deepsuper data check`: files of parallel rows -> findings, a report, and the files without the bad rows."""

import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

from rich.console import Console

from deepsuper.common.files import write_text
from deepsuper.common.outputs import check_folder
from deepsuper.common.progress import progress_bar
from deepsuper.config.check import CheckConfig
from deepsuper.data.check.check import check_config
from deepsuper.data.check.checked import Checked
from deepsuper.data.check.findings import Finding, Found, Measured, place_of
from deepsuper.data.check.fix import fixed_names, write_fixed
from deepsuper.data.check.page import make_page
from deepsuper.data.check.reading import read_source
from deepsuper.data.check.report import print_report, write_records
from deepsuper.data.check.table import CHECKS, REASONS
from deepsuper.data.packaged import rows_path
from deepsuper.data.rows import Row

MANY = 4000
"""Rows from which several processes are faster than one."""


def run_check(config: CheckConfig, folder: Path) -> list[Checked]:
    """Checks the files, prints the report and writes it into `folder`; with `fix` also the kept and removed lines.

    Raises: UserError naming an option, or a file that cannot be read; then nothing is written.
    """
    config = replace(config, files=tuple(str(rows_path(name, "files")) for name in config.files))
    check_config(config)
    check_folder("output_dir", folder)
    names = fixed_names([Path(name) for name in config.files], folder) if config.fix else []
    checked = [check_file(Path(name), config) for name in config.files]
    folder.mkdir(parents=True, exist_ok=True)
    if config.fix:
        for one, pair in zip(checked, names, strict=True):
            one.fixed = write_fixed(one.source.path, one.findings, removing(config), pair)
    write_records(folder, checked, config)
    write_text(folder / "report.html", make_page(checked, config))
    print_report(Console(), checked, folder)
    return checked


def check_file(path: Path, config: CheckConfig) -> Checked:
    """Every finding in one file, in the order of its lines."""
    start = time.perf_counter()
    source = read_source(path, config.language, whole=config.fix)
    checked = Checked(source, [f for f in source.broken if f.reason not in config.ignore])
    for name, found, measured in run_checks(source.rows, config, path.name):
        checked.findings += [finding_of(source.rows, name, one) for one in found]
        if measured is not None:
            checked.measured[name] = measured
    order = {name: n for n, name in enumerate(REASONS)}
    checked.findings.sort(key=lambda finding: (finding.line, order[finding.reason]))
    checked.seconds = time.perf_counter() - start
    return checked


def finding_of(rows: Sequence[Row], reason: str, found: Found) -> Finding:
    """What was found in one of `rows`, with lines in place of indices."""
    earlier = None if found.earlier is None else place_of(rows[found.earlier]).line
    return Finding(place_of(rows[found.row]), reason, found.detail, found.row, earlier, found.benchmark)


def removing(config: CheckConfig) -> tuple[str, ...]:
    """The reasons for which rows are removed."""
    if config.reasons == ("all",):
        return tuple(REASONS)
    return config.reasons or tuple(name for name, reason in REASONS.items() if reason.severity == "error")


Result = tuple[str, Sequence[Found], Measured | None]


def run_checks(rows: Sequence[Row], config: CheckConfig, title: str) -> Iterator[Result]:
    """The name, the findings and the numbers of each check that is not ignored; many rows use several processes."""
    names = [name for name in CHECKS if name not in config.ignore]
    workers = min(config.workers or min(os.cpu_count() or 1, 4), max(len(names), 1))
    with progress_bar(title, len(names)) as advance:
        if workers == 1 or len(rows) < MANY:
            for name in names:
                yield _check(name, rows, config)
                advance(1)
            return
        # Threads, of torch for example, do not survive a fork.
        with ProcessPoolExecutor(
            workers, mp_context=get_context("spawn"), initializer=_remember, initargs=(rows, config)
        ) as pool:
            futures: list[Future[Result]] = [pool.submit(_check_remembered, name) for name in names]
            try:
                for future in as_completed(futures):
                    yield future.result()
                    advance(1)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise


def _check(name: str, rows: Sequence[Row], config: CheckConfig) -> Result:
    find = CHECKS[name].find
    assert find is not None, f"{name} has no function"
    found = find(rows, config)
    return (name, found.found, found) if isinstance(found, Measured) else (name, list(found), None)


_REMEMBERED: dict[str, tuple[Sequence[Row], CheckConfig]] = {}
"""In a worker process: the rows and the options, which are sent once."""


def _remember(rows: Sequence[Row], config: CheckConfig) -> None:
    _REMEMBERED["rows"] = (rows, config)


def _check_remembered(name: str) -> Result:
    return _check(name, *_REMEMBERED["rows"])
