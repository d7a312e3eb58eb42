"""Rows of two made-up languages with one dictionary between them, for laws about pairs of texts."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

SYLLABLES = ("ba", "ce", "di", "fo", "gu", "ha", "ke", "li", "mo", "nu", "pa", "re", "si", "to", "vu")
Record = dict[str, Any]


def make_sides(count: int, seed: int = 0) -> tuple[list[Record], list[Record]]:
    """English and target records in the same order, without ids; `truth` numbers them. Some name a year or a person."""
    rng = random.Random(seed)
    words = ["".join(rng.choices(SYLLABLES, k=3)) for _ in range(300)]
    dictionary = {word: "ö" + "".join(rng.choices(SYLLABLES, k=2)) for word in words}
    frequent = [1.0 / (n + 5) for n in range(len(words))]

    def text(longest: int) -> tuple[str, str]:
        chosen = rng.choices(words, frequent, k=rng.randint(3, longest))
        other = [dictionary[word] for word in chosen if rng.random() > 0.1] or ["ö"]
        return " ".join(chosen), " ".join(other)

    english, target = [], []
    for n in range(count):
        (question, asked), (answer, answered) = text(10), text(25)
        if rng.random() < 0.2:
            name = f" Qu{''.join(rng.choices(SYLLABLES, k=3))} {rng.randint(1000, 2999)}"
            question, asked = question + name, asked + name
        english.append({"instruction": question, "input": "", "output": answer, "truth": n})
        target.append({"instruction": asked, "input": "", "output": answered, "truth": n})
    return english, target


def damage(rows: list[Record], rng: random.Random, *, dropped: float = 0.0, swapped: float = 0.0) -> list[Record]:
    """`rows` less a random share of them, and with random pairs of the rest in each other's place."""
    gone = set(rng.sample(range(len(rows)), round(dropped * len(rows))))
    rows = [row for n, row in enumerate(rows) if n not in gone]
    places = rng.sample(range(len(rows)), 2 * (round(swapped * len(rows)) // 2))
    for a, b in zip(places[::2], places[1::2], strict=True):
        rows[a], rows[b] = rows[b], rows[a]
    return rows


def write(path: Path, rows: list[Record]) -> str:
    """Writes JSON lines; the file's name."""
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return str(path)
