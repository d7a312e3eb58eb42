"""Writes docs/cli.md from the help texts of the commands: `make docs`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from deepsuper.cli import COMMANDS
from deepsuper.cli.data import DATA_COMMANDS


def render() -> str:
    """The page."""
    parts = ["# The command line", "", "Made by `make docs` from the commands themselves.", ""]
    for command in ([], *([name] for name in COMMANDS), *(["data", name] for name in DATA_COMMANDS)):
        line = [*command, "--help"]
        run = [sys.executable, "-m", "deepsuper", *line]
        environment = {**os.environ, "COLUMNS": "120", "NO_COLOR": "1"}
        text = subprocess.run(run, capture_output=True, text=True, check=True, env=environment).stdout
        parts += [f"## deepsuper {' '.join(command)}".rstrip(), "", "```", text.rstrip(), "```", ""]
    return "\n".join(parts)


if __name__ == "__main__":
    Path(__file__).with_name("cli.md").write_text(render(), encoding="utf-8")
