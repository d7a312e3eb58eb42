"""The scores of an evaluation as a table for the terminal."""

from collections.abc import Mapping
from typing import Any, Literal

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from deepsuper.evaluation.measures import measures_of, title_of


def print_table(console: Console, results: Mapping[str, Mapping[str, Any]]) -> None:
    """A column for each model of `results`; a table for each where the console is too narrow. Nothing is ever cut."""
    tables = [_table(results)]
    if width_of(console, tables[0]) > console.width:
        tables = [_table({name: scores}) for name, scores in results.items()]
    for table in tables:
        print_uncut(console, table)


def print_uncut(console: Console, table: Table) -> None:
    """Prints a table without cutting it: a narrow terminal wraps the lines, which rich would shorten."""
    colors: Literal["auto"] | None = "auto" if console.is_terminal else None
    wide = Console(file=console.file, width=max(width_of(console, table), console.width), color_system=colors)
    wide.print(table, crop=False)


def width_of(console: Console, table: Table) -> int:
    """The width that a table needs, however narrow the console is."""
    return Measurement.get(console, console.options.update(max_width=10_000), table).maximum


def _table(results: Mapping[str, Mapping[str, Any]]) -> Table:
    every = [pair for scores in results.values() for pair in scores.items()]
    rows = dict.fromkeys((key, measure) for key, score in every for measure in measures_of(score))
    table = Table(title="score in percent (95%)", title_justify="left")
    for name in ("benchmark", "score", *results):
        table.add_column(Text(name), no_wrap=True)
    for key, measure in rows:
        cells = (_cell(scores.get(key), measure) for scores in results.values())
        table.add_row(key, title_of(key.partition("/")[0], measure), *cells)
    return table


def _cell(score: Mapping[str, Any] | None, measure: str) -> str:
    if score is None:
        return "-"
    if measure != score["metric"]:
        return "-" if score.get(measure) is None else percent(score[measure])
    in_language, empty = score.get("in_language"), score.get("empty")
    parts = [percent(score)]
    if in_language is not None:
        known = f" of {in_language['items']} that can be told" if in_language["items"] < score["items"] else ""
        parts.append(f"in language {percent(in_language)}{known}")
    if empty is not None and empty["mean"] > 0.0:
        parts.append(f"empty {100 * empty['mean']:.1f}")
    return "; ".join(parts)


def percent(score: Mapping[str, Any]) -> str:
    """A score with its interval."""
    return "{mean:.1f} ({low:.1f} to {high:.1f})".format(**{k: 100 * score[k] for k in ("mean", "low", "high")})
