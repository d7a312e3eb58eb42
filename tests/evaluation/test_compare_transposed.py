"""compare --transpose: a column for each run, with the same numbers, signs and tests as the paper's layout."""

from __future__ import annotations

from dataclasses import replace

import pytest

from deepsuper.config import CompareConfig
from deepsuper.evaluation.compare.grids import Grid, grids
from deepsuper.evaluation.compare.report import as_latex, as_markdown, as_text
from deepsuper.evaluation.compare.run import run_compare
from deepsuper.evaluation.compare.tables import Comparison
from result_folders import compared, made_up, write_run
from test_compare_answers import answers
from test_compare_formats import unlatex


@pytest.fixture
def comparison(tmp_path) -> Comparison:
    folders = [
        write_run(tmp_path / f"{n}{p}", made_up(n, gain=n / 5), model=f"m{n}", profile=p)
        for p in ("paper", "corrected")
        for n in range(2)
    ]
    return compared(*folders, paper="llama-2-7b")


@pytest.mark.slow
def test_every_score_keeps_its_run_its_benchmark_its_language_and_its_signs(comparison):
    by_rows, by_columns = grids(comparison), grids(transposed(comparison))
    assert [grid.title for grid in by_rows] == [grid.title for grid in by_columns]
    for one, other in zip(by_rows, by_columns, strict=True):
        if "differences" in one.title:
            assert one == other
        else:
            assert cells(one) == {(run, *rest): text for (*rest, run), text in transposed_cells(other).items()}


def cells(grid: Grid) -> dict[tuple[str, ...], object]:
    """Run, benchmark, language (and what is told of the answers) -> the cell."""
    over = [title for title, count in grid.groups for _ in range(count)]
    found, run = {}, ""
    for row in grid.rows:
        run = row[0].text or run
        for title, name, cell in zip(over, grid.header[grid.names :], row[grid.names :], strict=True):
            place = (title, name) if title else (name, "")
            found[(run, *place, *(text.text for text in row[1 : grid.names]))] = cell
    return found


def transposed(comparison: Comparison) -> Comparison:
    return replace(comparison, config=replace(comparison.config, transpose=True))


def transposed_cells(grid: Grid) -> dict[tuple[str, ...], object]:
    found, place = {}, ("", "")
    for row in grid.rows:
        place = (row[0].text, row[1].text) if row[0].text else place
        for (run, _), cell in zip(grid.groups, row[grid.names :], strict=True):
            found[(*place, *(text.text for text in row[2 : grid.names]), run)] = cell
    return found


@pytest.mark.slow
def test_rules_stand_between_benchmarks_and_between_answers(comparison):
    turned = grids(transposed(comparison))
    scores = next(grid for grid in turned if grid.title == "Understanding: scores in percent")
    names = [row[0].text for row in scores.rows]
    assert [n for n in range(1, len(names)) if names[n] != names[n - 1]] == list(scores.rules)
    spoken = next(grid for grid in turned if grid.title.endswith("asked language"))
    assert spoken.rules == tuple(range(3, len(spoken.rows), 3))


@pytest.mark.slow
def test_formats_name_the_columns_by_run_and_the_notes_speak_of_rows(comparison):
    turned = transposed(comparison)
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in as_markdown(turned).splitlines()]
    runs = ["m0 (paper)", "m1 (paper)", "m0 (corrected)", "m1 (corrected)"]
    assert lines[2][:6] == ["benchmark", "language", *runs] and lines[2][6].endswith("(reported)")
    assert [line[0] for line in lines if line][2:5] == ["xquad (F1)"] * 3
    for write in (as_text, as_markdown, as_latex):
        said = unlatex(write(turned)) if write is as_latex else write(turned)
        assert "Best of a row among a profile's runs" in said and "rows that every column has" in said
        assert "Best of a column" not in said


def test_what_is_told_of_the_answers_has_a_row_each(tmp_path):
    turned = compared(answers(tmp_path / "a", True, None), transpose=True)
    assert (
        "| xquad (F1) | zh | in the language, % | 100.00 (20.7 to 100.0) |\n"
        "|  |  | can be told | 1 of 2 |\n|  |  | empty, % | 50.00 |" in as_markdown(turned)
    )


def test_the_option_turns_the_tables_and_is_refused_with_csv(tmp_path, capsys):
    folder = answers(tmp_path / "a", True, False)
    run_compare(CompareConfig((str(folder),), format="md", transpose=True))
    assert "| benchmark | language | a |" in capsys.readouterr().out
    with pytest.raises(ValueError, match=r"^transpose: need false with csv, which has a row for each score, got True"):
        run_compare(CompareConfig((str(folder),), format="csv", transpose=True))
