"""Random encoded rows for laws that hold whatever the text."""

from __future__ import annotations

import random

from deepsuper.method.batch import EncodedRow, Side

PAD, BOS, EOS = 0, 1, 2


def make_side(rng: random.Random, vocabulary: int = 97, longest: int = 9) -> Side:
    query = (BOS, *(rng.randrange(3, vocabulary) for _ in range(rng.randint(3, longest))))
    response = (*(rng.randrange(3, vocabulary) for _ in range(rng.randint(1, longest - 2))), EOS)
    return Side(query, response, (False, *[True] * (len(query) - 1)))


def make_rows(count: int, seed: int = 0, languages: tuple[str, ...] = ("zh",)) -> list[EncodedRow]:
    rng = random.Random(seed)
    return [EncodedRow(str(n), languages[n % len(languages)], make_side(rng), make_side(rng)) for n in range(count)]
