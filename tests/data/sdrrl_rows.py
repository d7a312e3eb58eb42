"""Parallel rows of small sentences that share their words, and SDRRL with its parts switched off."""

from __future__ import annotations

import random

from deepsuper.config import SdrrlConfig
from deepsuper.data.rows import Row

NOUNS = {"cat": "猫", "dog": "狗", "house": "房子", "river": "河流", "book": "书", "water": "水", "city": "城市"}
VERBS = {"sees": "看见", "loves": "爱", "paints": "画", "finds": "发现"}


def say(rng: random.Random) -> tuple[str, str]:
    (a, A), (v, V), (b, B) = (rng.choice(list(words.items())) for words in (NOUNS, VERBS, NOUNS))
    return f"The {a} {v} a {b}, {rng.randint(10, 99)}!", f"{A}{V}{B}！"


def parallel_rows(count: int, seed: int = 0) -> list[Row]:
    """Small sentences in English and Chinese that share their words."""
    rng = random.Random(seed)
    rows = []
    for n in range(count):
        (question_en, question), (answer_en, answer) = say(rng), say(rng)
        rows.append(Row(str(n), "zh", question, "", answer, question_en, "", answer_en, where=f"rows.jsonl:{n + 1}"))
    return rows


ROWS = parallel_rows(120)
OFF = SdrrlConfig(distill=False, directions=["tgt-tgt"], code_switch=0.0, completion=[])
