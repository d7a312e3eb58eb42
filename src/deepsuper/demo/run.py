"""`deepsuper demo`: the answers of the untouched model, of TFT and of deep supervision, side by side."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from deepsuper.config import ModelConfig, ObjectiveConfig, RunConfig, TrainingConfig
from deepsuper.config.demo import DemoConfig
from deepsuper.data.rows import Row
from deepsuper.demo.answers import answer
from deepsuper.demo.check import check_demo
from deepsuper.demo.dataset import data_config, load_rows
from deepsuper.demo.pictures import draw
from deepsuper.demo.report import show_answers, show_scores, write_scores
from deepsuper.demo.scores import ScoredAnswers, score
from deepsuper.models.load import load_model, load_tokenizer
from deepsuper.models.precision import fast_bf16
from deepsuper.training.run import train
from deepsuper.training.run_folder import RunFolder

OBJECTIVES = {"TFT": ObjectiveConfig(method="tft"), "deep supervision": ObjectiveConfig(method="dft-feature")}
"""Deep supervision by equations 5 and 7: of the variants in docs/results.md the one that lost least against TFT."""


def run_demo(config: DemoConfig) -> Path:
    """Trains both models, compares them with the untouched one, and returns the run folder.

    Raises: UserError naming the option at fault, or the package of a model that is not installed.
    """
    check_demo(config)
    console, folder, language = Console(), config.folder, config.language
    questions = load_rows(language, "held_out")[: config.questions]
    console.rule(f"{config.model}, untouched, asked in {language}")
    scored = {"untouched": ask(config.model, questions, language, title="untouched")}
    show_answers(console, questions, scored)
    metrics = {}
    for name, objective in OBJECTIVES.items():
        console.rule(name)
        run = RunFolder(folder / name.lower().replace(" ", "-"))
        train(make_config(config, objective, run.path))
        metrics[name] = run.read_metrics()
        scored[name] = ask(str(run.model), questions, language, title=name)
    console.rule("held-out articles")
    show_answers(console, questions, scored)
    show_scores(console, questions, scored, language)
    write_scores(folder, questions, scored, language)
    draw(folder / "demo.png", metrics, {name: one.intervals() for name, one in scored.items()})
    console.print(f"models, answers, scores and a picture (demo.png): {folder}")
    return folder


def ask(model: str, rows: Sequence[Row], language: str, *, title: str) -> ScoredAnswers:
    """The answers of a model to the rows' questions, with their scores; in bf16 where that is fast."""
    config = ModelConfig(name=model, dtype="bfloat16" if fast_bf16() else "float32")
    answers = answer(load_model(config), load_tokenizer(config), rows, "plain", title=title)
    return score(answers, rows, language)


def make_config(config: DemoConfig, objective: ObjectiveConfig, folder: Path) -> RunConfig:
    """One training of the demo, with 8 rows in a step."""
    return RunConfig(
        model=ModelConfig(name=config.model),
        data=data_config(config),
        objective=objective,
        training=TrainingConfig(
            learning_rate=1e-5, batch_size=8, micro_batch_size=8, max_steps=config.steps, log_every=5, seed=config.seed
        ),
        output_dir=str(folder),
    )
