"""The rows of P1 (docs/study.md): `python studies/campaign/make_rows.py ../shared/data`. Writes runs/campaign/rows.

SIB-200's 1,004 sentences in five folds: of each fold the English sentences of the other four with their topics, and its
own in four languages as a benchmark. Pairs without labels come from Tatoeba and from the questions of Alpaca: FLORES,
from which SIB-200 is made, is in none of them.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path
from typing import Any

from deepsuper.common.files import write_json_lines
from deepsuper.common.lines import file_records, refuse
from deepsuper.evaluation.own_tasks import SIB200_TOPICS

FOLDS = 5
LANGUAGES = ("vi", "zh", "ar")
SHORTEST, LONGEST = 8, 200
"""Characters of an English text of a pair: one word says little, and long texts make wide batches."""


def read(path: Path) -> list[dict[str, Any]]:
    return [record for _, record in file_records(path, refuse)]


def folds(rows: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """The rows in folds that differ in no topic's number by more than one, the same each time."""
    shuffled = sorted(random.Random(0).sample(rows, len(rows)), key=lambda row: row["category"])
    return [shuffled[n::FOLDS] for n in range(FOLDS)]


def write_folds(rows: list[dict[str, Any]], folder: Path) -> None:
    parts = folds(rows)
    for n, held_out in enumerate(parts):
        task = [
            {
                "id": row["id"],
                "instruction_en": f"What is the topic of this text? {row['en']}",
                "output_en": row["category"],
            }
            for k, part in enumerate(parts)
            if k != n
            for row in part
        ]
        write_json_lines(folder / f"fold{n}" / "task.jsonl", task)
        for language in ("en", *LANGUAGES):
            items = [
                {"id": f"sib-{row['id']}", "text": row[language], "label": SIB200_TOPICS.index(row["category"])}
                for row in held_out
            ]
            write_json_lines(folder / f"fold{n}" / "bench" / "sib200" / f"{language}.jsonl", items)


def pairs(data: Path, language: str) -> list[dict[str, Any]]:
    """The pairs of a language; no English text is there twice, since the other pairs of a batch are its negatives."""
    tatoeba = [(row["en"], row[language]) for row in read(data / "parallel_text" / f"tatoeba.en-{language}.jsonl")]
    alpaca = next((data / "parallel").glob(f"alpaca.{language}.*"))
    questions = [(row["instruction_en"], row["instruction"]) for row in read(alpaca)]
    found = {english: other for english, other in tatoeba + questions if SHORTEST <= len(english) <= LONGEST}
    return [{"id": n, "text": other, "text_en": english} for n, (english, other) in enumerate(found.items()) if other]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="the folder with parallel_text and parallel")
    parser.add_argument("--output_dir", type=Path, default=Path("runs/campaign/rows"))
    parser.add_argument("--pairs", type=int, default=4000, help="of each language, at most")
    args = parser.parse_args()
    write_folds(read(args.data / "parallel_text" / "flores_sib200.jsonl.gz"), args.output_dir)
    for language in LANGUAGES:
        rows = pairs(args.data, language)[: args.pairs]
        write_json_lines(args.output_dir / f"pairs.{language}.jsonl", rows)
        print(f"pairs of en and {language}: {len(rows)}")


if __name__ == "__main__":
    main()
