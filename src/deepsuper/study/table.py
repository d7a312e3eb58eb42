"""The table of a study's cells: scores, doses, losses and cost of each, for the page and as CSV."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence

from deepsuper.evaluation.compare.tables import shown
from deepsuper.study.facts import CellFacts

CellValue = str | float | tuple[float, float] | None
"""A pair: the first and the last value of a loss."""
STATES = {"done": "✔ done", "stale": "▲ stale", "missing": "✖ missing"}
UNKNOWN = "–"
IN_LANGUAGE, EMPTY = "in the language", "empty"
"""The columns of shares of answers."""


def columns_of(cells: Sequence[CellFacts]) -> dict[str, list[CellValue]]:
    """Title -> a value for each cell, None where it is not known. Only columns of which something is known."""
    rows = [dict(_row(facts)) for facts in cells]
    found = {}
    for name in sorted(dict.fromkeys(name for row in rows for name in row), key=_place):
        values = [row.get(name) for row in rows]
        if any(value is not None for value in values):
            found[name] = values
    return found


def _row(facts: CellFacts) -> Iterator[tuple[str, CellValue]]:
    yield "cell", facts.cell.name
    for kind, state in facts.states.items():
        yield kind, state.status
    yield from facts.scores().items()
    yield IN_LANGUAGE, facts.answers("in_language")
    yield EMPTY, facts.answers("empty")
    yield from sorted(facts.doses.items())
    for name, points in sorted(facts.losses.items()):
        yield name, (points[0][1], points[-1][1])
    yield "minutes", facts.minutes
    yield "peak MiB", facts.peak_mib
    yield "steps", facts.steps


def _place(name: str) -> int:
    """Where a column stands: the cells may have different ones."""
    for place, begins in enumerate((("cell",), ("train", "eval"))):
        if name in begins:
            return place
    ends = {IN_LANGUAGE: 3, EMPTY: 4, "minutes": 8, "peak MiB": 9, "steps": 10}
    doses = {"ratio_": 5, "weight_": 6, "loss_": 7}
    return ends.get(name, next((place for start, place in doses.items() if name.startswith(start)), 2))


def as_shown(name: str, value: CellValue) -> str:
    """A value as the page shows it: shares in percent, a dash where nothing is known."""
    if value is None:
        return UNKNOWN
    if isinstance(value, str):
        return STATES.get(value, value) if name in ("train", "eval") else value
    if isinstance(value, tuple):
        return " → ".join(f"{one:.3g}" for one in value)
    if _place(name) in (2, 3, 4):
        return shown(value)
    return f"{value:.1f}" if name == "minutes" else f"{value:,.0f}" if _place(name) > 7 else f"{value:.3g}"


def as_csv(cells: Sequence[CellFacts]) -> str:
    """The table with all digits; scores are in [0, 1], what is not known is empty, and a pair has two columns."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    columns = list(_single(columns_of(cells)))
    writer.writerow([name for name, _ in columns])
    for n in range(len(cells)):
        writer.writerow(["" if (value := values[n]) is None else value for _, values in columns])
    return out.getvalue()


def _single(columns: Mapping[str, Sequence[CellValue]]) -> Iterator[tuple[str, Sequence[CellValue]]]:
    """The columns, those of pairs as two."""
    for name, values in columns.items():
        if any(isinstance(value, tuple) for value in values):
            for n, end in enumerate(("first", "last")):
                yield f"{name} {end}", [value[n] if isinstance(value, tuple) else None for value in values]
        else:
            yield name, values
