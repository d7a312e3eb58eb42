"""A study in a process group of its own, and what it found."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path


def start(study: Path) -> subprocess.Popen:
    """`study run` in a process group of its own; what it prints goes to said.txt."""
    line = [sys.executable, "-m", "deepsuper", "study", "run", str(study), "--cores", "2"]
    with (study.parent / "said.txt").open("w") as said:
        return subprocess.Popen(line, stdout=said, stderr=subprocess.STDOUT, start_new_session=True)


def finish(study: Path) -> None:
    assert start(study).wait(timeout=600) == 0, (study.parent / "said.txt").read_text()[-3000:]


def results(folder: Path) -> dict[str, str]:
    """What a study found: the losses of its runs, and the scores and items of its evaluations, byte for byte."""
    files = [*folder.glob("eval/**/items/*.jsonl"), *folder.glob("compare/study/*.csv")]
    found = {str(file.relative_to(folder)): file.read_text() for file in files}
    for file in folder.glob("cells/*/metrics.jsonl"):
        records = [json.loads(line) for line in file.read_text().splitlines()]
        losses = [{k: v for k, v in record.items() if "loss" in k} for record in records]
        found[str(file.relative_to(folder))] = json.dumps(losses)
    return found
