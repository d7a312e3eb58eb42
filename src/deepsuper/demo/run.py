"""The demo: answers of the untouched model, two trainings, and what they changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from deepsuper.common.errors import UserError
from deepsuper.common.files import write_json, write_json_lines
from deepsuper.common.intervals import Interval, mean_interval, paired_interval
from deepsuper.common.outputs import check_folder
from deepsuper.config import ModelConfig, ObjectiveConfig, RunConfig, TrainingConfig
from deepsuper.data.rows import Row
from deepsuper.demo.answers import answer
from deepsuper.demo.dataset import data_config, load_rows
from deepsuper.demo.pictures import draw
from deepsuper.evaluation.fidelity import in_language
from deepsuper.evaluation.scorers import best, exact_match, f1, mlqa_rules
from deepsuper.models.load import load_model, load_tokenizer
from deepsuper.models.precision import fast_bf16
from deepsuper.training.run import train
from deepsuper.training.run_folder import RunFolder

MODEL = "gemma-3-270m"
STEPS = 45
DEMO_OBJECTIVE = ObjectiveConfig(method="dft-feature")
"""The paper's equations 5 and 7: of the variants in docs/results.md the one that lost least against TFT."""


@dataclass(frozen=True)
class Scored:
    """One model's answers to the held-out questions, with their scores."""

    answers: list[str]
    f1: list[float]
    exact_match: list[float]
    in_language: list[bool | None]

    def intervals(self) -> dict[str, Interval]:
        """Measure -> mean with its interval."""
        spoken = [float(flag) for flag in self.in_language if flag is not None]
        return {
            "F1": mean_interval(self.f1),
            "exact match": mean_interval(self.exact_match),
            "in language": mean_interval(spoken or [0.0]),
        }


def run_demo(
    language: str, output_dir: Path, *, seed: int = 42, steps: int = STEPS, questions: int | None = None
) -> Path:
    """Trains and compares; returns the run folder. `questions`: evaluate on the first ones only.

    Raises: UserError where `output_dir` holds a demo already, or the packaged model is not installed.
    """
    check_folder("output_dir", output_dir)
    console, held_out = Console(), load_rows(language, "held_out")[:questions]
    if (output_dir / "scores.json").exists() or (output_dir / "tft" / "config.yaml").exists():
        raise UserError(f"output_dir {output_dir}: holds a demo: choose another folder with --output_dir, or delete it")
    console.rule(f"{MODEL}, untouched, asked in {language}")
    scored = {"untouched": ask(MODEL, held_out, language, title="untouched")}
    _show_answers(console, held_out[:4], scored)
    runs = {"TFT": ObjectiveConfig(method="tft"), "deep supervision": DEMO_OBJECTIVE}
    metrics = {}
    for name, objective in runs.items():
        console.rule(name)
        folder = RunFolder(output_dir / name.lower().replace(" ", "-"))
        train(make_config(objective, language, folder.path, seed=seed, steps=steps))
        metrics[name] = folder.read_metrics()
        scored[name] = ask(str(folder.model), held_out, language, title=name)
    console.rule("held-out articles")
    _show_answers(console, held_out[:4], scored)
    report(console, scored, held_out, language, output_dir)
    draw(output_dir / "demo.png", metrics, {name: s.intervals() for name, s in scored.items()})
    console.print(f"models, answers, scores and a picture (demo.png): {output_dir}")
    return output_dir


def ask(model: str, rows: Sequence[Row], language: str, *, title: str) -> Scored:
    """The answers of a model to the rows' questions, with their scores; in bf16 where that is fast."""
    config = ModelConfig(name=model, dtype="bfloat16" if fast_bf16() else "float32")
    answers = answer(load_model(config), load_tokenizer(config), rows, "plain", title=title)
    return score(answers, rows, language)


def make_config(objective: ObjectiveConfig, language: str, output_dir: Path, *, seed: int, steps: int) -> RunConfig:
    """The demo's run: 8 rows a step."""
    return RunConfig(
        model=ModelConfig(name=MODEL),
        data=data_config(language),
        objective=objective,
        training=TrainingConfig(
            learning_rate=1e-5, batch_size=8, micro_batch_size=8, max_steps=steps, log_every=5, seed=seed
        ),
        output_dir=str(output_dir),
    )


def score(answers: Sequence[str], rows: Sequence[Row], language: str) -> Scored:
    """The scores of `answers` against the rows' own, by MLQA's rules, which XTREME also uses for XQuAD."""
    rules = mlqa_rules(language)
    pairs = [(said, [row.output]) for said, row in zip(answers, rows, strict=True)]
    return Scored(
        list(answers),
        [best(f1, said, golds, rules) for said, golds in pairs],
        [best(exact_match, said, golds, rules) for said, golds in pairs],
        [in_language(said, language) for said in answers],
    )


def report(
    console: Console, scored: Mapping[str, Scored], rows: Sequence[Row], language: str, output_dir: Path
) -> None:
    """Prints the table of scores; writes scores.json and answers.jsonl."""
    table = Table(
        "model", "F1", "exact match", f"answers in {language}", title=f"{len(rows)} held-out questions, 95% intervals"
    )
    record: dict[str, Any] = {"language": language, "questions": len(rows)}
    for name, one in scored.items():
        intervals = one.intervals()
        table.add_row(name, *(_percent(interval) for interval in intervals.values()))
        record[name] = {measure: asdict(interval) for measure, interval in intervals.items()}
    gold = score([row.output for row in rows], rows, language).intervals()["in language"]
    table.add_row("the right answers", "", "", _percent(gold))
    difference = paired_interval(scored["deep supervision"].f1, scored["TFT"].f1)
    record["deep supervision - TFT, F1"] = asdict(difference)
    console.print(table)
    console.print(f"deep supervision - TFT, F1, question by question: {_percent(difference)}")
    write_json(output_dir / "scores.json", record)
    lines = [
        {"id": r.id, "question": r.instruction, "right": r.output, **{k: s.answers[n] for k, s in scored.items()}}
        for n, r in enumerate(rows)
    ]
    write_json_lines(output_dir / "answers.jsonl", lines)


def _show_answers(console: Console, rows: Sequence[Row], scored: Mapping[str, Scored]) -> None:
    table = Table(show_lines=True)
    for name in ("question", "right answer", *scored):
        table.add_column(name, overflow="fold")
    for n, row in enumerate(rows):
        table.add_row(row.instruction, row.output, *(one.answers[n] for one in scored.values()))
    console.print(table)


def _percent(interval: Interval) -> str:
    return f"{100 * interval.mean:.1f} ({100 * interval.low:.1f} to {100 * interval.high:.1f})"
