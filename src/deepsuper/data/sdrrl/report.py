"""What `deepsuper data sdrrl` prints and writes, and the rows as they are kept in a run folder."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from deepsuper.common.files import write_json_lines
from deepsuper.config import RunConfig
from deepsuper.data.rows import TARGET_FIELDS, write_skipped
from deepsuper.data.sdrrl.check import skipped_beside
from deepsuper.data.sdrrl.corpus import Synthesis

EXAMPLES = 2
"""Rows of each part that are printed."""


def records_of(made: Synthesis) -> Iterator[Mapping[str, Any]]:
    """A JSON object for each row, with its part."""
    for part, rows in made.parts.items():
        for row in rows:
            texts = {name: getattr(row, name) for name in TARGET_FIELDS}
            yield {"id": row.id, "part": part, "language": row.language, **texts, "where": str(row.where)}


def report_synthesis(config: RunConfig, made: Synthesis, output: Path | None) -> None:
    """Prints examples of each part and the counts. `output`: writes the rows, and beside it those that were skipped."""
    console = Console()
    table = Table("part", "rows", show_lines=True)
    for name in ("question", "answer"):
        table.add_column(name, overflow="fold")
    for part, rows in made.parts.items():
        for first, row in zip((True, *[False] * EXAMPLES), rows[:EXAMPLES], strict=False):
            question = "\n".join(text for text in (row.instruction, row.input) if text)
            heading = (part, f"{len(rows):,}") if first else ("", "")
            table.add_row(*heading, *(escape(_short(text)) for text in (question, row.output)))
    console.print(table)
    for name, number in made.counts.items():
        console.print(f"{name}: {number:,}", highlight=False)
    if output is not None:
        write_json_lines(output, records_of(made))
        console.print(f"{len(made.rows):,} rows: {output}", markup=False, highlight=False)
    for left_out in made.skipped[:EXAMPLES]:
        console.print(f"skipped: {left_out.where}: {left_out.reason}", markup=False, highlight=False, soft_wrap=True)
    if output is not None and config.data.on_bad_row == "skip":
        write_skipped(made.skipped, skipped_beside(output))
        console.print(f"{len(made.skipped):,} skipped rows: {skipped_beside(output)}", markup=False, highlight=False)


def _short(text: str) -> str:
    return text if len(text) <= 300 else text[:300] + " …"
