"""Rows per second and memory of `deepsuper data mix` against reading the file alone, on files of growing size.

    python benchmarks/mix.py --data ../shared/data/parallel/alpaca.zh.jsonl.gz --rows 200000 2000000

The rows of --data are written again and again, each time with other ids, until there are enough. Every figure is of a
process of its own: `read` counts the lines, which is the floor; `parse` runs json.loads on each; `import` only loads
the program; `mix` checks, counts, shuffles and writes every row. Peak: the process's largest resident memory. Ratios
are of processor time, which other work on the machine changes less than it changes the time on the clock.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import subprocess
import sys
import tempfile
from multiprocessing import Process
from pathlib import Path

READ = "import sys; print(sum(1 for _ in open(sys.argv[1], 'rb')))"
PARSE = "import json, sys; print(sum(1 for line in open(sys.argv[1], 'rb') if json.loads(line)))"
IMPORT = "import deepsuper.data.mix.run, deepsuper.cli"


def write_rows(data: Path, rows: int, path: Path) -> None:
    """A file of `rows` rows with ids of their own."""
    # Read without this project: a child's peak begins with what its parent holds, and that should be little.
    with gzip.open(data) if data.suffix == ".gz" else data.open("rb") as lines:
        records = [json.loads(line) for line in lines]
    with path.open("w", encoding="utf-8") as file:
        for n in range(rows):
            record = records[n % len(records)]
            file.write(json.dumps({**record, "id": f"{record['id']}-{n}"}, ensure_ascii=False) + "\n")


def measure(command: list[str]) -> tuple[float, float, float]:
    """Seconds on the clock and of a processor, and peak MiB, of a process. Raises: CalledProcessError if it fails."""
    start = os.times().elapsed
    process = subprocess.Popen([sys.executable, *command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = os.times().elapsed - start
    if status:
        assert process.stderr is not None
        raise subprocess.CalledProcessError(status, command, stderr=process.stderr.read())
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="parallel rows in JSON lines")
    parser.add_argument("--rows", type=int, nargs="+", default=[200_000, 2_000_000])
    parser.add_argument("--folder", type=Path, default=None, help="where the files are written (default: temporary)")
    args = parser.parse_args()
    for rows in args.rows:
        with tempfile.TemporaryDirectory(dir=args.folder) as scratch:
            path, out = Path(scratch) / "rows.jsonl", Path(scratch) / "mix"
            write = Process(target=write_rows, args=(args.data, rows, path))
            write.start()
            write.join()
            print(f"{rows:,} rows, {path.stat().st_size / 2**20:,.0f} MiB")
            sources = json.dumps([{"language": "zh", "path": str(path)}])
            mix = ["-m", "deepsuper", "data", "mix", "--sources", sources, "--output_dir", str(out)]
            commands = {"read": ["-c", READ, path], "parse": ["-c", PARSE, path], "import": ["-c", IMPORT], "mix": mix}
            floor = 0.0
            for name, command in commands.items():
                seconds, processor, peak = measure([str(part) for part in command])
                floor = floor or processor
                speed = "" if name == "import" else f"{rows / seconds:12,.0f} rows/s {processor / floor:6.1f} x reading"
                print(f"{name:6} {seconds:8.1f} s {processor:8.1f} s {peak:8.0f} MiB {speed}".rstrip(), flush=True)
            assert sum(1 for _ in (out / "zh.jsonl").open("rb")) == rows


if __name__ == "__main__":
    main()
