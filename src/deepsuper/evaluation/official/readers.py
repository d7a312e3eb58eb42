"""One reader for each file format: a member of a download -> the place and the object of each row."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from deepsuper.common.errors import UserError
from deepsuper.common.lines import Located, decode, json_records, refuse
from deepsuper.evaluation.official.sources import Member

MMLU_COLUMNS = ("question", "A", "B", "C", "D", "answer")


def text_lines(member: Member) -> Iterator[tuple[str, str]]:
    """The place and the text of each line, without line end and BOM. Raises: UserError if it is not UTF-8."""
    for number, line in member.lines():
        where = f"{member.where}:{number}"
        yield where, _decode(line, where).rstrip("\r\n")


def _decode(data: bytes, where: str) -> str:
    try:
        return decode(data, "fetch the file again")
    except ValueError as error:
        raise UserError(f"{where}: {error}") from error


def json_document(member: Member) -> Iterator[Located]:
    """A list of objects, or the questions of SQuAD's nested JSON, each with its `context`."""
    text = _decode(member.whole(), member.where)
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise UserError(f"{member.where}:{error.lineno}: not JSON ({error}): fetch the file again") from error
    except RecursionError as error:
        raise UserError(f"{member.where}: JSON that is nested too deeply: fetch the file again") from error
    if isinstance(document, dict) and isinstance(document.get("data"), list):
        yield from _squad(member.where, document["data"])
        return
    if not isinstance(document, list):
        kind = type(document).__name__
        raise UserError(f"{member.where}: a JSON {kind}: need a list of rows, or SQuAD's {{'data': [...]}}")
    for number, row in enumerate(document):
        if not isinstance(row, dict):
            raise UserError(
                f"{member.where}[{number}]: a JSON {type(row).__name__}: need an object with the row's fields"
            )
        yield f"{member.where}[{number}]", row


def _squad(name: str, articles: list[Any]) -> Iterator[Located]:
    where = name
    try:
        for a, article in enumerate(articles):
            where = f"{name}:data[{a}]"
            for p, paragraph in enumerate(article["paragraphs"]):
                where = f"{name}:data[{a}].paragraphs[{p}]"
                for q, question in enumerate(paragraph["qas"]):
                    where = f"{name}:data[{a}].paragraphs[{p}].qas[{q}]"
                    yield where, {**question, "context": paragraph["context"], "title": article.get("title", a)}
    except (KeyError, TypeError) as error:
        raise UserError(
            f"{where}: not SQuAD's JSON ({error!r}): need data[].paragraphs[] with context and qas[]"
        ) from error


def tab_separated(member: Member) -> Iterator[Located]:
    """Columns named by a header. Quotation marks are ordinary text, as in XNLI."""
    return _table((where, line.split("\t")) for where, line in text_lines(member) if line)


def story_columns(member: Member) -> Iterator[Located]:
    """`tab_separated` without quotation marks around a whole field, as the hub's reader does; all others stay."""
    for where, row in tab_separated(member):
        yield where, {_unquoted(name): _unquoted(value) for name, value in row.items()}


def _unquoted(text: str) -> str:
    wrapped = re.fullmatch(r'"((?:[^"]|"")*)"', text)
    return wrapped[1].replace('""', '"') if wrapped else text


def comma_separated(member: Member) -> Iterator[Located]:
    """MMLU's CSV: with a header that names `Question`, or without one. Ids are subject/split/row, as elsewhere."""
    lines = (line for _, line in text_lines(member))
    reader = csv.reader((line + "\n" for line in lines), strict=True)
    rows = ((f"{member.where}:{reader.line_num}", row) for row in reader if row)
    subject = re.sub(r"_(test|val|dev)$", r"/\1", member.name.rpartition("/")[2].removesuffix(".csv"))
    try:
        first = next(rows, None)
        if first is not None and "Question" in first[1]:
            renamed = [{"Question": "question", "Answer": "answer"}.get(name, name) for name in first[1]]
            records = _table([(first[0], renamed), *rows])
        else:
            records = _table([("", list(MMLU_COLUMNS)), *([first] if first else []), *rows])
    except csv.Error as error:
        raise UserError(f"{member.where}:{reader.line_num}: not CSV ({error}): fetch the file again") from error
    for number, (where, row) in enumerate(records):
        yield where, {**row, "id": f"{subject}/{number}"}


def _table(rows: Iterable[tuple[str, list[str]]]) -> Iterator[Located]:
    names: list[str] | None = None
    for where, values in rows:
        if names is None:
            names = values
        elif len(values) != len(names):
            raise UserError(f"{where}: {len(values)} columns, need {len(names)} ({', '.join(names)}): fetch it again")
        else:
            yield where, dict(zip(names, values, strict=True))


def parquet(member: Member) -> Iterator[Located]:
    """Rows of a Parquet file of the hub."""
    import pyarrow as pa
    from pyarrow.parquet import ParquetFile

    try:
        batches = ParquetFile(io.BytesIO(member.whole())).iter_batches()
        rows = [row for batch in batches for row in batch.to_pylist()]
    except pa.ArrowException as error:
        raise UserError(f"{member.where}: not Parquet ({error}): fetch the file again") from error
    for number, row in enumerate(rows, start=1):
        yield f"{member.where}:row {number}", row


def paired_lines(member: Member, english: Member) -> Iterator[Located]:
    """Line n of a FLORES file beside line n of the English one. Raises: UserError where one is shorter."""
    sides = [list(text_lines(side)) for side in (member, english)]
    if len(sides[0]) != len(sides[1]):
        raise UserError(
            f"{member.where}: {len(sides[0])} lines, but {len(sides[1])} in {english.where}: fetch both again"
        )
    for number, ((where, text), (_, original)) in enumerate(zip(*sides, strict=True)):
        yield where, {"id": number, "text": text, "english": original}


READERS: dict[str, Callable[[Member], Iterator[Located]]] = {
    ".jsonl": lambda member: json_records(member.where, member.lines(), refuse),
    ".json": json_document,
    "_eval.tsv": story_columns,
    ".tsv": tab_separated,
    ".csv": comma_separated,
    ".parquet": parquet,
}
"""End of the file's name -> its reader; the first that matches counts."""
