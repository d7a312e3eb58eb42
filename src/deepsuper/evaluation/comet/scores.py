"""COMET scores of translations, by `worker.py` in an environment of its own: unbabel-comet needs older packages."""

import json
import logging
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from deepsuper.common.errors import UserError
from deepsuper.common.files import cache_folder
from deepsuper.evaluation.comet import worker

log = logging.getLogger("deepsuper")

RELEASE = "2.2.7"
VARIABLE = "DEEPSUPER_COMET_PYTHON"
FIELDS = ("src", "mt", "ref")

_VERSION = "from importlib.metadata import version; print(version('unbabel-comet'))"
_REMEDIES = {
    worker.NO_PACKAGE: "`make comet` makes the environment again",
    worker.NO_MODEL: "fetch it where the hub can be reached, or give a local checkpoint: "
    "FOLDER/checkpoints/model.ckpt, with FOLDER/hparams.yaml",
    worker.NOT_LOADED: "a checkpoint needs the configuration and the tokenizer of its encoder "
    "(`pretrained_model` in hparams.yaml) too, from the hub or the hub's cache",
    worker.NOT_SCORED: "if memory is short, run `deepsuper eval` again, which then loads no other model",
}


def default_python() -> Path:
    """The python that `make comet` installs."""
    return cache_folder() / "comet" / "bin" / "python"


def comet_python() -> Path:
    """The python that has unbabel-comet. Raises: UserError that says how to install it."""
    named = os.environ.get(VARIABLE)
    python = Path(named).expanduser() if named else default_python()
    if comet_version(python) is not None:
        return python
    folder = default_python().parent.parent
    raise UserError(
        f"no unbabel-comet in {f'{VARIABLE}={named}' if named else python}: run `make comet` in a clone of deepsuper, "
        f"or `python3 -m venv {folder} && {folder}/bin/pip install unbabel-comet=={RELEASE} 'setuptools<81'` with "
        f"Python 3.11 or 3.12, or name a python that has it in {VARIABLE}"
    )


def comet_version(python: str | Path) -> str | None:
    """The version of unbabel-comet that a python has; None where it has none, or where there is no such python."""
    try:
        done = subprocess.run(
            [str(python), "-c", _VERSION], env=_clean(os.environ), capture_output=True, text=True, timeout=60
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None


def comet_scores(python: str | Path, model: str, rows: Sequence[Mapping[str, str]]) -> list[float]:
    """The COMET score of each row, in order. About 0 to 1, higher is better; the score of a system is their mean.

    `python` has unbabel-comet; `model` is a hub name or a `.ckpt`. Raises: UserError, one line where the worker fails.
    """
    _check(model, rows)
    if not rows:
        return []
    with tempfile.TemporaryDirectory(prefix="deepsuper-comet-") as folder:
        asked, answered = Path(folder) / "rows.jsonl", Path(folder) / "scores.jsonl"
        # In ASCII: a lone surrogate cannot be written otherwise, and U+2028 could end a line.
        lines = (json.dumps({name: row[name] for name in FIELDS}) + "\n" for row in rows)
        asked.write_text("".join(lines), encoding="ascii")
        progress = "progress" if sys.stderr.isatty() else "quiet"
        # unbabel-comet looks for hparams.yaml two folders up, where a relative path may be too short.
        source = str(Path(model).absolute()) if model.endswith(".ckpt") else model
        work = [worker.__file__, source, str(asked), str(answered), progress]
        try:
            status, said = _run([str(python), "-W", "ignore", *work])
        except OSError as error:
            raise UserError(f"COMET: cannot start {python}: {error.strerror}: `make comet` makes one") from error
        if status != 0:
            raise UserError(_failure(python, model, status, said))
        scores = [float(json.loads(line)["score"]) for line in answered.read_text(encoding="ascii").splitlines()]
    if len(scores) != len(rows):
        raise UserError(f"COMET with {model}: gave {len(scores)} scores for {len(rows)} rows")
    for n, score in enumerate(scores):
        if not math.isfinite(score):
            raise UserError(f"COMET with {model}: gave {score} for row {n}: the checkpoint may be broken")
    return scores


def _check(model: str, rows: Sequence[Mapping[str, str]]) -> None:
    """Raises: UserError naming a bad value and what is needed, before anything is started."""
    if model.endswith(".ckpt"):
        checkpoint = Path(model)
        for path in (checkpoint, checkpoint.absolute().parent.parent / "hparams.yaml"):
            if not path.is_file():
                raise UserError(f"COMET model {model}: no such file {str(path)!r} (from {Path.cwd()})")
    for n, row in enumerate(rows):
        for name in FIELDS:
            if not isinstance(row.get(name), str):
                raise UserError(f"row {n}: {name!r} must be a text, got {row.get(name)!r}")


def _run(command: Sequence[str]) -> tuple[int, str]:
    """The exit status and the last part of stderr, which a terminal also shows at once."""
    shown = sys.stderr.isatty()
    said = b""
    with subprocess.Popen(
        command, env=_clean(os.environ), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        assert process.stderr is not None
        while piece := os.read(process.stderr.fileno(), 1 << 16):
            said = (said + piece)[-(1 << 16) :]
            if shown:
                sys.stderr.write(piece.decode("utf-8", "replace"))
                sys.stderr.flush()
    return process.returncode, said.decode("utf-8", "replace")


def _failure(python: str | Path, model: str, status: int, said: str) -> str:
    """One line: the last line of the worker's stderr, and the remedy."""
    lines = [line.strip() for line in said.replace("\r", "\n").split("\n") if line.strip()]
    last = lines[-1] if lines else f"ended by signal {-status}" if status < 0 else f"exit status {status}"
    known = _REMEDIES[worker.NOT_SCORED] if status < 0 else _REMEDIES.get(status)
    remedy = known or f"see whether `{python} -c 'import comet'` works"
    return f"COMET with {model}: {last}: {remedy}"


def _clean(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment variables without those that lead Python to deepsuper's packages."""
    return {k: v for k, v in environment.items() if not k.startswith("PYTHON") and k != "VIRTUAL_ENV"}


class Comet:
    """COMET for all translations of a run. Where it is not available, that is tried and logged once."""

    def __init__(self, model: str) -> None:
        self.model = model
        self._missing = model == "none"

    def add(self, items: Sequence[dict[str, Any]]) -> dict[str, str | None] | None:
        """The model and the version that added `comet` to each item; None, with a warning, where COMET is missing."""
        if self._missing:
            return None
        rows = [{"src": item["source"], "mt": item["prediction"], "ref": item["gold"]} for item in items]
        try:
            python = comet_python()
            scores = comet_scores(python, self.model, rows)
        except UserError as error:
            log.warning("comet: left out: %s", error)
            self._missing = True
            return None
        for item, score in zip(items, scores, strict=True):
            item["comet"] = score
        return {"model": self.model, "version": comet_version(python)}
