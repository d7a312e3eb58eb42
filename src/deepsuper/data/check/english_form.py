"""Tasks about the form of English words, which a translation rarely keeps."""

import re
from collections.abc import Iterable, Sequence

from deepsuper.config.check import CheckConfig
from deepsuper.data.check.findings import Found, shortened, sides
from deepsuper.data.check.languages import shared_run
from deepsuper.data.check.normalise import words_as_written
from deepsuper.data.rows import Row

KEPT_WORDS = 3
"""Consecutive English words on the target side: it then still quotes what the task is about."""
FORM = re.compile(
    r"\b(?:grammar|grammatical\w*|(?:mis)?spell(?:ed|ings?)?|commas?|capitaliz\w*|rhym\w*|alliterat\w*|anagrams?|"
    r"palindromes?|syllables?|vowels?|consonants?|tense|active voice|homophones?|homonyms?|prefix|suffix|puns?|"
    r"limericks?|letters of the|first letter|words by length)\b",
    re.IGNORECASE,
)
"""Words of such tasks. Those about verbs, nouns or adjectives are left out: half of them can be translated."""


def english_form(rows: Sequence[Row], config: CheckConfig) -> Iterable[Found]:
    """Rows whose task is about the form of English words, where the target side quotes no English."""
    for n, row in enumerate(rows):
        found = FORM.search(row.instruction_en)
        if found is None:
            continue
        (_, english, target), _ = sides(row)
        if not shared_run(words_as_written(english), words_as_written(target), KEPT_WORDS):
            yield Found(n, f"asks about {found.group()!r}: {shortened(row.instruction_en)}")
