"""Whether an answer is in the language that was asked for: by script, and by an identifier where English shares it."""

from __future__ import annotations

import unicodedata

from deepsuper.vocabulary import script_of_character

SCRIPTS = {"zh": "Han", "ar": "Arabic"}


def in_language(text: str, language: str) -> bool | None:
    """Whether an answer is in `language`; None where it holds no letter (numbers, dates).

    Chinese and Arabic by script: at least half of the letters. Vietnamese and English by a language identifier that
    chooses between the two.
    """
    letters = [c for c in text if unicodedata.category(c)[0] == "L"]
    if not letters:
        return None
    script = SCRIPTS.get(language)
    if script is not None:
        return sum(script_of_character(c) == script for c in letters) * 2 >= len(letters)
    return _identify(text, language) == language


def _identify(text: str, language: str) -> str:
    import py3langid

    py3langid.set_languages([language, "vi" if language == "en" else "en"])
    return str(py3langid.classify(text)[0])
