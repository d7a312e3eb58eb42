"""What a demo leaves behind: tables in the terminal, scores.json, answers.jsonl and a picture."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from deepsuper.common.figures import figure
from deepsuper.common.files import write_json, write_json_lines
from deepsuper.common.intervals import Interval, paired_interval
from deepsuper.data.rows import Row
from deepsuper.demo.scores import ScoredAnswers, score
from deepsuper.evaluation.report import percent


def show_answers(console: Console, rows: Sequence[Row], scored: Mapping[str, ScoredAnswers]) -> None:
    """Prints the first four questions with the answer of each model."""
    table = Table(show_lines=True)
    for name in ("question", "right answer", *scored):
        table.add_column(name, overflow="fold")
    for n, row in enumerate(rows[:4]):
        table.add_row(row.instruction, row.output, *(one.answers[n] for one in scored.values()))
    console.print(table)


def show_scores(console: Console, rows: Sequence[Row], scored: Mapping[str, ScoredAnswers], language: str) -> None:
    """Prints the scores of each model, and the difference that deep supervision makes."""
    title = f"{len(rows)} held-out questions, 95% intervals"
    table = Table("model", "F1", "exact match", f"answers in {language}", title=title)
    for name, one in scored.items():
        table.add_row(name, *(percent(asdict(interval)) for interval in one.intervals().values()))
    gold = score([row.output for row in rows], rows, language).intervals()["in language"]
    table.add_row("the right answers", "", "", percent(asdict(gold)))
    console.print(table)
    console.print(f"deep supervision - TFT, F1, question by question: {percent(asdict(_difference(scored)))}")


def write_scores(folder: Path, rows: Sequence[Row], scored: Mapping[str, ScoredAnswers], language: str) -> None:
    """Writes scores.json and, one line for each question, answers.jsonl."""
    record: dict[str, Any] = {"language": language, "questions": len(rows)}
    for name, one in scored.items():
        record[name] = {measure: asdict(interval) for measure, interval in one.intervals().items()}
    record["deep supervision - TFT, F1"] = asdict(_difference(scored))
    write_json(folder / "scores.json", record)
    lines = [
        {"id": r.id, "question": r.instruction, "right": r.output, **{k: s.answers[n] for k, s in scored.items()}}
        for n, r in enumerate(rows)
    ]
    write_json_lines(folder / "answers.jsonl", lines)


def _difference(scored: Mapping[str, ScoredAnswers]) -> Interval:
    return paired_interval(scored["deep supervision"].f1, scored["TFT"].f1)


def draw(
    path: Path, metrics: Mapping[str, Sequence[Mapping[str, Any]]], scores: Mapping[str, Mapping[str, Interval]]
) -> None:
    """Writes a PNG. `metrics`: run -> records of metrics.jsonl; `scores`: model -> measure -> interval (in [0, 1])."""
    with figure(path, figsize=(11, 4.2)) as drawn:
        left, right = drawn.subplots(1, 2)
        _draw_losses(left, metrics, {name: f"C{n}" for n, name in enumerate(scores)})
        _draw_scores(right, scores)


def _draw_losses(axes: Any, metrics: Mapping[str, Sequence[Mapping[str, Any]]], colors: Mapping[str, str]) -> None:
    for n, (run, records) in enumerate(metrics.items()):
        width = 1.5 + 2.5 * (len(metrics) - 1 - n)  # earlier lines are wider, so that they can be seen below later ones
        for term, style in (("tft", "-"), ("lc", "--"), ("et", ":")):
            points = [(r["step"], r[f"loss_{term}"]) for r in records if f"loss_{term}" in r]
            if points:
                axes.plot(*zip(*points, strict=True), style, color=colors[run], linewidth=width, label=f"{run}: {term}")
    axes.set(xlabel="step", ylabel="loss (nats per token; 1 - cos)", title="Loss terms")
    axes.set_yscale("log")
    axes.legend(fontsize=8)


def _draw_scores(axes: Any, scores: Mapping[str, Mapping[str, Interval]]) -> None:
    width = 0.8 / max(1, len(scores))
    measures = list(next(iter(scores.values())))
    for n, (name, row) in enumerate(scores.items()):
        means = [100 * row[m].mean for m in measures]
        errors = [
            [100 * (row[m].mean - row[m].low) for m in measures],
            [100 * (row[m].high - row[m].mean) for m in measures],
        ]
        places = [x + (n - (len(scores) - 1) / 2) * width for x in range(len(measures))]
        axes.bar(places, means, width, yerr=errors, capsize=3, label=name)
    axes.set_xticks(range(len(measures)), measures)
    axes.set(ylabel="%", ylim=(0, 118), yticks=range(0, 101, 20), title="Held-out articles, 95% intervals")
    axes.legend(fontsize=8, loc="upper center", ncols=len(scores))
