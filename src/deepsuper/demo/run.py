"""`deepsuper demo`: the answers of the untouched model, of TFT and of deep supervision, side by side."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from deepsuper.common.progress import progress_bar
from deepsuper.config import DataConfig, ModelConfig, ObjectiveConfig, RunConfig, SourceConfig, TrainingConfig
from deepsuper.config.demo import DemoConfig
from deepsuper.data.rows import Row, load_corpus
from deepsuper.data.templates import Template
from deepsuper.demo.check import check_demo
from deepsuper.demo.report import draw, show_answers, show_scores, write_scores
from deepsuper.demo.scores import ScoredAnswers, score
from deepsuper.models.generation import Decoding, batches_by_length, write
from deepsuper.models.load import load_model, load_tokenizer
from deepsuper.models.precision import fast_bf16
from deepsuper.training.run import train
from deepsuper.training.run_folder import RunFolder

OBJECTIVES = {"TFT": ObjectiveConfig(method="tft"), "deep supervision": ObjectiveConfig(method="dft-feature")}
"""Deep supervision by equations 5 and 7: of the variants in docs/results.md the one that lost least against TFT."""
LINE = Decoding(longest=32, stop="\n")


def run_demo(config: DemoConfig) -> Path:
    """The run folder with both models, compared with the untouched one. Raises: UserError naming a bad option."""
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


def load_rows(language: str, part: str) -> list[Row]:
    """The packaged rows of one part, "train" or "held_out". Raises: UserError for a language that is not packaged."""
    sources = [SourceConfig(language=language, path=f"packaged:xquad.{language}.{part}")]
    return load_corpus(sources, DataConfig(sources), kind="parallel").rows


def ask(model: str, rows: Sequence[Row], language: str, *, title: str) -> ScoredAnswers:
    """The first line of a model's greedy answer to each question, with its scores; in bf16 where that is fast."""
    config = ModelConfig(name=model, dtype="bfloat16" if fast_bf16() else "float32")
    loaded, tokenizer = load_model(config).eval(), load_tokenizer(config)
    rendering = Template("plain", tokenizer)
    prompts = [rendering.render(row.instruction, row.input) for row in rows]
    answers = [""] * len(rows)
    with progress_bar(title, len(rows)) as advance:
        for chosen in batches_by_length(prompts, 32):
            texts = write(loaded, tokenizer, [prompts[n] for n in chosen], LINE, special=rendering.add_special_tokens)
            for n, written in zip(chosen, texts, strict=True):
                answers[n] = written.text
            advance(len(chosen))
    return score(answers, rows, language)


def data_config(config: DemoConfig) -> DataConfig:
    """The rows to train on, and those of the held-out loss: all of them, or a random choice of `config.questions`."""
    language, share = config.language, 1.0
    if config.questions is not None:
        share = min(1.0, config.questions / len(load_rows(language, "held_out")))
    train = SourceConfig(language=language, path=f"packaged:xquad.{language}.train")
    held_out = SourceConfig(language=language, path=f"packaged:xquad.{language}.held_out", weight=share)
    return DataConfig(train=[train], held_out=[held_out], template="plain")


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
