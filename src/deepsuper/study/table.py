"""The table of a study's cells: scores, doses, losses and cost of each, for the page and as CSV."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence

from deepsuper.evaluation.compare.tables import shown
from deepsuper.study.facts import DOSES, ENGLISH_LOSS, LOSS, RETRIEVAL, CellFacts

CellValue = str | float | tuple[float, float] | None
"""A pair: the first and the last value of a loss, or that of the base model and of the cell."""
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
    yield from facts.inside.items()
    yield from sorted(facts.doses.items())
    for name, points in sorted(facts.losses.items()):
        yield name, (points[0][1], points[-1][1])
    yield "minutes", facts.minutes
    yield "peak MiB", facts.peak_mib
    yield "steps", facts.steps


KINDS = ("train", "eval", "align")
PLACES = (*KINDS, "", IN_LANGUAGE, EMPTY, RETRIEVAL, ENGLISH_LOSS, *DOSES, LOSS, "minutes", "peak MiB", "steps")
"""What the names of columns begin with, in their order behind the name of the cell; nothing for scores."""


def _place(name: str) -> int:
    """Where a column stands: the cells may have different ones."""
    if name == "cell":
        return -1
    return next((n for n, begins in enumerate(PLACES) if begins and name.startswith(begins)), PLACES.index(""))


def as_shown(name: str, value: CellValue) -> str:
    """A value as the page shows it: shares in percent, a dash where nothing is known."""
    if value is None:
        return UNKNOWN
    if isinstance(value, str):
        return STATES.get(value, value) if name in KINDS else value
    if isinstance(value, tuple):
        return " → ".join(f"{one:.3g}" for one in value)
    if PLACES[_place(name)] in ("", IN_LANGUAGE, EMPTY):
        return shown(value)
    return f"{value:.1f}" if name == "minutes" else f"{value:,.0f}" if name in ("peak MiB", "steps") else f"{value:.3g}"


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
            for n, end in enumerate(
                ("base", "tuned") if name.startswith((RETRIEVAL, ENGLISH_LOSS)) else ("first", "last")
            ):
                yield f"{name} {end}", [value[n] if isinstance(value, tuple) else None for value in values]
        else:
            yield name, values
