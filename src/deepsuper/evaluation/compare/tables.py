"""Runs side by side: tables of cells with scores, differences to the baseline, and which score is best."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import numpy as np

from deepsuper.config import CompareConfig, Correction
from deepsuper.evaluation.compare.layout import Column, in_order, paper_rows
from deepsuper.evaluation.compare.paired import Difference, OverSeeds, corrected
from deepsuper.evaluation.compare.pairing import Items, Run, comet_obstacle, obstacle, paired, read_items, score_of
from deepsuper.evaluation.compare.pooled import difference_of, over_seeds, pooled_score
from deepsuper.evaluation.measures import MEASURES, Clusters, measures_of


@dataclass(frozen=True)
class Score:
    """A score in [0, 1] with its 95% interval. The paper's scores have none. `seeds`: where there are several."""

    mean: float
    low: float | None = None
    high: float | None = None
    stderr: float | None = None
    seeds: OverSeeds | None = None


@dataclass(frozen=True)
class Answers:
    """`share`: in the asked language, of the `told` ones whose language can be told; `empty`: of all, without text.
    Those of several seeds are counted together.
    """

    share: Score | None
    told: int
    empty: float


@dataclass(frozen=True)
class ScoreCell:
    """One run in one column. `answers`: of a benchmark with written answers. `apart`: why it is not compared."""

    score: Score
    items: int | None = None
    answers: Answers | None = None
    difference: Difference | None = None
    apart: str | None = None
    best: bool = False

    @property
    def asked(self) -> int | None:
        """The items of all seeds together."""
        seeds = self.score.seeds
        return self.items if self.items is None or seeds is None else self.items * len(seeds.values)


@dataclass(frozen=True)
class ScoreRow:
    """One run, or a method as the paper reports it. `average`: of the table's `averaged`; `baseline`: a run's name."""

    name: str
    reported: bool
    cells: Mapping[Column, ScoreCell]
    average: ScoreCell | None = None
    baseline: str = ""

    @property
    def apart(self) -> bool:
        """Whether it is compared in none of its columns."""
        return all(cell.apart is not None for cell in self.cells.values())


