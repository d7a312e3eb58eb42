"""A comparison as grids of texts and as notes. Every format shows these, except CSV."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import accumulate, chain, groupby

from deepsuper.evaluation.compare.layout import Column
from deepsuper.evaluation.compare.paired import Difference, OverSeeds
from deepsuper.evaluation.compare.tables import Answers, Comparison, Score, ScoreCell, ScoreRow, ScoreTable, shown

DIFFERS, APART = "†", "‡"
MISSING = "-"
CORRECTIONS = {
    "holm": "by Holm: the chance of one false finding among all tests is at most 5%",
    "bh": "by Benjamini and Hochberg: about 5% of the findings may be false",
    "none": "not at all: one test in twenty finds a difference where there is none",
}
FEW = 30
DIFFERENCE_HEADER = ("run", "benchmark", "language", "difference", "95% interval", "p", "p corrected", "test")
SEEDS_HEADER = ("run", "benchmark", "language", "scores", "95% by t", "differences", "95% by t", "p by t")


@dataclass(frozen=True)
class GridCell:
    """One cell. `mark`: the sign after it; `interval`: the interval of its score; `hint`: the text of a tooltip."""

    text: str
    bold: bool = False
    mark: str = ""
    interval: str = ""
    hint: str = ""


@dataclass(frozen=True)
class Grid:
    """A table of texts. `names`: the number of columns of words, at the left. `groups`: titles above the other columns,
    each with the number of its columns. `rules`: the rows with a line above them, between blocks of rows.
    """

    title: str
    names: int
    header: tuple[str, ...]
    groups: tuple[tuple[str, int], ...]
    rows: tuple[tuple[GridCell, ...], ...]
    rules: tuple[int, ...] = ()


def grids(comparison: Comparison) -> list[Grid]:
    """For each table its scores, the language of the answers, the differences, and the scores of each seed."""
    found = []
    for table in comparison.tables:
        found.append(_scores(table))
        written = tuple(c for c in table.columns if any(c in r.cells and r.cells[c].answers for r in table.rows))
        if written:
            found.append(_answers(table, written))
    if comparison.config.transpose:
        found = [_transposed(grid) for grid in found]
    for table in comparison.tables:
        for baseline, group in groupby(table.differences(), key=lambda one: one[0].baseline):
            title = f"{table.title}: differences to {baseline} in points"
            found.append(Grid(title, 3, DIFFERENCE_HEADER, (), tuple(_difference(*one) for one in group)))
        if seeds := tuple(_seeds(row, *one) for row in table.rows for one in row.cells.items() if has_seeds(one[1])):
            found.append(Grid(f"{table.title}: each seed, in percent and points", 3, SEEDS_HEADER, (), seeds))
    return found


def has_seeds(cell: ScoreCell) -> bool:
    """Whether its score or its difference is of several seeds."""
    return cell.score.seeds is not None or (cell.difference is not None and cell.difference.seeds is not None)


def _groups(columns: tuple[Column, ...]) -> tuple[tuple[str, int], ...]:
    return tuple(
        (f"{benchmark} ({measure})", len(list(group)))
        for (benchmark, measure), group in groupby(columns, key=lambda c: (c.benchmark, c.measure))
    )


def _transposed(grid: Grid) -> Grid:
    """The grid with a column for each run. Each benchmark and language has as many rows as a run had before."""
    over = chain.from_iterable([title] * count for title, count in grid.groups)
    labels = [
        (title or name, name if title else "") for title, name in zip(over, grid.header[grid.names :], strict=True)
    ]
    runs = [row[0].text for row in grid.rows if row[0].text]
    each = len(grid.rows) // len(runs)
    rows: list[tuple[GridCell, ...]] = []
    rules = []
    for n, label in enumerate(labels):
        if rows and (each > 1 or label[0] != labels[n - 1][0]):
            rules.append(len(rows))
        for k, first in enumerate(grid.rows[:each]):
            named = [GridCell("" if k else word) for word in label]
            rows.append((*named, *first[1 : grid.names], *(row[grid.names + n] for row in grid.rows[k::each])))
    header = ("benchmark", "language", *grid.header[1 : grid.names], *[""] * len(runs))
    return Grid(grid.title, grid.names + 1, header, tuple((run, 1) for run in runs), tuple(rows), tuple(rules))


def _scores(table: ScoreTable) -> Grid:
    average = any(row.average is not None for row in table.rows)
    header = ("run", *(c.language for c in table.columns), *(["average"] if average else []))
    rows = []
    for row in table.rows:
        cells = [_score(row.cells.get(c)) for c in table.columns]
        mean = [_score(row.average)] if average else []
        rows.append((GridCell(row.name), *cells, *mean))
    rules = tuple(accumulate(len(block) for block in table.blocks()))[:-1]
    groups = (*_groups(table.columns), *([("", 1)] if average else []))
    return Grid(f"{table.title}: scores in percent", 1, header, groups, tuple(rows), rules)


def _score(cell: ScoreCell | None) -> GridCell:
    if cell is None:
        return GridCell(MISSING)
    differs = cell.difference is not None and cell.difference.significant
    mark = APART if cell.apart is not None else DIFFERS if differs else ""
    return _spelled(cell.score, cell.items, cell.best, mark)


def _spelled(score: Score, items: int | None, best: bool = False, mark: str = "") -> GridCell:
    if score.low is None or score.high is None:
        return GridCell(shown(score.mean), best, mark)
    hint = f"95%: {shown(score.low)} to {shown(score.high)}" + (f"; {items} items" if items is not None else "")
    hint += f", {len(score.seeds.values)} seeds" if score.seeds else ""
    return GridCell(shown(score.mean), best, mark, f"{_short(score.low)} to {_short(score.high)}", hint)


def _short(score: float) -> str:
    """A bound of an interval in percent; 0 has no sign."""
    return f"{round(100 * score, 1) + 0.0:.1f}"


def _answers(table: ScoreTable, columns: tuple[Column, ...]) -> Grid:
    """Three rows for each run: the share in the language, how many answers it is of, and the share of empty ones."""
    rows: list[tuple[GridCell, ...]] = []
    starts = []
    for row in (row for row in table.rows if not row.reported):
        cells = [row.cells.get(c) for c in columns]
        starts.append(len(rows))
        for n, (words, show) in enumerate(ABOUT_ANSWERS.items()):
            shown_cells = [show(cell.answers, cell.asked) if cell and cell.answers else None for cell in cells]
            named = (GridCell("" if n else row.name), GridCell(words))
            rows.append((*named, *(one or GridCell(MISSING) for one in shown_cells)))
    header = ("run", "answers", *(c.language for c in columns))
    title = f"{table.title}: answers in the asked language"
    return Grid(title, 2, header, _groups(columns), tuple(rows), tuple(starts[1:]))


ABOUT_ANSWERS: dict[str, Callable[[Answers, int | None], GridCell | None]] = {
    "in the language, %": lambda found, items: None if found.share is None else _spelled(found.share, found.told),
    "can be told": lambda found, items: GridCell(f"{found.told} of {items}"),
    "empty, %": lambda found, items: GridCell(shown(found.empty)),
}


def _difference(row: ScoreRow, column: Column, found: Difference) -> tuple[GridCell, ...]:
    names = (row.name, f"{column.benchmark} ({column.measure})", column.language)
    mean = GridCell(signed(found.mean), mark=DIFFERS if found.significant else "")
    interval = f"{signed(found.low)} to {signed(found.high)}"
    return (*map(GridCell, names), mean, *map(GridCell, (interval, as_p(found.p), as_p(found.p_corrected), found.test)))


def _seeds(row: ScoreRow, column: Column, cell: ScoreCell) -> tuple[GridCell, ...]:
    names = (row.name, f"{column.benchmark} ({column.measure})", column.language)
    differences = None if cell.difference is None else cell.difference.seeds
    scores = _each(cell.score.seeds, shown) if cell.score.seeds else (shown(cell.score.mean), MISSING)
    p = MISSING if differences is None else as_p(differences.p)
    return tuple(map(GridCell, (*names, *scores, *_each(differences, signed), p)))


def _each(seeds: OverSeeds | None, spelled: Callable[[float], str]) -> tuple[str, str]:
    """The values of the seeds, and their interval."""
    if seeds is None:
        return MISSING, MISSING
    return " ".join(map(spelled, seeds.values)), f"{spelled(seeds.low)} to {spelled(seeds.high)}"


def signed(difference: float) -> str:
    """A difference in points with its sign; no difference is +0.00."""
    return f"{round(100 * difference, 2) + 0.0:+.2f}"


def as_p(p: float | None) -> str:
    """A p-value as the tables show it."""
    return MISSING if p is None else "<0.0001" if p < 0.0001 else f"{p:.4f}"


def notes(comparison: Comparison, intervals: str | None = "Below") -> list[str]:
    """What a reader needs to know of the grids. `intervals`: where the interval of a score is; None: not shown."""
    return [*_about_tables(comparison, intervals), *_about_tests(comparison), *_warnings(comparison)]


def _about_tables(comparison: Comparison, intervals: str | None) -> Iterator[str]:
    among = " among a profile's runs" if len(comparison.baselines) > 1 else ""
    column, line = ("row", "column") if comparison.config.transpose else ("column", "row")
    yield f"Best of a {column}{among}: bold (plain text: *), with all that show the same number."
    if any(cell.score.low is not None for table in comparison.tables for r in table.rows for cell in r.cells.values()):
        yield (
            "The scores' own intervals have no room here: the other formats show them."
            if intervals is None
            else f"{intervals} a score: its own 95% interval. Two that overlap may still differ: the tests tell."
        )
    if several := {r.name: len(c.score.seeds.values) for r, c in _cells(comparison) if c.score.seeds}:
        counts = ", ".join(f"{name} {count}" for name, count in several.items())
        yield f"Of several seeds ({counts}): means over the seeds, with intervals over items and seeds."
    if any(cell.answers for table in comparison.tables for r in table.rows for cell in r.cells.values()):
        yield "In the language: of the answers whose language can be told (not numbers or short names). Empty: of all."
    for table in comparison.tables:
        if any(row.average is not None for row in table.rows):
            among = f"{len(table.averaged)} of {len(table.columns)} {column}s"
            beside = ", without second measures of a benchmark" if any(c.beside for c in table.columns) else ""
            all_but = f" that is not {APART} throughout" if any(row.apart for row in table.rows) else ""
            yield f"{table.title}: the average is over the {among} that every {line} has{all_but}{beside}."
    if any(row.reported for table in comparison.tables for row in table.rows):
        yield "(reported): as the paper reports it, on its prompts and harness: no test, bold among themselves."


def _cells(comparison: Comparison) -> Iterator[tuple[ScoreRow, ScoreCell]]:
    return ((row, cell) for table in comparison.tables for row in table.rows for cell in row.cells.values())


def _about_tests(comparison: Comparison) -> Iterator[str]:
    tests = list(comparison.differences())
    if not tests:
        return
    columns: dict[str, list[str]] = {"McNemar": [], "bootstrap": [], "items and seeds": []}
    for _, column, found in tests:
        if column.benchmark not in columns[found.test]:
            columns[found.test].append(column.benchmark)
    config = comparison.config
    how = {
        "McNemar": "McNemar's exact test",
        "bootstrap": f"two-sided paired bootstrap of {config.resamples} resamples (seed {config.seed})",
        "items and seeds": f"{config.resamples} resamples of items with draws of t over seeds (seed {config.seed})",
    }
    told = "; ".join(f"{how[test]} for {', '.join(names)}" for test, names in columns.items() if names)
    several = len(comparison.baselines) > 1
    against = " and ".join(comparison.baselines) + (", each for the runs of its own profile" if several else "")
    seeds = any(found.seeds for _, _, found in tests)
    drawn = ", with draws over seeds" if seeds else ""
    yield f"Tests against {against}, items paired by id: {told}. Intervals: 95% paired bootstrap{drawn}."
    clusters = {column.benchmark: found.clusters for _, column, found in tests if found.clusters is not None}
    if clusters:
        articles = ", ".join(f"the {count} articles of {name}" for name, count in clusters.items())
        yield f"Items of one article are not independent: the bootstrap draws {articles}, not single items."
    if seeds:
        yield (
            "Seeds are paired in order, but not where two runs have different numbers of them. By t: over seeds alone, "
            "p not corrected, Welch's where seeds are not paired; a run of one seed is taken as it is."
        )
    yield f"p corrected: for {len(tests)} tests, {CORRECTIONS[config.correction]}."
    baseline = "its baseline" if several else comparison.baselines[0]
    yield f"{DIFFERS}: differs from {baseline}, corrected p < 0.05."


def _warnings(comparison: Comparison) -> Iterator[str]:
    yield from comparison.limits
    cells = [(c, cell) for table in comparison.tables for row in table.rows for c, cell in row.cells.items()]
    few = sorted({c.key for c, cell in cells if cell.items is not None and cell.items < FEW})
    if few:
        yield f"Fewer than {FEW} items, so intervals are too narrow: {', '.join(few)}."
    tests = sum(found.test != "McNemar" for _, _, found in comparison.differences())
    resamples = comparison.config.resamples
    if comparison.config.correction == "holm" and 2 * tests / (1 + resamples) > 0.05:
        yield f"{resamples} resamples can find nothing among {tests} bootstrap tests: raise --resamples."
    yield from _apart(comparison)


def _apart(comparison: Comparison) -> Iterator[str]:
    """Which cells are not compared, and why: a line for each run and reason."""
    found: dict[tuple[str, str], list[str]] = {}
    held: Counter[str] = Counter()
    for table in comparison.tables:
        for row in table.rows:
            held[row.name] += len(row.cells)
            for column, cell in row.cells.items():
                if cell.apart is not None:
                    found.setdefault((row.name, cell.apart), []).append(column.key)
    for (name, why), keys in found.items():
        where = "all scores" if len(keys) == held[name] > 1 else ", ".join(dict.fromkeys(keys))
        yield f"{APART}: compared to nothing and never best. {name}, {where}: {why}."
