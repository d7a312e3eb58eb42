"""The five formats of a comparison. All show the same grids and notes, except CSV, which has a row for each cell."""

import csv
import io
import re
from collections.abc import Callable, Iterator
from html import escape as html_escape
from itertools import accumulate
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text as Styled

from deepsuper.common.files import write_text
from deepsuper.common.pages import render_page
from deepsuper.config import CompareConfig
from deepsuper.evaluation.compare.grids import MISSING, Grid, GridCell, grids, has_seeds, notes
from deepsuper.evaluation.compare.paired import Difference
from deepsuper.evaluation.compare.tables import Comparison, Score, ScoreCell, ScoreRow
from deepsuper.evaluation.report import print_uncut, width_of

FILE_WIDTH = 160
CSV_HEADER = (
    "run", "benchmark", "language", "metric", "mean", "low", "high", "stderr", "items",
    "told", "empty", "baseline", "difference", "diff_low", "diff_high", "p", "p_corrected", "test", "note",
)  # fmt: skip
CSV_SEEDS = ("seeds", "seeds_low", "seeds_high", "seed_differences", "seed_diff_low", "seed_diff_high", "p_seeds")
"""Further columns, if a run has several seeds: what each seed has, joined by ;, and the t intervals."""


def print_text(console: Console, comparison: Comparison) -> None:
    """Prints the tables, split between benchmarks to fit the console. A number is never cut."""
    for grid in grids(comparison):
        for piece in _pieces(grid, console):
            print_uncut(console, piece)
    for note in notes(comparison):
        console.print(Styled(note))


def _pieces(grid: Grid, console: Console) -> Iterator[Table]:
    """The grid in pieces of whole benchmarks. A piece is wider than the console only if one benchmark is."""
    bounds = [*accumulate((count for _, count in grid.groups), initial=grid.names)]
    bounds = bounds if grid.groups else [grid.names, len(grid.header)]
    start = 0
    while start < len(bounds) - 1:
        end, piece = start + 1, _text_table(grid, bounds[start], bounds[start + 1])
        for further in range(end + 1, len(bounds)):
            wider = _text_table(grid, bounds[start], bounds[further])
            if width_of(console, wider) > console.width:
                break
            end, piece = further, wider
        yield piece
        start = end


def _text_table(grid: Grid, start: int, end: int) -> Table:
    """The columns of words, and those from `start` to `end`. Titles of groups take two lines above the header."""
    title = Styled(grid.title + ("" if start == grid.names else " (continued)"), style="italic")
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    titles = dict(zip(accumulate((n for _, n in grid.groups), initial=grid.names), grid.groups, strict=False))
    kept = [*range(grid.names), *range(start, end)]
    for n in kept:
        above = titles.get(n, ("", 0))[0].replace(" (", "\n(").split("\n")
        head = "\n".join([*["", *above][-2:], grid.header[n]]) if grid.groups else grid.header[n]
        table.add_column(Styled(head), justify="left" if n < grid.names else "right", no_wrap=True)
    marked = {n: any(row[n].mark for row in grid.rows) for n in kept}
    for number, row in enumerate(grid.rows, start=1):
        table.add_row(*(_styled(row[n], marked[n]) for n in kept), end_section=number in grid.rules)
    return table


def _styled(cell: GridCell, marked: bool) -> Styled:
    # A file, or a terminal without colours, shows nothing in bold: the asterisk stands for it. A sign after some of the
    # numbers must not move the decimal points out of line.
    score = ("*" if cell.bold else "") + cell.text + (cell.mark or " " * marked)
    interval = f"\n{cell.interval}{' ' * marked}" if cell.interval else ""
    return Styled.assemble((score, "bold" if cell.bold else ""), (interval, "dim"))


def as_text(comparison: Comparison) -> str:
    """Plain text for a file."""
    out = io.StringIO()
    print_text(Console(file=out, width=FILE_WIDTH, color_system=None), comparison)
    return "".join(line.rstrip() + "\n" for line in out.getvalue().splitlines())


def as_markdown(comparison: Comparison) -> str:
    """Tables as GitHub reads them: with one header line, which names benchmark and language."""
    blocks = []
    for grid in grids(comparison):
        over = [""] * grid.names + [title for title, count in grid.groups for _ in range(count)]
        header = [f"{o} {h}".strip() for o, h in zip(over, grid.header, strict=True)] if grid.groups else grid.header
        rule = [":--" if n < grid.names else "--:" for n in range(len(grid.header))]
        lines = [[_md(name) for name in header], rule, *([_md_cell(cell) for cell in row] for row in grid.rows)]
        table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
        blocks.append(f"**{_md(grid.title)}**\n\n{table}")
    return "\n\n".join([*blocks, "\n".join(f"- {_md(note)}" for note in notes(comparison, "Behind"))]) + "\n"


def _md(text: str) -> str:
    return re.sub(r"([\\`*_\[\]~|#$])", r"\\\1", html_escape(text, quote=False))


def _md_cell(cell: GridCell) -> str:
    interval = f" ({cell.interval})" if cell.interval else ""
    return (f"**{_md(cell.text)}**" if cell.bold else _md(cell.text)) + cell.mark + interval


LATEX = {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}",
    ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\textquotedbl{}", "[": "{[}", "]": "{]}", "*": "{*}",
    "`": "{`}", "'": "{'}", "†": r"$^{\dagger}$", "‡": r"$^{\ddagger}$",
    **{character: "\\" + character for character in "&%$#_{}"},
}  # fmt: skip


