"""Sentences to analyse a model with: the packaged FLORES-200 ones, or those of a file."""

import json
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from deepsuper.common.errors import Place, UserError
from deepsuper.common.lines import decode, file_records, is_unicode, numbered_lines, refuse

LANGUAGES = ("zh", "vi", "ar")
PACKAGED = Path(__file__).parent / "flores.jsonl.gz"
Part = Literal["dev", "devtest"]
PARTS: tuple[Part, ...] = ("dev", "devtest")
SENTENCE_FIELDS, ENGLISH_SENTENCE_FIELDS = ("text", "instruction"), ("en", "text_en", "instruction_en")


@dataclass(frozen=True)
class Texts:
    """Sentences of a language and, where there are any, their English versions, in the same order."""

    language: str
    source: str
    target: tuple[str, ...]
    english: tuple[str, ...] | None

    def first(self, count: int | None) -> "Texts":
        """The first `count` sentences; all of them without a count."""
        english = None if self.english is None else self.english[:count]
        return Texts(self.language, self.source, self.target[:count], english)


def load_texts(language: str, path: Path | None = None, *, part: Part = "dev", parallel: bool = False) -> Texts:
    """The packaged sentences of `language`, or those of a file. `parallel`: their English versions are required.

    A file has one sentence on each line, or JSON lines (plain or gzip) with the sentence under the language's code,
    `text` or `instruction`, and its English under `en`, `text_en` or `instruction_en`.
    Raises: UserError naming file, line and remedy.
    """
    if path is None:
        if language not in LANGUAGES:
            raise UserError(
                f"lang {language!r}: no sentences are packaged for it (there are {', '.join(LANGUAGES)}): "
                "give your own with --data FILE"
            )
        pairs = [
            (record[language], record["en"]) for _, record in file_records(PACKAGED, refuse) if record["part"] == part
        ]
        source = f"FLORES-200 {part}"
    else:
        pairs, source = list(_read(path, language)), str(path)
    if not pairs:
        raise UserError(f"{source}: no text: need at least one sentence")
    target = tuple(unicodedata.normalize("NFC", pair[0]) for pair in pairs)
    english = tuple(unicodedata.normalize("NFC", pair[1]) for pair in pairs if pair[1] is not None)
    if parallel and len(english) < len(target):
        missing = next(n for n, pair in enumerate(pairs, start=1) if pair[1] is None)
        raise UserError(
            f"{source}: sentence {missing} has no English beside it: need JSON lines with one of "
            f"{', '.join(ENGLISH_SENTENCE_FIELDS)}"
        )
    return Texts(language, source, target, english if len(english) == len(target) else None)


def _read(path: Path, language: str) -> Iterator[tuple[str, str | None]]:
    """Each sentence of a file with its English version, where there is one."""
    first = next((line for _, line in numbered_lines(path) if line.strip()), b"")
    if not first.lstrip(b"\xef\xbb\xbf \t").startswith(b"{"):
        yield from _read_plain(path)
        return
    fields = (language, *SENTENCE_FIELDS)
    for where, record in file_records(path, refuse):
        name = next((name for name in fields if name in record), None)
        if name is None:
            raise UserError(f"{where}: has none of the fields {', '.join(fields)}: name the sentence with one of them")
        english = next((record[name] for name in ENGLISH_SENTENCE_FIELDS if name in record), None)
        for value in (record[name], english):
            if value is not None and not (isinstance(value, str) and value.strip()):
                raise UserError(f"{where}: need a text that is not empty, got {json.dumps(value, ensure_ascii=False)}")
            if value is not None and not is_unicode(value):
                raise UserError(f"{where}: holds half of a surrogate pair: write the character itself")
        yield record[name].strip(), None if english is None else english.strip()


def _read_plain(path: Path) -> Iterator[tuple[str, str | None]]:
    for number, line in numbered_lines(path):
        try:
            text = decode(line).strip()
        except ValueError as error:
            raise UserError(f"{Place(path, number)}: {error}") from error
        if text:
            yield text, None