@dataclass(frozen=True)
class ScoreTable:
    """One table of the paper's layout."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[ScoreRow, ...]
    averaged: tuple[Column, ...]

    def blocks(self) -> Iterator[list[ScoreRow]]:
        """The rows that are compared with each other: a baseline and its runs, or the methods of the paper."""
        for _, block in groupby(self.rows, key=lambda row: (row.reported, row.baseline)):
            yield list(block)

    def differences(self) -> Iterator[tuple[ScoreRow, Column, Difference]]:
        """Every tested difference, row by row."""
        for row in self.rows:
            for column, cell in row.cells.items():
                if cell.difference is not None:
                    yield row, column, cell.difference


@dataclass(frozen=True)
class Comparison:
    """What every format shows. `limits`: which runs were scored on their first items only, in words."""

    tables: tuple[ScoreTable, ...]
    baselines: tuple[str, ...]
    limits: tuple[str, ...]
    config: CompareConfig

    def differences(self) -> Iterator[tuple[ScoreRow, Column, Difference]]:
        """Every tested difference, table by table."""
        for table in self.tables:
            yield from table.differences()


def shown(score: float) -> str:
    """A score in percent, as every table shows it."""
    return f"{100 * score:.2f}"


def build(groups: Sequence[tuple[Run, Sequence[Run]]], config: CompareConfig) -> Comparison:
    """The comparison of each group of runs with its baseline. Raises: UserError naming file and line."""
    runs = [run for _, group in groups for run in group]
    columns = in_order(column for run in runs for column in _columns_of(run))
    rows = [row for base, group in groups for row in _rows(base, group, columns, config)]
    rows = _with_corrected(rows, config.correction)
    if config.paper is not None:
        rows += [
            ScoreRow(f"{method} (reported)", True, {c: ScoreCell(Score(told[c])) for c in columns if c in told})
            for method, told in paper_rows(config.paper).items()
        ]
    grouped = groupby(columns, key=lambda column: column.table)
    tables = tuple(_table(title, tuple(group), rows) for title, group in grouped)
    limits = tuple(words for run in runs for words in _limits(run))
    return Comparison(tables, tuple(base.name for base, _ in groups), limits, config)


def _limits(run: Run) -> Iterator[str]:
    """Which scores of a run are of its first items only, in words."""
    keys: dict[int | None, list[str]] = {}
    for key, score in run.scores.items():
        keys.setdefault(score["limit"], []).append(key)
    for limit, cut in keys.items():
        if limit is not None:
            of = "" if len(keys) == 1 else f" of {', '.join(cut)}"
            yield f"{run.name}: first {limit} items{of}"


def _rows(base: Run, runs: Sequence[Run], columns: Sequence[Column], config: CompareConfig) -> Iterator[ScoreRow]:
    """The rows of the runs that are compared with one baseline."""
    cells: dict[str, dict[Column, ScoreCell]] = {run.name: {} for run in runs}
    for key, group in groupby(sorted(columns, key=lambda column: column.key), key=lambda column: column.key):
        having = [run for run in runs if key in run.scores]
        for column, name, cell in _compare_key(key, list(group), having, base, config) if having else ():
            cells[name][column] = cell
    for name, own in cells.items():
        yield ScoreRow(name, False, {c: own[c] for c in columns if c in own}, baseline=base.name)


def _columns_of(run: Run) -> Iterator[Column]:
    for key, score in run.scores.items():
        benchmark, _, language = key.partition("/")
        yield from (Column(benchmark, language, metric) for metric in measures_of(score))


def _compare_key(
    key: str, columns: Sequence[Column], having: Sequence[Run], base: Run, config: CompareConfig
) -> Iterator[tuple[Column, str, ScoreCell]]:
    """The cells of one benchmark in one language. Its items are in memory only here."""
    items = {run.name: read_items(run, key) for run in having}
    first = base if base in having else having[0]
    apart = {r.name: None if r is first else obstacle(r, first, items[r.name], items[first.name], key) for r in having}
    for column in columns:
        scored = [run for run in having if column.metric in measures_of(run.scores[key])]
        tested = base in scored and column.metric in items[base.name].numbers
        lead = next((run for run in (first, *scored) if run in scored and apart[run.name] is None), None)
        for run in scored:
            why = apart[run.name]
            if why is None and lead is not None and column.metric == "comet":
                why = comet_obstacle(run, lead, key)
            cell = replace(_cell(run, key, column.metric, items[run.name], config), apart=why)
            if tested and why is None and run is not base and column.metric in items[run.name].numbers:
                one, other, clusters = paired(items[run.name], items[base.name], column.metric)
                found = difference_of(MEASURES[column.metric], one, other, column.test, config, clusters)
                cell = replace(cell, difference=found)
            yield column, run.name, cell


def _cell(run: Run, key: str, metric: str, items: Items, config: CompareConfig) -> ScoreCell:
    scores = [seed.scores[key] for seed in run.parts]
    part = score_of(scores[0], metric)
    parts = [score_of(s, metric) for s in scores]
    score = _pooled(parts, metric, items.numbers.get(metric), config, items.clusters)
    cell = ScoreCell(score, part.get("items", scores[0]["items"]))
    if metric != scores[0]["metric"] or any("in_language" not in s for s in scores):
        return cell
    known = [n for n, s in enumerate(scores) if s["in_language"]]
    shares = [scores[n]["in_language"] for n in known]
    spoken = None if items.spoken is None else items.spoken[known]
    share = _pooled(shares, "in_language", spoken, config, items.clusters) if shares else None
    empty = float(np.mean([s["empty"]["mean"] for s in scores]))
    return replace(cell, answers=Answers(share, sum(part["items"] for part in shares), empty))


def _pooled(
    parts: Sequence[Mapping[str, Any]], metric: str, seeds: Any, config: CompareConfig, clusters: Clusters | None
) -> Score:
    """The mean of the seeds' scores; of one seed the score as it is. `seeds`: their numbers, or None."""
    if len(parts) == 1:
        return _score(parts[0])
    values = [part["mean"] for part in parts]
    if seeds is None:
        return Score(float(np.mean(values)), seeds=over_seeds(values, [values]))
    interval, over = pooled_score(MEASURES[metric], seeds, values, config, clusters)
    return Score(interval.mean, interval.low, interval.high, interval.stderr, over)


