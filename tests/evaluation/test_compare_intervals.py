"""compare: what the intervals of scores and averages are, and how they are spelled."""

from __future__ import annotations

import pytest

from deepsuper.config import CompareConfig
from deepsuper.evaluation.compare.layout import Column
from deepsuper.evaluation.compare.report import FORMATS, as_text
from deepsuper.evaluation.compare.tables import Comparison, Score, ScoreCell, ScoreRow, ScoreTable
from result_folders import compared, numbered, write_run


def of_one(score: Score) -> Comparison:
    column = Column("flores", "en-zh", "comet")
    row = ScoreRow("one", False, {column: ScoreCell(score, 40)})
    return Comparison((ScoreTable("Translation, COMET", (column,), (row,), ()),), ("one",), (), CompareConfig(()))


@pytest.mark.parametrize("name", ["text", "md", "html"])
def test_a_negative_bound_is_no_dash(name):
    written = FORMATS[name](of_one(Score(-0.219, -0.226, -0.212)))
    assert "-22.6 to -21.2" in written and "--2" not in written
    assert "-0.1 to 0.0" in FORMATS[name](of_one(Score(-0.0005, -0.001, -0.00001)))


def test_the_average_of_nothing_right_is_not_sure_of_it(tmp_path):
    scores = {f"xnli/{language}": ("acc", numbered("acc", [0] * 4)) for language in ("zh", "vi")}
    comparison = compared(write_run(tmp_path, scores))
    (row,) = comparison.tables[0].rows
    own = next(iter(row.cells.values())).score
    assert row.average.score.low == 0.0 and row.average.score.high == pytest.approx(own.high / 2**0.5)
    assert "0.0 to 34.6" in as_text(comparison)
