"""SDRRL's rows for a run, made once and read again; and a look at them before it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from deepsuper.common.errors import UserError
from deepsuper.common.files import write_json, write_json_lines
from deepsuper.common.lines import file_records, refuse
from deepsuper.common.outputs import check_file, check_not_read, check_own_rows
from deepsuper.config import RunConfig, SdrrlConfig
from deepsuper.data.rows import TARGET_FIELDS, Row, SkippedRow, load_corpus, make_row, write_skipped
from deepsuper.data.sdrrl.completion import completion_rows
from deepsuper.data.sdrrl.corpus import Synthesis, make_rows
from deepsuper.data.sdrrl.distil import distil

ROWS, COUNTS = "sdrrl.jsonl", "sdrrl.json"
EXAMPLES = 2


def synthesise(config: RunConfig) -> Synthesis:
    """The rows that a run with `method: sdrrl` trains on. Raises: UserError as `load_corpus` and `load_texts` do."""
    parts, seed = config.data.sdrrl or SdrrlConfig(), config.training.seed
    corpus = load_corpus(config.data.train, config.data, kind="parallel", seed=seed)
    for language in dict.fromkeys(row.language for row in corpus.rows):
        completion_rows(language, parts)  # sentences that cannot be read are found before a weight is loaded
    english = any(direction.endswith("-en") for direction in parts.directions)
    distilled = distil(config, parts, corpus.rows) if parts.distill and english else None
    made = make_rows(corpus.rows, distilled, parts, seed)
    if corpus.skipped:
        made.skipped = corpus.skipped
        made.counts["rows_skipped"] = len(corpus.skipped)
    return made


def synthesise_for_run(config: RunConfig, folder: Path) -> None:
    """Makes the rows of a run and leaves them, and what was counted, in its folder."""
    made = synthesise(config)
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / COUNTS, made.counts)
    write_json_lines(folder / ROWS, records_of(made))


def synthesised_for_run(folder: Path) -> Synthesis:
    """The rows that `synthesise_for_run` left. Raises: UserError where it did not."""
    made = Synthesis()
    try:
        made.counts = Counter(json.loads((folder / COUNTS).read_text(encoding="utf-8")))
        for where, record in file_records(folder / ROWS, refuse):
            row = make_row(record, record["language"], TARGET_FIELDS)
            made.add(record["part"], [Row(**{**vars(row), "where": record["where"] or where})])
    except (OSError, KeyError, ValueError) as error:
        raise UserError(f"{folder}: its SDRRL rows cannot be read ({error}): start the run again") from error
    return made


def records_of(made: Synthesis) -> Iterator[Mapping[str, Any]]:
    """One JSON object for each row, with the part that it belongs to."""
    for part, rows in made.parts.items():
        for row in rows:
            texts = {name: getattr(row, name) for name in TARGET_FIELDS}
            yield {"id": row.id, "part": part, "language": row.language, **texts, "where": str(row.where)}


def parts_text(parts: SdrrlConfig) -> str:
    """What the rows are made of, in one line."""
    own = any(direction.endswith("-en") for direction in parts.directions) and parts.distill
    pieces = [", ".join(parts.directions)] if parts.directions else []
    if own:
        pieces.append(f"English answers by {parts.teacher or 'the base model'} itself")
    if parts.code_switch and parts.directions:
        what = "questions and answers" if parts.switch_answers else "questions"
        pieces.append(f"{what} with {parts.code_switch:.0%} of their aligned words switched")
    if parts.completion:
        pieces.append(f"sentences to {' and to '.join(parts.completion)}")
    return "(x, y) of: " + "; ".join(pieces)


def run_synthesis(config: RunConfig, output: Path | None, recipes: Sequence[Path] = ()) -> None:
    """Shows what a recipe with `method: sdrrl` trains on: examples of each part, counts. `output`: writes the rows,
    and beside it those that were skipped. `recipes`: the files that `config` was read from. `config` has been checked.
    """
    if config.objective.method != "sdrrl":
        raise UserError(f"objective.method: need sdrrl, got {config.objective.method}")
    if output is not None:
        check_file("output", output)
        read = [*recipes, *(Path(path) for _, path in config.data.files())]
        check_not_read("output", [output, skipped_beside(output)], read)
        check_own_rows("output", output, "part", "synthesis")
        if config.data.on_bad_row == "skip":
            check_own_rows("output", skipped_beside(output), "where", "synthesis")
    made = synthesise(config)
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
    _report_skipped(console, config, made.skipped, output)


def skipped_beside(output: Path) -> Path:
    """`rows.jsonl` has `rows.skipped.jsonl` beside it."""
    return output.with_name(f"{output.name.removesuffix('.jsonl')}.skipped.jsonl")


def _report_skipped(console: Console, config: RunConfig, skipped: Sequence[SkippedRow], output: Path | None) -> None:
    """Names the first rows that were left out, and writes all of them beside the output."""
    for row in skipped[:EXAMPLES]:
        console.print(f"skipped: {row.where}: {row.reason}", markup=False, highlight=False, soft_wrap=True)
    if output is not None and config.data.on_bad_row == "skip":
        write_skipped(skipped, skipped_beside(output))
        console.print(f"{len(skipped):,} skipped rows: {skipped_beside(output)}", markup=False, highlight=False)


def _short(text: str) -> str:
    return text if len(text) <= 300 else text[:300] + " …"
