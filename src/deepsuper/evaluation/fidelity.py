"""Whether an answer is in the asked language: by its script, and then by a language identifier."""

import re
import unicodedata

from deepsuper.common.languages import LANGUAGES, identifier, scripts_of
from deepsuper.common.scripts import script_of_character

LATIN = ("Latin",)
LEAST_WORDS, LEAST_LETTERS = 3, 20
"""A text with fewer words and fewer letters is short. In Latin letters it may be a name, the same in many languages."""
SURE = 0.5
"""The identifier's probability from which its choice counts."""
VIETNAMESE = re.compile("[ăđơưạ-ỹ]", re.IGNORECASE)
"""Letters that no other language of the table has."""


def in_language(text: str, language: str) -> bool | None:
    """Whether an answer is in `language`: at least half of its letters are of that script, and a language identifier
    chooses the language among those of `LANGUAGES` with that script.

    None where that is unknown: no letters (numbers, dates), short and in Latin letters, or the identifier is unsure.
    """
    text = unicodedata.normalize("NFC", text)
    letters = [c for c in text if unicodedata.category(c)[0] == "L"]
    scripts = scripts_of(language)
    if not letters or not scripts:
        return None
    if sum(script_of_character(c) in scripts for c in letters) * 2 < len(letters):
        return False
    rivals = [code for code, other in LANGUAGES.items() if other.scripts == scripts]
    if len(rivals) == 1:
        return True
    unknown = None if scripts == LATIN else True
    if len(text.split()) < LEAST_WORDS and len(letters) < LEAST_LETTERS:
        return language == "vi" if scripts == LATIN and VIETNAMESE.search(text) else unknown
    found, sure = identifier(frozenset(rivals)).classify(text)
    return bool(found == language) if sure >= SURE else unknown
