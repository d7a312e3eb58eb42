"""Five formats that hold every name and score, escape every sign and mark what is best."""

from __future__ import annotations

import csv
import io
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from rich.console import Console

from browser import headless, needs_chromium
from deepsuper.config import CompareConfig
from deepsuper.evaluation.compare.layout import Column
from deepsuper.evaluation.compare.report import (
    CSV_HEADER,
    FORMATS,
    as_csv,
    as_html,
    as_latex,
    as_markdown,
    as_text,
    print_text,
)
from deepsuper.evaluation.compare.tables import Answers, Comparison, Score, ScoreCell, ScoreRow, ScoreTable, shown
from result_folders import compared, made_up, write_run

# Formats


def drawn(name: str, other: str) -> Comparison:
    """Two runs by these names in one table, without any file."""
    columns = (Column("xquad", "vi", "f1"), Column("xquad", "zh", "f1"))
    rows = tuple(
        ScoreRow(
            n,
            False,
            {
                c: ScoreCell(Score(s + k / 10, s, s + 0.2), 9, Answers(Score(0.5 + s, 0.5, 0.6), 9, 0.0))
                for k, c in enumerate(columns)
            },
        )
        for n, s in ((name, 0.1234), (other, 0.2345))
    )
    return Comparison((ScoreTable("Question answering", columns, rows, ()),), (name,), (), CompareConfig(()))


NUMBERS = {"12.34", "22.34", "23.45", "33.45", "62.34", "73.45"}
SIGNS = "|&_<>#%$\\{}~^*[]`\"'-=+!@ab5 你ب"
names = st.text(st.sampled_from(SIGNS), min_size=1, max_size=12).map(lambda text: f"n{text}m")


