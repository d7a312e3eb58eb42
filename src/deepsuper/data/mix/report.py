"""What a mix prints and writes beside its rows: a table, the manifest, and the lines for a recipe."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table

from deepsuper.common.files import sha256, write_json, write_text
from deepsuper.config.mix import MixConfig
from deepsuper.data.mix.distribute import RowsOut
from deepsuper.data.mix.plan import SourcePlan


def counts(planned: SourcePlan, given: RowsOut) -> dict[str, int]:
    """Counts of one source: in = good + skipped; taken: different rows in the mix, some perhaps more than once."""
    scan = planned.scan
    return {
        "rows_in": scan.rows + scan.skipped,
        "skipped": scan.skipped,
        "good": scan.rows,
        "taken": given.different,
        "rows_out": given.rows,
    }


def print_mix(console: Console, plan: Sequence[SourcePlan], given: Sequence[RowsOut]) -> None:
    """Prints a table with a line for each source, and the sum."""
    table = Table("source", "", "rows in", "skipped", "good", "taken", "rows out", "share")
    total = sum(d.rows for d in given)
    sums: Counter[str] = Counter()
    for planned, out in zip(plan, given, strict=True):
        numbers = counts(planned, out)
        sums.update(numbers)
        cells = [f"{n:,}" for n in numbers.values()]
        table.add_row(planned.source.named, planned.source.language, *cells, f"{out.rows / total:.1%}")
    if len(plan) > 1:
        table.add_section()
        table.add_row("all", "", *[f"{n:,}" for n in sums.values()], "100.0%")
    for column in table.columns[2:]:
        column.justify = "right"
    console.print(table)


def write_report(
    folder: Path, config: MixConfig, plan: Sequence[SourcePlan], given: Sequence[RowsOut], head: Mapping[str, Any]
) -> list[str]:
    """Writes the files beside the rows, the manifest last. Returns the names of all files."""
    files: Counter[str] = Counter()
    for planned, out in zip(plan, given, strict=True):
        files[planned.file] += out.rows
    write_text(folder / "mix.yaml", yaml.safe_dump(asdict(config), sort_keys=False, allow_unicode=True))
    names = ["mix.yaml", "manifest.json"]
    if config.layout == "languages":
        write_text(folder / "data.yaml", _recipe_lines(folder, plan))
        names.insert(0, "data.yaml")
    sources = [
        {
            "name": planned.source.named,
            "language": planned.source.language,
            "path": planned.source.path,
            "sha256": planned.scan.sha256,
            "file": planned.file,
            **counts(planned, out),
        }
        for planned, out in zip(plan, given, strict=True)
    ]
    manifest = {
        **head,
        "seed": config.seed,
        "temperature": config.temperature,
        "sources": sources,
        "files": {name: {"rows": rows, "sha256": sha256(folder / name)} for name, rows in files.items()},
    }
    write_json(folder / "manifest.json", manifest)
    return [*files, *names]


def _recipe_lines(folder: Path, plan: Sequence[SourcePlan]) -> str:
    """The part of a recipe that trains on the files."""
    languages = {planned.file: planned.source.language for planned in plan if planned.quota}
    sources = [{"language": language, "path": str(folder / file)} for file, language in languages.items()]
    lines: str = yaml.safe_dump({"data": {"train": sources}}, sort_keys=False, allow_unicode=True)
    return f"# deepsuper train RECIPE.yaml --config {folder / 'data.yaml'}\n{lines}"