def as_latex(comparison: Comparison) -> str:
    """Tables to \\input, without intervals: a page is too narrow. Non-Latin names need XeLaTeX or LuaLaTeX."""
    head = "% needs \\usepackage[T1]{fontenc} and \\usepackage{booktabs}\n"
    tables = "\n".join(_latex_table(grid) for grid in grids(comparison))
    told = "".join(f"\\item {_latex(note)}\n" for note in notes(comparison, None))
    return f"{head}{tables}\n\\begin{{itemize}}\\footnotesize\n{told}\\end{{itemize}}\n"


def _latex_table(grid: Grid) -> str:
    lines = [
        "\\begin{table*}",
        "\\centering\\footnotesize\\setlength{\\tabcolsep}{3pt}",
        f"\\caption{{{_latex(grid.title)}}}",
        f"\\begin{{tabular}}{{{'l' * grid.names}{'r' * (len(grid.header) - grid.names)}}}",
        "\\toprule",
    ]
    if grid.groups:
        over = [f"\\multicolumn{{{count}}}{{c}}{{{_latex(title)}}}" for title, count in grid.groups]
        lines.append(" & ".join([""] * grid.names + over).strip() + r" \\")
        start, rules = grid.names + 1, []
        for title, count in grid.groups:
            rules += [f"\\cmidrule(lr){{{start}-{start + count - 1}}}"] if title else []
            start += count
        lines.append("".join(rules))
    lines += [" & ".join(_latex(name) for name in grid.header) + r" \\", "\\midrule"]
    for n, row in enumerate(grid.rows):
        cells = [_latex(c.text) if k < grid.names else _latex_number(c) for k, c in enumerate(row)]
        lines += ["\\midrule"] if n in grid.rules else []
        lines.append(" & ".join(cells) + r" \\")
    return "\n".join([*lines, "\\bottomrule", "\\end{tabular}", "\\end{table*}", ""])


def _latex(text: str) -> str:
    # Two hyphens would become a dash.
    return re.sub("-(?=-)", "-{}", "".join(LATEX.get(character, character) for character in text))


def _latex_number(cell: GridCell) -> str:
    if cell.text == MISSING:
        return "--"
    text = re.sub(r"([-+<])(?=\d)", r"$\1$", cell.text)
    mark = f"\\rlap{{{_latex(cell.mark)}}}" if cell.mark else ""
    return (f"\\textbf{{{text}}}" if cell.bold else text) + mark


def as_csv(comparison: Comparison) -> str:
    """A row for each score, and for each share of answers in the language, in percent with six decimals."""
    several = any(has_seeds(c) for table in comparison.tables for row in table.rows for c in row.cells.values())
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow((*CSV_HEADER, *(CSV_SEEDS if several else ())))
    for table in comparison.tables:
        for row in table.rows:
            for column, cell in row.cells.items():
                key = [row.name, column.benchmark, column.language]
                seeds = _csv_seeds(cell.score, cell.difference) if several else []
                writer.writerow([*key, column.metric, *_csv_score(cell.score), *_csv_rest(row, cell), *seeds])
                if (answers := cell.answers) is not None:
                    share = [""] * 4 if answers.share is None else _csv_score(answers.share)
                    told = [cell.asked, answers.told, _number(answers.empty), *[""] * 8]
                    seeds = _csv_seeds(answers.share, None) if several else []
                    writer.writerow([*key, "in_language", *share, *told, *seeds])
    return out.getvalue()


def _csv_score(score: Score) -> list[str]:
    return [_number(value) for value in (score.mean, score.low, score.high, score.stderr)]


def _csv_rest(row: ScoreRow, cell: ScoreCell) -> list[Any]:
    found, items = cell.difference, "" if cell.items is None else cell.items
    note = "as the paper reports it" if row.reported else cell.apart or ""
    if found is None:
        return [items, *[""] * 9, note]
    p = [f"{value:.6g}" for value in (found.p, found.p_corrected) if value is not None]
    return [items, "", "", row.baseline, *map(_number, (found.mean, found.low, found.high)), *p, found.test, note]


def _csv_seeds(score: Score | None, found: Difference | None) -> list[str]:
    tested = None if found is None else found.seeds
    columns = []
    for one in (None if score is None else score.seeds, tested):
        columns += [""] * 3 if one is None else [";".join(map(_number, one.values)), *map(_number, (one.low, one.high))]
    return [*columns, "" if tested is None or tested.p is None else f"{tested.p:.6g}"]


def _number(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.6f}"


def as_html(comparison: Comparison) -> str:
    """One page; `page.html` beside this file shows the grids and the notes."""
    return render_page(Path(__file__).parent, "Comparison", grids=grids(comparison), notes=notes(comparison))


FORMATS: dict[str, Callable[[Comparison], str]] = {
    "text": as_text,
    "md": as_markdown,
    "latex": as_latex,
    "csv": as_csv,
    "html": as_html,
}


def write_report(comparison: Comparison, config: CompareConfig) -> None:
    """Writes the comparison to the file that the options name, or prints it."""
    if config.output is not None:
        Path(config.output).parent.mkdir(parents=True, exist_ok=True)
        write_text(Path(config.output), FORMATS[config.format](comparison))
    elif config.format == "text":
        print_text(Console(highlight=False), comparison)
    else:
        print(FORMATS[config.format](comparison), end="")