def _score(part: Mapping[str, Any]) -> Score:
    return Score(part["mean"], part.get("low"), part.get("high"), part.get("stderr"))


def _with_corrected(rows: Sequence[ScoreRow], correction: Correction) -> list[ScoreRow]:
    """The rows, with each p-value corrected for the number of tests in all rows."""
    tests = [(r, c, cell.difference) for r in rows for c, cell in r.cells.items() if cell.difference is not None]
    values = corrected([found.p for _, _, found in tests], correction)
    known = {(r.name, c): replace(d, p_corrected=p) for (r, c, d), p in zip(tests, values, strict=True)}
    return [
        replace(r, cells={c: replace(cell, difference=known.get((r.name, c))) for c, cell in r.cells.items()})
        for r in rows
    ]


def _table(title: str, columns: tuple[Column, ...], rows: Sequence[ScoreRow]) -> ScoreTable:
    """One table with averages and with the best of each block marked."""
    here = [replace(row, cells={c: row.cells[c] for c in columns if c in row.cells}) for row in rows]
    here = [row for row in here if row.cells]
    compared = [row for row in here if not row.apart]
    averaged = tuple(
        c for c in columns if not c.beside and all(c in row.cells and row.cells[c].apart is None for row in compared)
    )
    if sum(not c.beside for c in columns) > 1 and averaged:
        here = [replace(row, average=_average(row, averaged)) for row in here]
    table = ScoreTable(title, columns, tuple(here), averaged)
    return replace(table, rows=tuple(row for block in table.blocks() for row in _with_best(block, columns)))


def _average(row: ScoreRow, columns: Sequence[Column]) -> ScoreCell | None:
    """The mean of a row over the columns, not compared if one of them is not; None if the row lacks a column."""
    if not all(column in row.cells for column in columns):
        return None
    cells = [row.cells[column] for column in columns]
    return ScoreCell(mean_of([cell.score for cell in cells]), apart=next((c.apart for c in cells if c.apart), None))


def mean_of(scores: Sequence[Score]) -> Score:
    """The mean of several scores. Its 95% interval takes them as independent; none if one of them has none.

    Of several seeds it holds the t interval of their averages too, since one seed has its say in all the scores, as
    far as the scores' own intervals allow.
    """
    mean = float(np.mean([score.mean for score in scores]))
    # Not from standard errors: for 0 of 48 the standard error is 0, but Wilson's interval is wider.
    below = [score.mean - score.low for score in scores if score.low is not None]
    above = [score.high - score.mean for score in scores if score.high is not None]
    if min(len(below), len(above)) < len(scores):
        return Score(mean)
    low, high = (float(np.linalg.norm(widths)) / len(scores) for widths in (below, above))
    each = [score.seeds.values for score in scores if score.seeds is not None]
    if not each:
        return Score(mean, mean - low, mean + high)
    averages = np.mean(each, axis=0).tolist()
    over = over_seeds(averages, [averages])
    lowest, highest = mean - float(np.mean(below)), mean + float(np.mean(above))  # if all move together
    return Score(mean, min(mean - low, max(lowest, over.low)), max(mean + high, min(highest, over.high)), seeds=over)


def _with_best(block: Sequence[ScoreRow], columns: Sequence[Column]) -> Iterator[ScoreRow]:
    """The rows, with the best of each column marked: all that show the highest number, if there are several rows."""
    best = {column: _highest([row.cells[column] for row in block if column in row.cells]) for column in columns}
    average = _highest([row.average for row in block if row.average is not None])
    for row in block:
        cells = {column: _marked(cell, best[column]) for column, cell in row.cells.items()}
        yield replace(row, cells=cells, average=row.average and _marked(row.average, average))


def _marked(cell: ScoreCell, best: str | None) -> ScoreCell:
    return replace(cell, best=cell.apart is None and shown(cell.score.mean) == best)


def _highest(cells: Sequence[ScoreCell]) -> str | None:
    scores = [cell.score.mean for cell in cells if cell.apart is None]
    return shown(max(scores)) if len(scores) > 1 else None
