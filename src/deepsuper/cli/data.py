"""The commands of `deepsuper data`."""

import sys
from functools import partial
from pathlib import Path

from jsonargparse import ArgumentParser, Namespace

from deepsuper.cli.arguments import (
    add_fields,
    add_weights_arguments,
    class_parser,
    field_values,
    from_values,
    model_config,
    recipe_parser,
    split_names,
)
from deepsuper.cli.commands import Command
from deepsuper.config import JoinConfig, RunConfig
from deepsuper.config.check import CheckConfig
from deepsuper.config.mix import MixConfig
from deepsuper.config.translate import TranslateConfig
from deepsuper.data.join.formats import READERS
from deepsuper.evaluation.benchmarks import BENCHMARKS


def _layout(parsed: Namespace, line: list[str]) -> None:
    from deepsuper.evaluation.local import layout

    print(layout(), end="")


def _convert_parser() -> ArgumentParser:
    parser = ArgumentParser(description="Write the files of --data_dir from a benchmark's official download.")
    parser.add_argument("benchmark", choices=list(BENCHMARKS), help="the benchmark")
    parser.add_argument("source", type=str, help="the file, folder or archive as downloaded")
    parser.add_argument("--data_dir", type=str, required=True, help="the folder to write to")
    meaning = "languages, with commas; en is possible too (default: those of zh,vi,ar that the benchmark has)"
    parser.add_argument("--langs", type=str, default=None, help=meaning)
    return parser


def _convert(parsed: Namespace, line: list[str]) -> None:
    from deepsuper.evaluation.official.convert import convert

    benchmark = BENCHMARKS[parsed.benchmark]
    usual = [language for language in ("zh", "vi", "ar") if benchmark.variants(language)]
    languages = usual if parsed.langs is None else split_names(parsed.langs)
    written = convert(benchmark.name, Path(parsed.source), Path(parsed.data_dir), languages)
    for path, rows in written.items():
        print(f"{path}: {rows} rows")


def _sdrrl_parser() -> ArgumentParser:
    parser = recipe_parser("Show the rows that a recipe with method sdrrl trains on: examples of each part, counts.")
    parser.add_argument("--output", type=str | None, default=None, help="a file to write all rows to, as JSON lines")
    return parser


def _sdrrl(parsed: Namespace, line: list[str]) -> None:
    from deepsuper.data.sdrrl import run_synthesis
    from deepsuper.data.sdrrl.check import check_method
    from deepsuper.training.check import check

    output, config = None if parsed.output is None else Path(parsed.output), from_values(RunConfig, parsed)
    check_method(config)
    check(config)
    run_synthesis(config, output, [Path(str(path)) for path in parsed.config or ()])


def _join_parser() -> ArgumentParser:
    parser = ArgumentParser(description="Pair the rows of one set in English and in another language.")
    parser.add_argument("--lang", type=str, required=True, help="the language of the other side: zh, vi, ar ...")
    add_fields(parser, JoinConfig, but={"language", "format_en", "format_tgt"})
    for side in ("en", "tgt"):
        formats, meaning = ["auto", *READERS], "the format of the set; auto: found by its fields"
        parser.add_argument(f"--format_{side}", choices=formats, default="auto", help=meaning)
    return parser


def _join(parsed: Namespace, line: list[str]) -> None:
    from deepsuper.data.join.run import run_join

    run_join(JoinConfig(language=parsed.lang, **field_values(JoinConfig, parsed)), ["deepsuper", *line])


def _mix_parser() -> ArgumentParser:
    return class_parser(
        MixConfig,
        "Mix the rows of several files and languages, shuffled, in constant memory: weights, temperature, "
        "caps, a seed. Writes a file for each language, data.yaml for `deepsuper train`, skipped.jsonl and "
        "manifest.json. Every value of the recipe can be changed on the command line: --temperature 2",
    )


def _mix(parsed: Namespace, line: list[str]) -> None:
    from deepsuper.data.mix.run import run_mix

    run_mix(from_values(MixConfig, parsed), ["deepsuper", *line])


