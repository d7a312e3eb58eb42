"""Runs one job of a study: `python -m deepsuper.study.step PLAN NAME`. The engine calls it, also on other machines."""

import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from deepsuper.common.files import write_json


def run_step(plan: Path, name: str) -> int:
    """Runs the commands of a job, with their output in its log; writes its marker at the end. Returns the exit status.

    The marker has the inputs of the job, the seconds that it took and the largest resident size of a process, in MiB.
    """
    written: dict[str, Any] = json.loads(plan.read_text(encoding="utf-8"))
    job = written["jobs"][name]
    log, start = Path(job["log"]), time.time()
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8") as file:
        for command in job["commands"]:
            file.write(f"$ {' '.join(command)}\n")
            file.flush()
            done = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, cwd=written["cwd"])
            if done.returncode:
                last = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1]
                print(f"{name}: {last} (see {log})", file=sys.stderr)
                return done.returncode
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    marker = Path(job["marker"])
    marker.parent.mkdir(parents=True, exist_ok=True)
    write_json(marker, {"inputs": job["inputs"], "seconds": round(time.time() - start, 1), "peak_mib": round(peak)})
    return 0


if __name__ == "__main__":
    sys.exit(run_step(Path(sys.argv[1]), sys.argv[2]))
