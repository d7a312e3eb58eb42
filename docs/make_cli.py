"""Writes docs/cli.md from the help texts of the commands: `make docs`."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from deepsuper.cli import COMMANDS

RECIPES_OF_TRAIN = (["show"], ["dose"], ["data", "sdrrl"])
"""The commands that read a recipe of `train`: its options are on the page once."""
NESTED = re.compile(r"--(\S+)\.help +Show the help for (\w+) and exit")


def render() -> str:
    """The page."""
    parts = ["# The command line", "", "Made by `make docs` from the commands themselves.", ""]
    inner = [[name, own] for name, command in COMMANDS.items() for own in command.commands]
    for command in ([], *([name] for name in COMMANDS), *inner):
        parts += [f"## deepsuper {' '.join(command)}".rstrip(), ""]
        text = _printed(*command, "--help")
        if command in RECIPES_OF_TRAIN:
            text = _beyond(text, _printed("train", "--help"))
        parts += ["```", text, "```", ""]
        if command in RECIPES_OF_TRAIN:
            parts += ["The other options are those of a recipe: see [train](#deepsuper-train).", ""]
        for names in _nested(text):
            fields = _fields(_printed(*command, f"--{names[0]}.help"))
            parts += [f"Of {' and '.join(f'`--{name}`' for name in names)}:", "", "```", fields, "```", ""]
    return "\n".join(parts)


def _printed(*line: str) -> str:
    """What a command prints."""
    environment = {**os.environ, "COLUMNS": "120", "NO_COLOR": "1"}
    run = [sys.executable, "-m", "deepsuper", *line]
    return subprocess.run(run, capture_output=True, text=True, check=True, env=environment).stdout.rstrip()


def _beyond(text: str, known: str) -> str:
    """The paragraphs of a help text that another has not; without the usage, which names all options once more."""
    return "\n\n".join(part for part in text.split("\n\n")[1:] if part not in known.split("\n\n"))


def _nested(text: str) -> list[list[str]]:
    """The options that have options of their own; those of one kind together."""
    kinds: dict[str, list[str]] = {}
    for option, kind in NESTED.findall(text):
        kinds.setdefault(kind, []).append(option)
    return list(kinds.values())


def _fields(text: str) -> str:
    """A nested help text without its usage and the name of its class."""
    return "\n\n".join(text.split("\n\n")[2:])


if __name__ == "__main__":
    Path(__file__).with_name("cli.md").write_text(render(), encoding="utf-8")
