"""The options of `deepsuper data sdrrl`, before a row is made."""

from collections.abc import Sequence
from pathlib import Path

from deepsuper.common.errors import UserError
from deepsuper.common.outputs import check_file, check_not_read, check_own_rows
from deepsuper.config import RunConfig
from deepsuper.data.packaged import rows_path


def check_synthesis(config: RunConfig, output: Path | None, recipes: Sequence[Path] = ()) -> None:
    """Raises: UserError for another method than sdrrl, or where an output cannot be written or would overwrite an
    input or a file that is no synthesis. `recipes`: the files that `config` was read from.
    """
    check_method(config)
    if output is None:
        return
    check_file("output", output)
    read = [*recipes, *(rows_path(path, name) for name, path in config.files())]
    check_not_read("output", [output, skipped_beside(output)], read)
    check_own_rows("output", output, "part", "synthesis")
    if config.data.on_bad_row == "skip":
        check_own_rows("output", skipped_beside(output), "where", "synthesis")


def check_method(config: RunConfig) -> None:
    """Raises: UserError for another method than sdrrl."""
    if config.objective.method != "sdrrl":
        raise UserError(f"objective.method: need sdrrl, got {config.objective.method}")


def skipped_beside(output: Path) -> Path:
    """`rows.jsonl` has `rows.skipped.jsonl` beside it."""
    return output.with_name(f"{output.name.removesuffix('.jsonl')}.skipped.jsonl")
