"""The parsers of the commands: every option with its meaning; `docs/cli.md` is made of them."""

from __future__ import annotations

from jsonargparse import SUPPRESS, ArgumentParser

from deepsuper.cli.arguments import EPILOG, add_fields, add_weights_arguments, recipe_parser
from deepsuper.cli.data import add_data_commands
from deepsuper.config import AlignConfig, CompareConfig, EvalConfig, LayersConfig
from deepsuper.evaluation.benchmarks import BENCHMARKS
from deepsuper.evaluation.profiles import PROFILES

DESCRIPTION = "Deep supervision fine-tuning: make English-centric language models good at other languages."


def make_parser() -> ArgumentParser:
    """The parser of all commands. It raises ArgumentError; see `messages.explain`."""
    parser = ArgumentParser(
        prog="deepsuper", description=DESCRIPTION, epilog=EPILOG, allow_abbrev=False, exit_on_error=False
    )
    commands = parser.add_subcommands(dest="command", required=True)
    train = recipe_parser("Train a model as a recipe says; leaves a run folder.")
    train.add_argument("--resume", action="store_true", help="go on from the newest checkpoint of output_dir")
    commands.add_subcommand("train", train, help="train a model as a recipe says")
    show = recipe_parser("Print the objective of a recipe as a formula, with layers, weights and options.")
    # What `train --print_config` prints holds it, and is a recipe too.
    show.add_argument("--resume", action="store_true", help=SUPPRESS)
    commands.add_subcommand("show", show, help="print the objective of a recipe as a formula")
    merge = ArgumentParser(description="Add the changes of a LoRA adapter into its base model.")
    merge.add_argument("adapter", type=str, help="the adapter folder of a run")
    merge.add_argument("output", type=str, help="the model folder to write")
    add_weights_arguments(merge)
    commands.add_subcommand("merge", merge, help="add a LoRA adapter into its base model")
    commands.add_subcommand("layers", _layers_parser(), help="find the critical layers i and j of a model")
    commands.add_subcommand("lens", _lens_parser(), help="show what a model would say at every layer of a text")
    commands.add_subcommand("align", _align_parser(), help="measure how alike both languages' states are")
    commands.add_subcommand("eval", _eval_parser(), help="score models on benchmarks, on local or hub data")
    commands.add_subcommand("compare", _compare_parser(), help="say which differences between evaluations are real")
    data = ArgumentParser(description="Parallel rows, and benchmark files for `eval --data_dir`.")
    commands.add_subcommand("data", data, help="make, check and combine parallel rows; lay out benchmarks")
    add_data_commands(data)
    commands.add_subcommand("demo", _demo_parser(), help="fine-tune a real model on real rows in ten to thirty minutes")
    return parser


def _demo_parser() -> ArgumentParser:
    parser = ArgumentParser(
        description="Fine-tune the packaged gemma-3-270m on parallel questions, by the translated rows alone (TFT) and "
        "with deep supervision, and compare both with the untouched model on held-out articles."
    )
    parser.add_argument("--lang", choices=["zh", "vi", "ar"], default="zh", help="the target language")
    parser.add_argument("--output_dir", type=str, default=None, help="the run folder (default runs/demo-LANG)")
    parser.add_argument("--seed", type=int, default=42, help="of the order of the rows")
    return parser


def _layers_parser() -> ArgumentParser:
    parser = ArgumentParser(
        description="Find the layers i and j that deep supervision needs: from the entropy of each layer on text of "
        "the target language, as in the paper, and by two independent criteria. Writes layers.json, layers.png and the "
        "lines for a recipe, layers.yaml."
    )
    _add_reading_arguments(parser)
    parser.add_argument("--criteria", type=str, default="entropy", help="of entropy,language,alignment; with commas")
    add_fields(parser, LayersConfig, but={"model", "language", "criteria"})
    return parser


def _lens_parser() -> ArgumentParser:
    parser = ArgumentParser(
        description="Show the likeliest tokens of each layer and position of a text, with probability, entropy and "
        "script: in the terminal, and as one page to walk through, also with a tuned model beside its base."
    )
    parser.add_argument("model", type=str, help="a hub name, a folder, a run folder or a packaged model")
    parser.add_argument("text", type=str, help="what the model reads")
    parser.add_argument("--tuned", type=str, default=None, help="a model after tuning, or its run folder, to compare")
    parser.add_argument("--html", type=str, default="runs/lens.html", help="the page to write")
    parser.add_argument("--top", type=int, default=5, help="tokens of each cell of the page")
    parser.add_argument("--lens_norm", type=bool, default=True, help="the final norm before the head at inner layers")
    parser.add_argument("--max_length", type=int, default=512, help="tokens of the text")
    add_weights_arguments(parser)
    return parser


def _align_parser() -> ArgumentParser:
    parser = ArgumentParser(
        description="Measure how alike the states of parallel sentences are, at each layer, in one model or before and "
        "after tuning: cosine, retrieval, CKA, t-SNE (the paper's figure 4). Writes align.json, align.png and tsne.png."
    )
    _add_reading_arguments(parser)
    parser.add_argument("tuned", nargs="?", type=str, default=None, help="the model after tuning, or its run folder")
    add_fields(parser, AlignConfig, but={"model", "language", "tuned"})
    return parser


def _eval_parser() -> ArgumentParser:
    parser = ArgumentParser(
        description="Score models on the paper's benchmarks with lm-evaluation-harness, zero-shot. Leaves results.json "
        "and one line for each item; what is done is not run again."
    )
    parser.add_argument("models", nargs="*", type=str, help="hub names, folders, run folders or packaged models")
    parser.add_argument("--langs", type=str, default="zh,vi,ar", help="with commas; en too")
    parser.add_argument("--benchmarks", type=str, default=",".join(BENCHMARKS), help="with commas")
    meaning = "paper: the harness's own tasks; corrected: its faults mended; both with a comma"
    parser.add_argument("--profile", type=str, default=PROFILES[0], help=meaning)
    parser.add_argument("--strict", action="store_true", help="a file that is absent is an error")
    add_fields(parser, EvalConfig, but={"models", "model", "languages", "benchmarks", "profiles", "strict"})
    parser.add_argument("--output_dir", type=str, default="runs/eval", help="MODEL/PROFILE in it for each")
    add_weights_arguments(parser)
    return parser


def _compare_parser() -> ArgumentParser:
    parser = ArgumentParser(
        description="Set evaluations side by side in the paper's tables, best in bold, each against a baseline with "
        "paired bootstrap intervals and tests (McNemar for accuracies), corrected for their number."
    )
    parser.add_argument("runs", nargs="*", type=str, help="folders that eval wrote, or NAME=FOLDER")
    parser.add_argument(
        "--transpose", action="store_true", help="a column for each run, a row for each benchmark and language"
    )
    add_fields(parser, CompareConfig, but={"runs", "transpose"})
    return parser


def _add_reading_arguments(parser: ArgumentParser) -> None:
    """What every command that reads sentences with a model asks for."""
    parser.add_argument("model", type=str, help="a hub name, a folder, a run folder or a packaged model")
    parser.add_argument("--lang", type=str, default="zh", help="the target language: zh, vi, ar, or any with --data")
    parser.add_argument("--output_dir", type=str, default=None, help="the folder to write")
    add_weights_arguments(parser)