def _translate_parser() -> ArgumentParser:
    parser = ArgumentParser(
        description="Translate the missing side of rows, from English into the target language or back. Writes OUTPUT "
        "and, beside it, the rows that failed with the reason (.aside.jsonl), a manifest and a cache. Run it again to "
        "continue. The key of an endpoint is read from OPENAI_API_KEY."
    )
    parser.add_argument("file", type=str, help="JSON lines, plain or gzip; English fields with or without _en")
    parser.add_argument("--lang", type=str, required=True, help="the target language, such as zh")
    parser.add_argument("--model", type=str, default=None, help="a hub name, folder or run folder: translation or chat")
    # Its type is not `str | None`: YAML would read a prompt that begins with # as a comment, and so as null.
    meaning = "the prompt, with {text} and, if wanted, {source} and {target} (default: a plain one for chat models)"
    parser.add_argument("--prompt", type=str, default=None, help=meaning)
    add_fields(parser, TranslateConfig, but={"path", "language", "model", "prompt"})
    meaning = "run `data check` on the translations; its report goes to OUTPUT with .check in place of .jsonl"
    parser.add_argument("--check", type=bool, default=True, help=meaning)
    parser.add_argument("--data_dir", type=str, default=None, help="evaluation sets for the check to compare with")
    add_weights_arguments(parser)
    return parser


def _translate(parsed: Namespace, line: list[str]) -> None:
    from deepsuper.data.check.check import check_tools
    from deepsuper.data.check.run import run_check
    from deepsuper.data.translate.run import run_translate

    check = CheckConfig((parsed.output,), parsed.lang, data_dir=parsed.data_dir)
    report = Path(parsed.output).parent / f"{Path(parsed.output).stem}.check" if parsed.check else None
    if parsed.check:
        check_tools(check)
    own = field_values(TranslateConfig, parsed)
    if parsed.model is not None:
        own["model"] = model_config(parsed.model, parsed)
    config = TranslateConfig(path=parsed.file, language=parsed.lang, **own)
    translated = run_translate(config, ["deepsuper", *line], report)
    if report is not None and translated.rows_out:
        run_check(check, report)


def _check_parser() -> ArgumentParser:
    parser = ArgumentParser(
        description="Check parallel rows. Reports in the terminal and as a page; with --fix, also writes the rows "
        "without those that have errors. Writes report.html, report.json and findings.jsonl."
    )
    parser.add_argument("files", nargs="*", type=str, help="JSON lines with both sides, plain or gzip")
    meaning = "the language of the target side (default: detected from the texts)"
    parser.add_argument("--lang", type=str, default=None, help=meaning)
    parser.add_argument("--fix", action="store_true", help="write NAME.kept.jsonl and NAME.removed.jsonl too")
    meaning = "the reasons for which --fix removes a row, with commas, or all (default: errors)"
    parser.add_argument("--reasons", type=str, default="", help=meaning)
    parser.add_argument("--ignore", type=str, default="", help="checks to leave out, with commas")
    add_fields(parser, CheckConfig, but={"files", "language", "fix", "reasons", "ignore"})
    parser.add_argument("--strict", action="store_true", help="end with exit status 1 if a row has an error")
    parser.add_argument("--output_dir", type=str, default="runs/check", help="the folder to write")
    return parser


def _check(parsed: Namespace, line: list[str]) -> None:
    from deepsuper.data.check.run import run_check

    reasons, ignore = (split_names(parsed[name]) if parsed[name] else () for name in ("reasons", "ignore"))
    own = field_values(CheckConfig, parsed)
    own |= {"files": tuple(parsed.files), "language": parsed.lang, "reasons": reasons, "ignore": ignore}
    config = CheckConfig(**own)
    checked = run_check(config, Path(parsed.output_dir))
    if parsed.strict and any(one.failed for one in checked):
        sys.exit(1)


_LAYOUT = partial(
    ArgumentParser, description="Print the files that --data_dir holds, their fields, and where to get them."
)
DATA = Command(
    "make, check and combine parallel rows; lay out benchmarks",
    partial(ArgumentParser, description="Parallel rows, and benchmark files for `eval --data_dir`."),
    commands={
        "check": Command("say what is wrong with parallel rows", _check_parser, _check),
        "join": Command("pair the rows of one set in two languages", _join_parser, _join),
        "mix": Command("mix files and languages as a recipe says", _mix_parser, _mix, recipe=True),
        "translate": Command("make the missing side of rows", _translate_parser, _translate),
        "sdrrl": Command("show what method sdrrl trains on", _sdrrl_parser, _sdrrl, recipe=True),
        "layout": Command("print what --data_dir holds", _LAYOUT, _layout),
        "convert": Command("convert an official download", _convert_parser, _convert),
    },
)