class Cells(HTMLParser):
    """The texts of all td elements, and of what is small in them; any other element than a page's own is a leak."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.tags: set[str] = set()
        self.inside = False
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        assert not {name for name, _ in attrs} & {"src", "href", "style", "onerror", "onclick"}
        if tag in ("td", "small"):
            self.cells.append("")
            self.inside = True

    def handle_endtag(self, tag):
        self.inside = self.inside and tag != "td"

    def handle_data(self, data):
        if self.inside:
            self.cells[-1] += data


HTML_TAGS = set(
    re.findall(
        r"\w+", "html head meta title style body h1 h2 div table thead tbody tr th td bdi strong sup small ul li"
    )
)


@pytest.mark.slow
@settings(deadline=None)
@given(names, names.map(lambda name: name + "2"))
def test_every_format_holds_every_name_and_score(name, other):
    comparison = drawn(name, other)
    page = Cells(as_html(comparison))
    assert {name, other} | NUMBERS <= set(page.cells) and page.tags <= HTML_TAGS
    rows = list(csv.DictReader(io.StringIO(as_csv(comparison))))
    assert {row["run"] for row in rows} == {name, other}
    assert {f"{float(row['mean']):.2f}" for row in rows} == NUMBERS
    tokens = MarkdownIt("commonmark").enable("table").parse(as_markdown(comparison))
    cells = [
        "".join(child.content for child in token.children)
        for before, token in pairwise(tokens)
        if before.type == "td_open"
    ]
    assert {name, other} | NUMBERS <= {*cells, *(cell.partition(" (")[0] for cell in cells)}
    text, latex = as_text(comparison), as_latex(comparison)
    assert name in text and other in text and set(re.findall(r"\d\d\.\d\d", text)) >= NUMBERS
    assert set(re.findall(r"\d\d\.\d\d", latex)) >= NUMBERS


def test_every_format_with_room_prints_the_intervals_and_says_where():
    comparison = drawn("one", "two")
    page = as_html(comparison)
    assert {"12.3 to 32.3", "50.0 to 60.0"} <= set(Cells(page).cells)
    where = {"text": "Below", "md": "Behind", "html": "Below"}
    assert all(f"{word} a score: its own 95% interval" in FORMATS[name](comparison) for name, word in where.items())
    latex = as_latex(comparison)
    assert "12.3 to" not in latex and "own intervals have no room here" in unlatex(latex)
    assert "| one | 12.34 (12.3 to 32.3) | 22.34 (12.3 to 32.3) |" in as_markdown(comparison)
    assert "| one | in the language, % | 62.34 (50.0 to 60.0) | 62.34 (50.0 to 60.0) |" in as_markdown(comparison)
    lines = [line.split() for line in as_text(comparison).splitlines()]
    for score in (["one", "12.34", "22.34"], ["two", "in", "the", "language,", "%", "73.45", "73.45"]):
        below = lines[lines.index(score) + 1]
        assert " ".join(below) == ["12.3 to 32.3 12.3 to 32.3", "50.0 to 60.0 50.0 to 60.0"][score[0] == "two"]


def unlatex(text: str) -> str:
    words = {"backslash": "\\", "asciitilde": "~", "asciicircum": "^", "less": "<", "greater": ">"}
    words |= {"bar": "|", "quotedbl": '"'}
    pattern = r"\\text(\w+)\{\}|\\([&%$#_{}])|\{([\[\]*`'])\}|(-)\{\}"
    return re.sub(pattern, lambda m: words[m[1]] if m[1] else m[2] or m[3] or m[4], text)


@given(names)
def test_latex_escapes_every_name_and_balances(name):
    latex = as_latex(drawn(name, "other"))
    rows = [line.split(" & ")[0] for line in latex.splitlines() if line.endswith(r"\\")]
    assert name in [unlatex(cell) for cell in rows]
    plain = re.sub(r"\\[\\&%$#_{}]", "", latex)
    assert plain.count("{") == plain.count("}") and plain.count("$") % 2 == 0 and "#" not in plain
    for line in latex.splitlines():
        if line.endswith(r"\\"):
            cells = re.sub(r"\\multicolumn\{(\d)\}", lambda m: "&" * (int(m[1]) - 1), line.replace(r"\&", ""))
            assert cells.count("&") in (2, 3, 7)


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex on the PATH (Debian: texlive-latex-extra)")
def test_latex_compiles(tmp_path):
    odd = "[5]*|&_<>#%$\\{}~^`\"'--=@"
    folders = [f"{n}{odd}={write_run(tmp_path / n, made_up(int(n), gain=int(n) / 10))}" for n in "01"]
    head = "\\documentclass[twocolumn]{article}\\usepackage[T1]{fontenc}\\usepackage{booktabs}\\begin{document}\n"
    body = as_latex(compared(*folders, paper="llama-2-7b"))
    (tmp_path / "t.tex").write_text(head + body + "\\end{document}\n", encoding="utf-8")
    command = ["pdflatex", "-draftmode", "-halt-on-error", "-interaction=nonstopmode", "t.tex"]
    subprocess.run(command, cwd=tmp_path, check=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=120)


def test_bold_in_every_format():
    comparison = drawn("one", "two")
    (table,) = comparison.tables
    best = {c: replace(cell, best=True) for c, cell in table.rows[1].cells.items()}
    rows = (table.rows[0], replace(table.rows[1], cells=best))
    marked = replace(comparison, tables=(replace(table, rows=rows),))
    assert re.findall(r"\*(\d\d\.\d\d)", as_text(marked)) == ["23.45", "33.45"]
    assert re.findall(r"\*\*([\d.]+)\*\*", as_markdown(marked)) == ["23.45", "33.45"]
    assert re.findall(r"\\textbf\{([\d.]+)\}", as_latex(marked)) == ["23.45", "33.45"]
    assert re.findall(r"<strong><bdi>([\d.]+)</bdi></strong>", as_html(marked)) == ["23.45", "33.45"]


def test_the_page_allows_nothing_but_its_own_style():
    page = as_html(drawn("</style><script>alert(1)</script>", "two"))
    assert "default-src 'none'; style-src 'sha256-" in page and "<script" not in page
    assert page.count("<style>") == page.count("</style>") == 1


@pytest.mark.slow
@needs_chromium
def test_the_page_runs_nothing_and_fits_a_dark_phone(tmp_path):
    hostile = "<script>document.title = 'broken'</script>{{ 7 * 7 }} javascript:1 \u202eabc"
    folders = [f"{name}={write_run(tmp_path / name, made_up(n))}" for n, name in enumerate(("one", "two"))]
    comparison = compared(*folders, resamples=100)
    (row, *rest), *tables = comparison.tables[0].rows, *comparison.tables[1:]
    first = replace(comparison.tables[0], rows=(replace(row, name=hostile), *rest))
    (tmp_path / "page.html").write_text(as_html(replace(comparison, tables=(first, *tables))), encoding="utf-8")
    with headless() as browser:
        page = browser.new_page(viewport={"width": 390, "height": 800}, color_scheme="dark")
        problems: list[str] = []
        page.on("console", lambda message: problems.append(message.text))
        page.goto((tmp_path / "page.html").as_uri())
        assert page.title() == "Comparison" and not problems
        assert page.locator("tbody .name").first.inner_text() == hostile
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        ink, paper = (page.evaluate(f"getComputedStyle(document.body).{what}") for what in ("color", "backgroundColor"))
        assert [int(re.findall(r"\d+", colour)[0]) > 128 for colour in (ink, paper)] == [True, False]


@pytest.mark.slow
@pytest.mark.parametrize("width", [20, 60, 100, 300])
def test_no_terminal_cuts_a_number(tmp_path, width):
    folders = [write_run(tmp_path / str(n), made_up(n), model=f"model-{n}") for n in range(2)]
    comparison, out = compared(*folders, resamples=100), io.StringIO()
    print_text(Console(file=out, width=width), comparison)
    said = out.getvalue()
    assert "…" not in said
    for table in comparison.tables:
        for row in table.rows:
            assert all(shown(cell.score.mean) in said for cell in row.cells.values())


@pytest.mark.slow
def test_the_long_form_has_what_the_tables_have_and_more(tmp_path):
    folders = [write_run(tmp_path / str(n), made_up(n, gain=n / 10), model=f"m{n}") for n in range(2)]
    comparison = compared(*folders)
    rows = list(csv.DictReader(io.StringIO(as_csv(comparison))))
    assert tuple(rows[0]) == CSV_HEADER
    tests = [row for row in rows if row["p"]]
    assert len(tests) == 24 and all(float(row["p_corrected"]) >= float(row["p"]) for row in tests)
    assert {row["test"] for row in tests if row["metric"] == "acc" and row["benchmark"] != "truthfulqa"} == {"McNemar"}
    assert {row["test"] for row in tests if row["metric"] != "acc" or row["benchmark"] == "truthfulqa"} == {"bootstrap"}
    assert all(float(r["diff_low"]) <= float(r["difference"]) <= float(r["diff_high"]) for r in tests)
    assert {row["benchmark"] for row in rows if row["metric"] == "in_language"} == {"xquad", "mlqa"}
