"""The texts of evaluation sets, each with its place: packaged ones, and files in the layout of --data_dir."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepsuper.common.errors import Place, UserError
from deepsuper.common.lines import file_records, refuse
from deepsuper.data import packaged
from deepsuper.data.texts import PACKAGED
from deepsuper.evaluation.benchmarks import BENCHMARKS
from deepsuper.evaluation.local import local_file

CHOICE_FIELD = re.compile(r"(?:choice\w*|endings?|answers?|options?_?\w?|targets?\w*|labels?)$")
NO_TEXT = {"id", "title", "label", "category", "part", "type", "idx", "where", "entity", "topic", "split"}
"""Fields whose values are no text of an item."""


@dataclass(frozen=True)
class EvaluationText:
    """One text of an evaluation set. `where`: FILE:LINE (ID)."""

    benchmark: str
    where: str
    field: str
    text: str

    def __str__(self) -> str:
        return f"{self.benchmark}/{self.where} {self.field}"

    @property
    def choice(self) -> bool:
        """Whether it is one of the answers to choose from: alone, such a text is no contamination."""
        return CHOICE_FIELD.search(self.field) is not None


def evaluation_items(language: str, data_dir: str | None) -> Iterator[EvaluationText]:
    """Every text in `language` or English. Raises: UserError where a folder or a line in it cannot be read."""
    if data_dir is not None:
        yield from _local_items(Path(data_dir), language)
    yield from _packaged_items(language)


def _local_items(folder: Path, language: str) -> Iterator[EvaluationText]:
    paths = [(name, local_file(folder, name, code)) for name in BENCHMARKS for code in dict.fromkeys((language, "en"))]
    if not any(path for _, path in paths):
        raise UserError(
            f"data_dir {str(folder)!r}: no file for {language} or en in it: `deepsuper data layout` tells their names"
        )
    for name, path in paths:
        for where, record in file_records(path, refuse) if path else ():
            key = record.get("id", record.get("idx"))
            place = file_line(where) + ("" if key is None else f" ({key})")
            for field, text in _texts(record):
                yield EvaluationText(name, place, field, text)


def _packaged_items(language: str) -> Iterator[EvaluationText]:
    for where, record in file_records(PACKAGED, refuse):
        for code in (language, "en"):
            if code in record:
                place = f"packaged {record['part']}:{where.line} ({record['id']})"
                yield EvaluationText("flores", place, code, record[code])
    # The rows of every language hold the English ones too.
    code = language if any(packaged.FOLDER.glob(f"xquad.{language}.*")) else "zh"
    for path in sorted(packaged.FOLDER.glob(f"xquad.{code}.*")):
        for where, record in file_records(path, refuse):
            for field, text in _texts(record):
                if code == language or field.endswith("_en"):
                    place = f"packaged {file_line(where)} ({record['id']})"
                    yield EvaluationText("xquad", place, field, text)


def file_line(where: Place) -> str:
    """FILE:LINE, without the folder."""
    return f"{Path(where.path).name}:{where.line}"


def _texts(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Each text in a record, at any depth, with the name of its field."""
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner, name)
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            if key not in NO_TEXT:
                yield from _texts(inner, name or str(key))
