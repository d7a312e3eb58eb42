"""XQuAD in two languages, split by article: no paragraph is in both parts."""

from __future__ import annotations

import gzip
import json
import re
from dataclasses import dataclass
from importlib import resources
from typing import Any

from deepsuper.corpora import FIELDS, Row, make_row, normalize

LANGUAGES = ("zh", "vi", "ar")
HELD_OUT_EVERY = 6
"""Every sixth article is held out: 8 of 48."""
_SENTENCE_END = re.compile(r"(?<=[。！？])|(?<=[.!?؟])\s+")


@dataclass(frozen=True)
class Split:
    """Rows to train on and rows to evaluate on, from different articles."""

    train: list[Row]
    held_out: list[Row]


def load_split(language: str) -> Split:
    """The packaged rows, contexts cut to the answer's sentence in both languages. Raises: ValueError for others."""
    if language not in LANGUAGES:
        raise ValueError(f"lang: need one of {', '.join(LANGUAGES)}, got {language!r}")
    records = _records(language)
    titles = list(dict.fromkeys(record["title"] for record in records))
    held_out = set(titles[HELD_OUT_EVERY - 1 :: HELD_OUT_EVERY])
    split = Split([], [])
    for record in records:
        part = split.held_out if record["title"] in held_out else split.train
        part.append(_row(record, language))
    return split


def titles_of(language: str) -> dict[str, str]:
    """Row id -> title of its article."""
    return {str(record["id"]): str(record["title"]) for record in _records(language)}


def _records(language: str) -> list[dict[str, Any]]:
    packed = resources.files("deepsuper.demo").joinpath(f"xquad.{language}.jsonl.gz").read_bytes()
    return [json.loads(line) for line in gzip.decompress(packed).decode("utf-8").splitlines()]


def _row(record: dict[str, Any], language: str) -> Row:
    cut = {
        f"input{side}": sentence_with(record[f"output{side}"], record[f"input{side}"].strip()) for side in ("", "_en")
    }
    return normalize(make_row({**record, **cut}, language, FIELDS["parallel"]))


def sentence_with(answer: str, context: str) -> str:
    """The sentence or sentences of `context` that hold the first occurrence of `answer`; all of it where none does."""
    start = context.find(answer)
    if start < 0:
        return context
    ends = [match.end() for match in _SENTENCE_END.finditer(context)] + [len(context)]
    begin = max((end for end in ends if end <= start), default=0)
    stop = min(end for end in ends if end >= start + len(answer))
    return context[begin:stop].strip()
