"""What `deepsuper data check` finds in real files, how often it is right, and which shuffled rows it catches.

    deepsuper data check FILE... --data_dir data && python benchmarks/data_check.py report runs/check/report.json
    python benchmarks/data_check.py shuffled FILE...
    python benchmarks/data_check.py sample FILE... --output benchmarks/data_check/unread.jsonl
    python benchmarks/data_check.py verdicts

`sample` draws rows with a finding and rows without one, to be read one by one; the verdicts stand in
data_check/verdicts.jsonl, by the standard in data_check/README.md. `verdicts` makes precision and recall of them.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from scipy.stats import binomtest

from deepsuper.common.files import write_json_lines
from deepsuper.config.check import CheckConfig
from deepsuper.data.check.alignment import alignment
from deepsuper.data.check.reading import read_source
from deepsuper.data.check.run import check_file
from deepsuper.data.check.table import REASONS
from deepsuper.data.rows import TARGET_FIELDS, Row

VERDICTS = Path(__file__).with_name("data_check")


def report(args: argparse.Namespace) -> None:
    """Prints what a report.json says of each file and each reason."""
    files = json.loads(Path(args.files[0]).read_text(encoding="utf-8"))["files"]
    print("| file | rows | with errors | with warnings only | seconds | rows a second |")
    print("| --- | --: | --: | --: | --: | --: |")
    for file in files:
        numbers = [file["rows"], file["errors"], file["warnings_only"], round(file["seconds"])]
        numbers.append(round(file["rows"] / file["seconds"]))
        print(f"| {Path(file['path']).name} | {' | '.join(map(str, numbers))} |")
    print(
        "\n| reason | " + " | ".join(Path(file["path"]).name for file in files) + " |\n| --- |" + " --: |" * len(files)
    )
    for reason in REASONS:
        if any(reason in file["reasons"] for file in files):
            print(f"| `{reason}` | " + " | ".join(str(file["reasons"].get(reason, "")) for file in files) + " |")


def shuffled(args: argparse.Namespace) -> None:
    """Prints the share of rows with another row's target side that score below all but 1% of the others, and what
    `data check` itself flags of both.
    """
    print("| file | rows | shuffled | caught at 1% false alarms | caught by default | false alarms by default |")
    print("| --- | --: | --: | --: | --: | --: |")
    config = CheckConfig(())
    for name in args.files:
        rows = read_source(Path(name), None).rows
        for share in args.shares:
            told = []
            for seed in range(args.seeds):
                mixed, moved = shuffle(rows, share, seed)
                measured = alignment(mixed, config)
                scores, flagged = measured.values, measured.values < measured.least
                at_one = scores[moved] < np.quantile(scores[~moved], 0.01)
                told.append([float(part.mean()) for part in (at_one, flagged[moved], flagged[~moved])])
            cells = " | ".join(_range(values) for values in zip(*told, strict=True))
            print(f"| {Path(name).name} | {len(rows)} | {share:.0%} | {cells} |", flush=True)


def _range(values: Sequence[float]) -> str:
    low, high = f"{min(values):.2%}", f"{max(values):.2%}"
    return low if low == high else f"{low} to {high}"


def shuffle(rows: Sequence[Row], share: float, seed: int) -> tuple[list[Row], np.ndarray]:
    """The rows, with the target sides of a share of them going round; and which of them have another's now."""
    rng = random.Random(seed)
    places = rng.sample(range(len(rows)), max(2, round(share * len(rows))))
    mixed, moved = list(rows), np.zeros(len(rows), bool)
    for here, there in zip(places, places[1:] + places[:1], strict=True):
        other = {name: getattr(rows[there], name) for name in TARGET_FIELDS}
        mixed[here] = replace(rows[here], **other)
        moved[here] = any(getattr(rows[here], name) != text for name, text in other.items())
    return mixed, moved


