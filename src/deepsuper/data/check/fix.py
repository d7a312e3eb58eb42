"""Writes the kept and the removed lines of a file: together they are all of its lines."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from deepsuper.common.errors import Place, UserError
from deepsuper.common.files import json_line, replacing
from deepsuper.common.lines import numbered_lines
from deepsuper.data.check.findings import Finding


@dataclass(frozen=True)
class Fixed:
    """The two files that were written, and how many lines they have."""

    kept: Path
    removed: Path
    kept_lines: int
    removed_lines: int


def fixed_names(paths: Sequence[Path], folder: Path) -> list[tuple[Path, Path]]:
    """The two files to write for each file: kept and removed lines.

    Raises: UserError where two files would get the same names, or an input would be overwritten.
    """
    names: dict[str, Path] = {}
    for path in paths:
        stem = path.name.removesuffix(".gz").removesuffix(".jsonl").removesuffix(".json")
        if stem in names:
            raise UserError(f"{names[stem]} and {path}: both would be {stem}.kept.jsonl: check one at a time")
        names[stem] = path
    written = [(folder / f"{stem}.kept.jsonl", folder / f"{stem}.removed.jsonl") for stem in names]
    inputs = {path.resolve() for path in paths}
    for name in (name for pair in written for name in pair if name.resolve() in inputs):
        raise UserError(f"{name}: is an input, and --fix would overwrite it: choose another --output_dir")
    return written


def write_fixed(path: Path, findings: Iterable[Finding], reasons: Iterable[str], names: tuple[Path, Path]) -> Fixed:
    """Writes the kept lines byte for byte, and a record of each line that is removed for one of `reasons`.

    A record holds `where`, `reasons`, `details` and the `line` itself, or `line_base64` where it is not UTF-8.
    """
    against = _against(findings, set(reasons))
    counts = [0, 0]
    with (
        replacing(names[1]) as aside_removed,
        replacing(names[0]) as aside_kept,
        aside_kept.open("wb") as kept,
        aside_removed.open("wb") as removed,
    ):
        for number, line in numbered_lines(path):
            if number in against:
                removed.write(json_line(_record(Place(path, number), against[number], line)).encode("utf-8"))
            else:
                kept.write(line)
            counts[number in against] += 1
    return Fixed(*names, *counts)


def _against(findings: Iterable[Finding], reasons: set[str]) -> dict[int, list[Finding]]:
    """The findings against each line to remove. Of lines that are duplicates of each other, the first that has no
    other finding stays.
    """
    removing = sorted((f for f in findings if f.reason in reasons), key=lambda finding: finding.line)
    stay: set[tuple[str, int]] = set()  # (reason, first line) of duplicates of which a later one stays
    against: dict[int, list[Finding]] = {}
    for line, group in groupby(removing, key=lambda finding: finding.line):
        held = list(group)
        repeated = {(finding.reason, finding.earlier) for finding in held if finding.earlier is not None}
        alone = len(repeated) == len(held) and all(earlier in against for _, earlier in repeated)
        if alone and not repeated & stay:
            stay |= repeated
        else:
            against[line] = held
    return against


def _record(where: Place, findings: Sequence[Finding], line: bytes) -> Mapping[str, object]:
    told = {
        "where": str(where),
        "reasons": [finding.reason for finding in findings],
        "details": [finding.detail for finding in findings],
    }
    try:
        return {**told, "line": line.decode("utf-8")}
    except UnicodeDecodeError:
        return {**told, "line_base64": base64.b64encode(line).decode("ascii")}
