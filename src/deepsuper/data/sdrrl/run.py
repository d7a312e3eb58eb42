"""The rows that SDRRL trains on: made and saved for a run, read again, or shown by `deepsuper data sdrrl`."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from deepsuper.common.errors import UserError
from deepsuper.common.files import write_json, write_json_lines
from deepsuper.common.lines import file_records, refuse
from deepsuper.config import RunConfig, SdrrlConfig
from deepsuper.data.rows import TARGET_FIELDS, Row, load_corpus, make_row
from deepsuper.data.sdrrl.check import check_synthesis
from deepsuper.data.sdrrl.completion import completion_rows
from deepsuper.data.sdrrl.corpus import Synthesis, make_rows
from deepsuper.data.sdrrl.distillation import distil
from deepsuper.data.sdrrl.report import records_of, report_synthesis

ROWS_FILE, COUNTS_FILE = "sdrrl.jsonl", "sdrrl.json"


def synthesise(config: RunConfig) -> Synthesis:
    """The rows that a run with `method: sdrrl` trains on. Raises: UserError as `load_corpus` and `load_texts` do."""
    parts, seed = config.data.sdrrl or SdrrlConfig(), config.training.seed
    corpus = load_corpus(config.data.train, config.data, kind="parallel", seed=seed)
    for language in dict.fromkeys(row.language for row in corpus.rows):
        completion_rows(language, parts)  # finds sentences that cannot be read before weights are loaded
    english = any(direction.endswith("-en") for direction in parts.directions)
    distilled = distil(config, parts, corpus.rows) if parts.distill and english else None
    made = make_rows(corpus.rows, distilled, parts, seed)
    if corpus.skipped:
        made.skipped = corpus.skipped
        made.counts["rows_skipped"] = len(corpus.skipped)
    return made


def synthesise_for_run(config: RunConfig, folder: Path) -> None:
    """Makes the rows of a run, and saves them and the counts in its folder."""
    made = synthesise(config)
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / COUNTS_FILE, made.counts)
    write_json_lines(folder / ROWS_FILE, records_of(made))


def synthesised_for_run(folder: Path) -> Synthesis:
    """The rows that `synthesise_for_run` saved. Raises: UserError where they cannot be read."""
    made = Synthesis()
    try:
        made.counts = Counter(json.loads((folder / COUNTS_FILE).read_text(encoding="utf-8")))
        for where, record in file_records(folder / ROWS_FILE, refuse):
            row = make_row(record, record["language"], TARGET_FIELDS)
            made.add(record["part"], [Row(**{**vars(row), "where": record["where"] or where})])
    except (OSError, KeyError, ValueError) as error:
        raise UserError(f"{folder}: its SDRRL rows cannot be read ({error}): start the run again") from error
    return made


def run_synthesis(config: RunConfig, output: Path | None, recipes: Sequence[Path] = ()) -> None:
    """Prints what a recipe with `method: sdrrl` trains on: examples of each part, counts. `output`: writes the rows,
    and beside it those that were skipped. `recipes`: the files that `config` was read from. `config` has been checked.
    """
    check_synthesis(config, output, recipes)
    report_synthesis(config, synthesise(config), output)