def sample(args: argparse.Namespace) -> None:
    """Writes rows with a finding and rows without one, each drawn from all files together, for a reader."""
    found, clean = [], []
    for name in args.files:
        one = check_file(Path(name), CheckConfig((name,), data_dir=args.data_dir))
        reasons: dict[int, list[str]] = {}
        for finding in one.findings:
            if finding.row is not None:
                reasons.setdefault(finding.row, []).append(f"{finding.reason}: {finding.detail}")
        for n, row in enumerate(one.source.rows):
            (found if n in reasons else clean).append((one.source.path.name, row, reasons.get(n, [])))
    rng = random.Random(args.seed)
    print(f"{len(found)} rows with a finding, {len(clean)} without one")
    drawn = [*rng.sample(found, min(args.rows, len(found))), *rng.sample(clean, min(args.rows, len(clean)))]
    write_json_lines(Path(args.output), map(_record, drawn))


def _record(drawn: tuple[str, Row, list[str]]) -> dict[str, object]:
    file, row, reasons = drawn
    return {"file": file, "flagged": bool(reasons), "reasons": reasons, **asdict(row), "where": str(row.where)}


def verdicts(args: argparse.Namespace) -> None:
    """Prints precision and recall: each stratum's share of bad rows stands for all of its rows."""
    read = [json.loads(line) for line in (VERDICTS / "verdicts.jsonl").read_text(encoding="utf-8").splitlines()]
    sizes = json.loads((VERDICTS / "strata.json").read_text(encoding="utf-8"))
    bad = {}
    for stratum, size in sizes.items():
        chosen = [v for v in read if v["stratum"] == stratum]
        count = sum(v["verdict"] == "bad" for v in chosen)
        bad[stratum] = size * count / len(chosen)
        print(f"{stratum} ({size} rows): {_share(count, len(chosen))} bad, so about {bad[stratum]:.0f} rows")
    flagged = [v for v in read if v["flagged"]]
    for title, chosen in _groups(flagged):
        print(f"{title}: {_share(sum(v['verdict'] == 'bad' for v in chosen), len(chosen))}")
    caught = sum(count for stratum, count in bad.items() if stratum != "clean")
    rows = sum(size for stratum, size in sizes.items() if stratum != "clean")
    print(f"all rows with a finding: precision {caught / rows:.0%}, recall {caught / sum(bad.values()):.0%}")


def _groups(flagged: Sequence[dict]) -> Iterator[tuple[str, list[dict]]]:
    errors = {name for name, reason in REASONS.items() if reason.severity == "error"}
    yield "precision of errors", [v for v in flagged if errors & set(v["reasons"])]
    yield "precision of warnings alone", [v for v in flagged if not errors & set(v["reasons"])]
    for name in REASONS:
        chosen = [v for v in flagged if name in v["reasons"]]
        if chosen:
            yield f"  {name}", chosen


def _share(count: int, of: int) -> str:
    if not of:
        return "none read"
    interval = binomtest(count, of).proportion_ci(method="wilson")
    return f"{count} of {of}, {count / of:.0%} ({interval.low:.0%} to {interval.high:.0%})"


def _literal(command: Callable[..., None]) -> str:
    """Its docstring for argparse, to which a bare percent sign is a placeholder."""
    return str(command.__doc__).replace("%", "%%")


def main() -> None:
    """Runs one of the commands."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for command in (report, shuffled, sample):
        added = commands.add_parser(command.__name__, help=_literal(command))
        added.add_argument("files", nargs="+")
        added.add_argument("--data_dir", default=None)
        added.add_argument("--seeds", type=int, default=1)
        added.add_argument("--shares", type=float, nargs="+", default=[0.02, 0.1])
        added.add_argument("--seed", type=int, default=0)
        added.add_argument("--rows", type=int, default=100)
        added.add_argument("--output", default="unread.jsonl")
    commands.add_parser("verdicts", help=_literal(verdicts))
    args = parser.parse_args()
    globals()[args.command](args)


if __name__ == "__main__":
    main()
