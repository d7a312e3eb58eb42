"""The commands that score models and compare the scores: `eval` and `compare`."""

from pathlib import Path

from jsonargparse import ArgumentParser, Namespace

from deepsuper.cli.arguments import add_fields, add_weights_arguments, field_values, model_config, split_names
from deepsuper.cli.commands import Command
from deepsuper.common.errors import UserError
from deepsuper.config import CompareConfig, EvalConfig
from deepsuper.evaluation.benchmarks import BENCHMARKS, PROFILES


def _eval_parser() -> ArgumentParser:
    parser = ArgumentParser(
        description="Score models on the paper's benchmarks with lm-evaluation-harness, zero-shot. Writes results.json "
        "and one line for each item. Finished benchmarks are not run again."
    )
    parser.add_argument("models", nargs="*", type=str, help="hub names, folders, run folders or packaged models")
    parser.add_argument("--langs", type=str, default="zh,vi,ar", help="languages, with commas; en is possible too")
    parser.add_argument("--benchmarks", type=str, default=",".join(BENCHMARKS), help="benchmarks, with commas")
    meaning = "paper: the harness's own tasks; corrected: tasks without its faults; or both, with a comma"
    parser.add_argument("--profile", type=str, default=PROFILES[0], help=meaning)
    parser.add_argument("--strict", action="store_true", help="stop with an error if a file is missing")
    add_fields(parser, EvalConfig, but={"models", "model", "languages", "benchmarks", "profiles", "strict"})
    meaning = "the folder to write; it gets a folder MODEL/PROFILE for each"
    parser.add_argument("--output_dir", type=str, default="runs/eval", help=meaning)
    add_weights_arguments(parser)
    return parser


def _eval(parsed: Namespace, line: list[str]) -> None:
    from deepsuper.evaluation.run import run_eval

    if not parsed.models:
        raise UserError("models: need at least one hub name, folder, run folder or packaged model")
    own = field_values(EvalConfig, parsed)
    own |= {"models": tuple(parsed.models), "model": model_config("", parsed), "languages": split_names(parsed.langs)}
    own |= {"benchmarks": split_names(parsed.benchmarks), "profiles": split_names(parsed.profile)}
    run_eval(EvalConfig(**own), Path(parsed.output_dir), ["deepsuper", *line])


def _compare_parser() -> ArgumentParser:
    parser = ArgumentParser(
        description="Show evaluations side by side in the paper's tables, the best in bold. Each is compared with a "
        "baseline by paired bootstrap intervals and tests (McNemar for accuracies), corrected for their number."
    )
    meaning = "folders that eval wrote, or NAME=FOLDER; with commas the seeds of one run: NAME=FOLDER,FOLDER"
    parser.add_argument("runs", nargs="*", type=str, help=meaning)
    meaning = "a column for each run, a row for each benchmark and language"
    parser.add_argument("--transpose", action="store_true", help=meaning)
    add_fields(parser, CompareConfig, but={"runs", "transpose"})
    return parser


def _compare(parsed: Namespace, line: list[str]) -> None:
    from deepsuper.evaluation.compare.run import run_compare

    run_compare(CompareConfig(**{**field_values(CompareConfig, parsed), "runs": tuple(parsed.runs)}))


EVAL = Command("score models on benchmarks, on local or hub data", _eval_parser, _eval)
COMPARE = Command("say which differences between evaluations are real", _compare_parser, _compare)
