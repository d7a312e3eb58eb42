"""The command line: parses and calls, no logic. It stands on all rooms; read `main` first."""

import logging
import os
import re
import sys
from argparse import ArgumentError
from collections.abc import Sequence
from functools import cache

from jsonargparse import ArgumentParser, Namespace

from deepsuper.cli.arguments import EPILOG, check_recipes, expand_home, option_names
from deepsuper.cli.commands import Command, add_commands, path_of, run_command
from deepsuper.cli.data import DATA
from deepsuper.cli.evaluation import COMPARE, EVAL
from deepsuper.cli.inside import ALIGN, DOSE, LAYERS, LENS
from deepsuper.cli.messages import explain
from deepsuper.cli.study import STUDY
from deepsuper.cli.training import DEMO, MERGE, SHOW, TRAIN
from deepsuper.common.errors import UserError

DESCRIPTION = "Deep supervision fine-tuning: make English-centric language models good at other languages."
OPTION = re.compile(r"^--[A-Za-z][\w.-]*")
LINE_END = re.compile(r"\s*\n\s*")
COMMANDS: dict[str, Command] = {
    "train": TRAIN,
    "show": SHOW,
    "merge": MERGE,
    "layers": LAYERS,
    "lens": LENS,
    "align": ALIGN,
    "dose": DOSE,
    "eval": EVAL,
    "compare": COMPARE,
    "study": STUDY,
    "data": DATA,
    "demo": DEMO,
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs one command. A user's mistake ends in one line and status 2, an interrupt in 130, a bug in a traceback."""
    # Large pages make the gradient of a big vocabulary cheaper; torch reads this when it first allocates.
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    for noisy in ("httpx", "httpx2", "openai", "transformers", "accelerate", "lm_eval"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    line = list(sys.argv[1:] if arguments is None else arguments)
    try:
        run_command(_parse(line), line, COMMANDS)
    except UserError as error:
        sys.exit(_fail(str(error), error.exit_status))
    except KeyboardInterrupt:
        sys.exit(_fail("interrupted; train continues with --resume, eval and data translate when run again", 130))


@cache
def make_parser(asked: tuple[str, ...] | None = None) -> ArgumentParser:
    """The parser of all commands. It raises ArgumentError; see `messages.explain`. `asked`: see `add_commands`."""
    parser = ArgumentParser(
        prog="deepsuper", description=DESCRIPTION, epilog=EPILOG, allow_abbrev=False, exit_on_error=False
    )
    add_commands(parser, COMMANDS, asked)
    return parser


def _parse(given: Sequence[str]) -> Namespace:
    """The values of a command line. Raises: UserError in one line where it cannot be read."""
    line = _with_config(list(given))
    path = list(path_of(line, COMMANDS))
    try:
        parsed: Namespace = make_parser(tuple(name for name, _ in path)).parse_args(line)
        expand_home(parsed)
        return parsed
    except (ArgumentError, UnicodeDecodeError) as error:
        known = option_names(path[-1][1].parser()) if path else []
        # What is wrong with a whole file is said first. For a command of a command jsonargparse names none of its keys.
        check_recipes(line, known if str(error).strip("'") in COMMANDS else None)
        message = explain(str(error), known)
    if ": need " not in message:
        message += f" (see {' '.join(['deepsuper', *(name for name, _ in path)])} --help)"
    raise UserError(message)


def _with_config(given: list[str]) -> list[str]:
    """The line with `--config` before a recipe that is the first argument, and underscores in the names of options."""
    line = [OPTION.sub(lambda found: "--" + found[0][2:].replace("-", "_"), word) for word in given]
    path = list(path_of(line, COMMANDS))
    rest = line[len(path) :]
    if path and path[-1][1].recipe and rest and not rest[0].startswith("-"):
        return [*line[: len(path)], "--config", *rest]
    return line


def _fail(message: str, status: int) -> int:
    """Prints the message as one line, also where it quotes several lines of a library; returns `status`."""
    # Open progress bars are closed: the message would stand behind them, and they would be drawn again below it.
    if "tqdm" in sys.modules:
        for bar in list(sys.modules["tqdm"].tqdm._instances):
            bar.close()
    print(f"deepsuper: error: {LINE_END.sub(' ', message)}", file=sys.stderr)
    return status
