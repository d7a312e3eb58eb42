"""What `deepsuper data check` prints, and the records that it writes beside its page."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from deepsuper.common.files import write_json, write_json_lines
from deepsuper.config.check import CheckConfig
from deepsuper.data.check.checked import Checked
from deepsuper.data.check.findings import Finding, shortened, sides
from deepsuper.data.check.lengths import log_ratios, measured
from deepsuper.data.check.table import REASONS

PRINTED_QUANTILES = (0.01, 0.5, 0.99)
"""Of lengths, in the terminal."""
EXAMPLE = 400
"""Characters of a detail in the terminal: enough for every remedy."""
QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
"""Of lengths and scores, in the page and in report.json."""
COLORS = {"error": "red", "warning": "yellow"}


def print_report(console: Console, checked: Sequence[Checked], folder: Path) -> None:
    """Prints a table of each file's reasons, and which files were written."""
    for one in checked:
        console.print(Text(summary(one), style="bold"), soft_wrap=True)
        if one.source.rows:
            console.print(Text(_lengths_line(one)), soft_wrap=True)
        for severity, remarks in (("error", one.faults), ("note", one.notes)):
            for remark in remarks:
                console.print(Text(f"{severity}: {remark}", style=COLORS.get(severity, "")), soft_wrap=True)
        if one.findings:
            console.print(_table(one))
        for source, count in contamination(one.findings).items():
            console.print(Text(f"{count} rows hold text of {source}"), soft_wrap=True)
        if one.fixed is not None:
            kept, removed = one.fixed.kept_lines, one.fixed.removed_lines
            console.print(Text(f"kept {kept} lines: {one.fixed.kept}\nremoved {removed}: {one.fixed.removed}\n"))
    console.print(Text(f"page: {folder / 'report.html'}"), soft_wrap=True)


def summary(one: Checked) -> str:
    """One line: the rows of a file, and how many have findings."""
    source = one.source
    told = source.language if source.told else f"{source.language}, identified"
    errors = len(one.flagged("error"))
    warned = len(one.flagged("warning") - one.flagged("error"))
    speed = len(source.rows) / max(one.seconds, 1e-9)
    return (
        f"{source.path.name}: {len(source.rows):,} rows ({told}), {errors:,} with errors, "
        f"{warned:,} with warnings only; {one.seconds:.0f} s, {speed:,.0f} rows a second"
    )


def _lengths_line(one: Checked) -> str:
    found = lengths(one)
    ratio = _median(found.pop("answer ratio"), ",.2f")
    told = ", ".join(f"{name} {_median(values, ',.0f')}" for name, values in found.items())
    return f"lengths in characters, median (1% to 99%): {told}; of answers' bytes to English {ratio}"


def _median(values: Sequence[float], form: str) -> str:
    low, middle, high = (f"{value:{form}}" for value in np.quantile(values, PRINTED_QUANTILES))
    return f"{middle} ({low} to {high})"


def _table(one: Checked) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("reason", "", "rows", "share", "for example"):
        table.add_column(name, justify="right" if name in ("rows", "share") else "left", no_wrap=name != "for example")
    lines = max(one.source.lines - one.source.blank, 1)
    for name, found in by_reason(one.findings).items():
        severity = REASONS[name].severity
        example = f"line {found[0].line}: {shortened(found[0].detail, EXAMPLE)}"
        share = f"{len(found) / lines:.2%}"
        table.add_row(name, Text(severity, style=COLORS[severity]), f"{len(found):,}", share, Text(example))
    return table


def by_reason(findings: Sequence[Finding]) -> dict[str, list[Finding]]:
    """The findings by reason: errors, then warnings, each in the order of the table."""
    names = sorted(REASONS, key=lambda name: REASONS[name].severity)
    return {name: found for name in names if (found := [one for one in findings if one.reason == name])}


def contamination(findings: Iterable[Finding]) -> dict[str, int]:
    """The number of rows that hold text of each evaluation set."""
    named = Counter(finding.benchmark for finding in findings if finding.benchmark is not None)
    return dict(named.most_common())


def lengths(one: Checked) -> dict[str, list[float]]:
    """The lengths of prompts and answers on both sides in characters, and the answers' ratios in bytes."""
    texts = [sides(row) for row in one.source.rows]
    found = {
        f"{texts_of[0][0]} {side}": [float(len(text[place])) for text in texts_of]
        for texts_of in zip(*texts, strict=True)
        for place, side in ((1, "English"), (2, "target"))
    }
    english, target = ([measured(text[1][place]) for text in texts] for place in (1, 2))
    found["answer ratio"] = np.exp(log_ratios(english, target)).tolist()
    return found


def quantiles(values: Sequence[float]) -> dict[str, float]:
    """The quantiles of some values; none of no values."""
    if not len(values) or np.isnan(values).all():
        return {}
    return {f"{q:.0%}": round(float(v), 4) for q, v in zip(QUANTILES, np.nanquantile(values, QUANTILES), strict=True)}


def write_records(folder: Path, checked: Sequence[Checked], config: CheckConfig) -> None:
    """Writes report.json, and findings.jsonl with a line for each finding."""
    record = {"config": asdict(config), "files": [_as_record(one) for one in checked]}
    write_json(folder / "report.json", record)
    write_json_lines(
        folder / "findings.jsonl",
        (
            {
                "where": str(finding.where),
                "id": None if finding.row is None else one.source.rows[finding.row].id,
                "reason": finding.reason,
                "severity": REASONS[finding.reason].severity,
                "detail": finding.detail,
            }
            for one in checked
            for finding in one.findings
        ),
    )


def _as_record(one: Checked) -> Mapping[str, Any]:
    source, fixed = one.source, one.fixed
    return {
        "path": str(source.path),
        "language": source.language,
        "language_told": source.told,
        "lines": source.lines,
        "blank": source.blank,
        "rows": len(source.rows),
        "errors": len(one.flagged("error")),
        "warnings_only": len(one.flagged("warning") - one.flagged("error")),
        "reasons": {name: len(found) for name, found in by_reason(one.findings).items()},
        "contamination": contamination(one.findings),
        "lengths": {name: quantiles(values) for name, values in lengths(one).items()},
        "faults": one.faults,
        "notes": one.notes,
        "values": {name: quantiles(found.values.tolist()) for name, found in sorted(one.measured.items())},
        "seconds": round(one.seconds, 1),
        "fixed": None if fixed is None else {"kept": fixed.kept_lines, "removed": fixed.removed_lines},
    }
