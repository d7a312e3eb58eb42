"""Makes the packaged rows from XQuAD: contexts cut to the answer's sentence, articles split.

    python docs/make_packaged_rows.py xquad_qa.zh.jsonl.gz zh FOLDER

The source has one JSON line for each question: the six fields of a parallel row, `id` and `title`.
"""

import gzip
import json
import re
import sys
from pathlib import Path
from typing import Any

HELD_OUT_EVERY = 6
"""Every sixth article is held out: 8 of 48."""
_SENTENCE_END = re.compile(r"(?<=[。！？])|(?<=[.!?؟])\s+")


def split(records: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows to train on and rows to hold out; no article is in both."""
    titles = list(dict.fromkeys(record["title"] for record in records))
    held_out = set(titles[HELD_OUT_EVERY - 1 :: HELD_OUT_EVERY])
    return [r for r in records if r["title"] not in held_out], [r for r in records if r["title"] in held_out]


def cut(record: dict[str, Any]) -> dict[str, Any]:
    """The record with both contexts cut to what holds the answer."""
    inputs = {
        f"input{side}": sentence_with(record[f"output{side}"], record[f"input{side}"].strip()) for side in ("", "_en")
    }
    return {**record, **inputs}


def sentence_with(answer: str, context: str) -> str:
    """The sentence or sentences of `context` that hold the first occurrence of `answer`; all of it where none does."""
    start = context.find(answer)
    if start < 0:
        return context
    ends = [match.end() for match in _SENTENCE_END.finditer(context)] + [len(context)]
    begin = max((end for end in ends if end <= start), default=0)
    stop = min(end for end in ends if end >= start + len(answer))
    return context[begin:stop].strip()


def make_xquad(source: Path, language: str, folder: Path) -> None:
    """Writes xquad.LANGUAGE.train.jsonl.gz and xquad.LANGUAGE.held_out.jsonl.gz, the same bytes each time."""
    with gzip.open(source, "rt", encoding="utf-8") as file:
        parts = split([json.loads(line) for line in file])
    folder.mkdir(parents=True, exist_ok=True)
    for name, records in zip(("train", "held_out"), parts, strict=True):
        text = "".join(json.dumps(cut(record), ensure_ascii=False) + "\n" for record in records)
        (folder / f"xquad.{language}.{name}.jsonl.gz").write_bytes(gzip.compress(text.encode("utf-8"), mtime=0))


if __name__ == "__main__":
    make_xquad(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
