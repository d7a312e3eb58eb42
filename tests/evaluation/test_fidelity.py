"""Which language an answer is in."""

from __future__ import annotations

import pytest

from deepsuper.evaluation.fidelity import in_language


@pytest.mark.slow
def test_the_language_of_an_answer():
    assert in_language("美国", "zh") is True and in_language("United States", "zh") is False
    assert in_language("1990", "zh") is None
    assert in_language("أمريكا", "ar") is True and in_language("America", "ar") is False
    assert in_language("Tòa án tối cao Hoa Kỳ", "vi") is True
    assert in_language("the supreme court of the united states", "vi") is False
