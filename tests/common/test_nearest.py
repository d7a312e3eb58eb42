"""A misspelt name is answered with the known name that it may mean."""

from __future__ import annotations

import pytest

from deepsuper.common.errors import did_you_mean
from deepsuper.common.languages import meant_code, nearest_code


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("xqad", ": did you mean xquad?"),
        ("XQuAD", ": did you mean xquad?"),
        (" mkqa ", ": did you mean mkqa?"),
        ("something else", ""),
        ("", ""),
    ],
)
def test_a_similar_name_is_offered_and_no_other(name, said):
    assert did_you_mean(name, ("xquad", "mkqa")) == said


@pytest.mark.parametrize(
    ("text", "code"),
    [("Chinese", "zh"), ("vietnamse", "vi"), ("ARB_Arab", "ar"), ("zh", "zh"), ("Klingon", None), ("", None)],
)
def test_a_language_is_known_by_its_name_and_by_its_other_codes(text, code):
    assert meant_code(text) == code
    assert nearest_code(text) == (code or "zh")
