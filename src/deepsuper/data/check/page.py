"""The values of the report's page; `page.html` beside this file shows them."""

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from deepsuper.common.errors import BadRow, Place
from deepsuper.common.lines import numbered_lines
from deepsuper.common.pages import render_page
from deepsuper.config.check import CheckConfig
from deepsuper.data.check.charts import histogram
from deepsuper.data.check.checked import Checked
from deepsuper.data.check.findings import Finding, place_of
from deepsuper.data.check.report import QUANTILES, by_reason, contamination, lengths, quantiles, summary
from deepsuper.data.check.table import REASONS
from deepsuper.data.rows import Row

CHARACTERS = 1500
"""Of a text that the page shows."""
SIGNS = {"error": "✖", "warning": "▲", "note": "ℹ"}


def make_page(checked: Sequence[Checked], config: CheckConfig) -> str:
    """The page's HTML: for each file counts, charts, evaluation sets, and rows to read side by side."""
    return render_page(
        Path(__file__).parent,
        "Check of parallel rows",
        files=[_file(one, config) for one in checked],
        quantiles=[f"{q:.0%}" for q in QUANTILES],
        signs=SIGNS,
    )


def _file(one: Checked, config: CheckConfig) -> dict[str, Any]:
    lines = max(one.source.lines - one.source.blank, 1)
    measured = lengths(one) if one.source.rows else {}
    return {
        "name": one.source.path.name,
        "summary": summary(one).partition(": ")[2],
        "remarks": [*(("error", fault) for fault in one.faults), *(("note", note) for note in one.notes)],
        "reasons": [
            (name, REASONS[name], f"{len(found):,}", f"{len(found) / lines:.2%}")
            for name, found in by_reason(one.findings).items()
        ],
        "sets": [(name, f"{count:,}") for name, count in contamination(one.findings).items()],
        "charts": list(_charts(one, measured)) if measured else [],
        "quantiles": [
            (name, [f"{value:,.4g}" for value in quantiles(values).values()])
            for name, values in measured.items()
            if quantiles(values)
        ],
        "samples": list(_samples(one, config)) if config.limit else [],
    }


def _charts(one: Checked, measured: dict[str, list[float]]) -> Iterator[tuple[str, Markup]]:
    """The title and the drawing of each chart that has something to show."""
    for name in ("prompt", "answer"):
        both = {side: measured[f"{name} {side}"] for side in ("English", "target")}
        yield from _chart(f"Lengths of {name}s", "characters", both, log=True)
    yield from _chart("Lengths of answers against English", "ratio in bytes", {"": measured["answer ratio"]}, log=True)
    for name, found in sorted(one.measured.items()):
        marks = [] if found.least is None else [found.least]
        yield from _chart(f"Score of {name} of each row", "0 is chance", {"": found.values.tolist()}, marks=marks)


def _chart(title: str, *values: Any, **options: Any) -> Iterator[tuple[str, Markup]]:
    if (drawn := histogram(title, *values, **options)) is not None:
        yield title, drawn


def _samples(one: Checked, config: CheckConfig) -> Iterator[dict[str, Any]]:
    """Rows of each reason, and some without any, drawn with the seed and shown in their order."""
    rng = random.Random(config.seed)
    for name, found in by_reason(one.findings).items():
        chosen = sorted(rng.sample(range(len(found)), min(config.limit, len(found))))
        rows = list(_found_rows(one, [found[n] for n in chosen]))
        yield {"reason": name, **_counts(rows, found), **vars(REASONS[name])}
    flagged = {finding.row for finding in one.findings}
    clean = [n for n in range(len(one.source.rows)) if n not in flagged]
    chosen = sorted(rng.sample(clean, min(config.limit, len(clean))))
    rows = [_row(one.source.rows[n], place_of(one.source.rows[n]).line, "") for n in chosen]
    yield {"reason": None, **_counts(rows, clean)}


def _counts(rows: Sequence[Any], of: Sequence[Any]) -> dict[str, Any]:
    return {"rows": rows, "shown": f"{len(rows):,}", "count": f"{len(of):,}"}


def _found_rows(one: Checked, findings: Sequence[Finding]) -> Iterator[dict[str, Any]]:
    """The rows of the findings; for a line that is not a row, its text."""
    raw = _raw(one.source.path, {finding.line for finding in findings if finding.row is None})
    for finding in findings:
        if finding.row is not None:
            yield _row(one.source.rows[finding.row], finding.line, finding.detail)
        else:
            text = _cut(raw.get(finding.line, ""))
            yield {"line": finding.line, "id": None, "detail": finding.detail, "raw": text}


def _raw(path: Path, wanted: set[int]) -> dict[int, str]:
    """The text of the lines; of a line that is too long, its beginning."""
    texts: dict[int, str] = {}

    def bad(where: Place, problem: BadRow, text: str) -> None:
        texts[where.line] = text

    last = max(wanted, default=0)
    for number, line in numbered_lines(path, bad) if last else ():
        if number in wanted:
            texts[number] = line.decode("utf-8", "replace")
        if number >= last:
            break
    return texts


def _row(row: Row, line: int, detail: str) -> dict[str, Any]:
    sides = (
        ("en", (("instruction", row.instruction_en), ("input", row.input_en), ("output", row.output_en))),
        (row.language, (("instruction", row.instruction), ("input", row.input), ("output", row.output))),
    )
    shown = [(language, [(name, _cut(text)) for name, text in texts]) for language, texts in sides]
    return {"line": line, "id": row.id[:80], "detail": detail, "raw": None, "sides": shown}


def _cut(text: str) -> str:
    return text[:CHARACTERS] + ("…" if len(text) > CHARACTERS else "")
