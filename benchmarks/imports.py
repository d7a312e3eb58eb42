"""Start-up time of this source tree against another one: `python benchmarks/imports.py OTHER/src [ROUNDS]`.

Both trees run in turn, so that a busy machine slows both alike; the shortest time of each counts. A ratio below 1
means that this tree is faster.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parents[1] / "src"
TASKS = {"deepsuper --help": ["-m", "deepsuper", "--help"], "import deepsuper": ["-c", "import deepsuper"]}


def seconds(source: Path, task: list[str]) -> float:
    """CPU time of one fresh process, in seconds: it does not count the time that other processes take."""
    start = cpu_seconds()
    environment = {**os.environ, "PYTHONPATH": str(source.resolve())}
    subprocess.run([sys.executable, *task], env=environment, stdout=subprocess.DEVNULL, check=True)
    return cpu_seconds() - start


def cpu_seconds() -> float:
    """CPU time of all processes that were started and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main(other: Path, rounds: int = 15) -> None:
    for name, task in TASKS.items():
        seconds(HERE, task), seconds(other, task)  # both have their .pyc files
        times = [(seconds(HERE, task), seconds(other, task)) for _ in range(rounds)]
        ours, theirs = (min(column) for column in zip(*times, strict=True))
        print(f"{name}: {ours:.3f} s against {theirs:.3f} s, ratio {ours / theirs:.2f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
