"""compare: nothing is tested, averaged or called best among scores that were not made alike."""

from __future__ import annotations

from pathlib import Path

from deepsuper.compare.formats import as_text
from deepsuper.compare.layout import Column
from result_folders import made_up, write_run
from test_compare import compared

COMET, CHRF = Column("flores", "en-zh", "comet"), Column("flores", "en-zh", "chrf")


def translated(folder: Path, seed: int, comet: str | None) -> Path:
    scores = {"flores/en-zh": made_up(seed, gain=seed / 10)["flores/en-zh"]}
    return write_run(folder / f"m{seed}", scores, model=f"m{seed}", comet=comet)


def test_comet_of_another_model_is_compared_to_nothing_and_the_rest_is(tmp_path):
    comparison = compared(translated(tmp_path, 0, "one"), translated(tmp_path, 1, "two"))
    assert [column for _, column, _ in comparison.differences()] == [CHRF]
    other = comparison.tables[1].rows[1].cells[COMET]
    assert other.apart == "COMET by two (unbabel-comet 2.2.7), but by one (unbabel-comet 2.2.7) in m0"
    assert not other.best and comparison.tables[0].rows[1].cells[CHRF].best
    assert f"never best. m1, flores/en-zh: {other.apart}" in as_text(comparison)


def test_comet_of_the_same_or_an_unknown_model_is_compared(tmp_path):
    for n, (one, two) in enumerate((("one", "one"), ("one", None), (None, "two"))):
        comparison = compared(*(translated(tmp_path / str(n), k, model) for k, model in enumerate((one, two))))
        assert [column for _, column, _ in comparison.differences()] == [CHRF, COMET]


def test_comet_models_are_told_apart_where_the_baseline_has_no_comet(tmp_path):
    plain = made_up(5)["flores/en-zh"]
    items = [{name: value for name, value in item.items() if name != "comet"} for item in plain[1]]
    base = write_run(tmp_path / "base", {"flores/en-zh": ("chrf", items)})
    others = [translated(tmp_path, n, model) for n, model in enumerate(("one", "two"))]
    (_, comets) = compared(base, *others).tables
    assert [row.cells[COMET].apart is None for row in comets.rows] == [True, False]


def test_a_profile_is_never_taken_for_what_the_paper_reports(tmp_path):
    scores = {key: score for key, score in made_up(0, items=5).items() if key == "xquad/zh"}
    runs = [write_run(tmp_path / profile, scores, model="tft", profile=profile) for profile in ("paper", "corrected")]
    comparison = compared(*runs, paper="llama-2-7b")
    (table,) = comparison.tables
    names = {reported: {row.name for row in table.rows if row.reported is reported} for reported in (True, False)}
    assert names[False] == {"tft (paper)", "tft (corrected)"} and "tft (reported)" in names[True]
    assert "(reported): as the paper reports it" in as_text(comparison)
