"""Processes of the command line and of scripts, forked from a server that has loaded torch and transformers once.

A process of its own costs some 8 s of computing for its imports; a forked one costs none, and is as clean: the server
has computed nothing. Where a test is about the launcher itself, it starts a true one.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(
    ["datasets", "peft", "deepsuper.cli", "deepsuper.training.run", "transformers.models.llama.modeling_llama"]
)


class Forked:
    """A running process, whose output goes to files."""

    def __init__(
        self, target: Callable[..., object], *arguments: object, environment: Mapping[str, str] | None = None
    ) -> None:
        self._folder = Path(tempfile.mkdtemp())
        environment = {**os.environ, **(environment or {})}
        given = (target, arguments, os.getcwd(), environment, self._folder)
        self.process = _SERVER.Process(target=_run, args=given, daemon=True)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("OMP_NUM_THREADS", "1")  # read by the server, which the first process starts
            self.process.start()

    def wait(self, timeout: float = 600.0) -> int:
        """The exit status; negative where a signal ended the process."""
        self.process.join(timeout)
        if self.process.exitcode is None:
            self.process.kill()
            raise TimeoutError(f"still running after {timeout} s: {self.errors()[-3000:]}")
        return self.process.exitcode

    def runs(self) -> bool:
        return self.process.is_alive()

    def send(self, signal: int) -> None:
        assert self.process.pid
        os.kill(self.process.pid, signal)

    def output(self) -> str:
        return (self._folder / "output").read_text(encoding="utf-8")

    def errors(self) -> str:
        """What is on standard error."""
        return (self._folder / "errors").read_text(encoding="utf-8")

    def finish(self) -> str:
        """The output of a process that must end well."""
        status = self.wait()
        assert status == 0, self.errors()[-3000:]
        return self.output()


def command(*line: str) -> None:
    """`python -m deepsuper LINE`."""
    sys.argv = ["deepsuper", *line]
    runpy.run_module("deepsuper", run_name="__main__")


def script(path: str, *line: str) -> None:
    """`python PATH LINE`."""
    sys.argv = [path, *line]
    runpy.run_path(path, run_name="__main__")


def _run(
    target: Callable[..., object], arguments: tuple[object, ...], folder: str, environment: dict[str, str], into: Path
) -> None:
    # A script may start processes of its own, which a daemon must not.
    multiprocessing.current_process()._config["daemon"] = False  # type: ignore[attr-defined]
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for descriptor, name in ((1, "output"), (2, "errors")):
        with (into / name).open("w") as file:
            os.dup2(file.fileno(), descriptor)
    target(*arguments)
