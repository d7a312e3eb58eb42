"""Whether an answer is in the language that was asked for: by script, and by an identifier where English shares it."""

from __future__ import annotations

import unicodedata

from deepsuper.languages import scripts_of
from deepsuper.vocabulary import script_of_character


def in_language(text: str, language: str) -> bool | None:
    """Whether an answer is in `language`; None where it holds no letter (numbers, dates).

    At least half of the letters must be of its script; between Vietnamese and English, which share one, a language
    identifier chooses.
    """
    letters = [c for c in text if unicodedata.category(c)[0] == "L"]
    if not letters:
        return None
    scripts = scripts_of(language)
    if sum(script_of_character(c) in scripts for c in letters) * 2 < len(letters):
        return False
    return "Latin" not in scripts or _identify(text, language) == language


def _identify(text: str, language: str) -> str:
    import py3langid

    py3langid.set_languages([language, "vi" if language == "en" else "en"])
    return str(py3langid.classify(text)[0])
