"""Tasks that a translation rarely survives."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from deepsuper.config.check import CheckConfig
from deepsuper.data.check.findings import Found, shortened, sides
from deepsuper.data.check.languages import shared_run
from deepsuper.data.check.normalise import words_as_written
from deepsuper.data.rows import Row

KEPT = 3
"""English words in a row on the target side, which then still has what is asked about."""
FORM = re.compile(
    r"\b(?:grammar|grammatical\w*|(?:mis)?spell(?:ed|ings?)?|commas?|capitaliz\w*|rhym\w*|alliterat\w*|anagrams?|"
    r"palindromes?|syllables?|vowels?|consonants?|tense|active voice|homophones?|homonyms?|prefix|suffix|puns?|"
    r"limericks?|letters of the|first letter|words by length)\b",
    re.IGNORECASE,
)
"""Tasks about verbs, nouns or adjectives are not among them: half of those survive."""


def english_form(rows: Sequence[Row], config: CheckConfig) -> Iterable[Found]:
    """Rows whose task is about the form of English words, which the other side no longer has: it quotes no English."""
    for n, row in enumerate(rows):
        found = FORM.search(row.instruction_en)
        if found is None:
            continue
        (_, english, target), _ = sides(row)
        if not shared_run(words_as_written(english), words_as_written(target), KEPT):
            yield Found(n, f"asks about {found.group()!r}: {shortened(row.instruction_en)}")
