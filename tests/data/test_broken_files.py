"""Whole commands on real files after accidents: one line that names the file, or every row accounted for."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from deepsuper.cli import main
from shared import SHARED, needs_shared
from test_lines import broken

SMALL = SHARED / "data" / "parallel" / "alpaca.ar.small.jsonl"


def damaged(folder: Path, seed: int) -> Path:
    """The real file after some accidents; with every third seed as one JSON array."""
    text = SMALL.read_bytes()
    if seed % 3 == 2:
        text = json.dumps([json.loads(line) for line in text.splitlines()], ensure_ascii=False).encode()
    path = folder / "rows.json"
    path.write_bytes(broken(text, random.Random(seed)))
    return path


def ends_well(capsys, path: Path, *line: str) -> bool:
    """Whether the command ran to its end; if not, it said in one line what is wrong with the file."""
    status = 0
    try:
        main(["data", *line])
    except SystemExit as stopped:
        status = int(stopped.code or 0)
    if status:
        last = capsys.readouterr().err.strip().splitlines()[-1]
        assert status == 2 and last.startswith("deepsuper: error: ") and str(path) in last
    return not status


@pytest.mark.slow
@needs_shared
@pytest.mark.parametrize("seed", range(9))
def test_check_parts_every_line(tmp_path, capsys, seed):
    path = damaged(tmp_path, seed)
    out = tmp_path / "out"
    if ends_well(capsys, path, "check", str(path), "--fix", "--lang", "ar", "--output_dir", str(out)):
        parts = [(out / f"rows.{part}.jsonl").read_bytes().count(b"\n") for part in ("kept", "removed")]
        kept_last = (out / "rows.kept.jsonl").read_bytes()
        unended = bool(kept_last) and not kept_last.endswith(b"\n")
        assert sum(parts) + unended == len(path.read_bytes().rstrip(b"\n").split(b"\n"))
    else:
        assert not out.exists()


@pytest.mark.slow
@needs_shared
@pytest.mark.parametrize("side", ["en", "tgt"])
@pytest.mark.parametrize("seed", range(9))
def test_join_pairs_every_row_or_sets_it_aside(tmp_path, capsys, seed, side):
    path = damaged(tmp_path, seed)
    files = {"en": str(SMALL), "tgt": str(SMALL), side: str(path)}
    output = tmp_path / "o.jsonl"
    line = ("join", "--en", files["en"], "--tgt", files["tgt"], "--lang", "ar", "--output", str(output))
    if ends_well(capsys, path, *line):
        pairs = len(output.read_text(encoding="utf-8").splitlines())
        aside = [json.loads(one)["side"] for one in (tmp_path / "o.aside.jsonl").read_text("utf-8").splitlines()]
        manifest = json.loads((tmp_path / "o.manifest.json").read_text(encoding="utf-8"))
        other = "ar" if side == "en" else "en"
        assert pairs + aside.count(other) == len(SMALL.read_bytes().splitlines())
        assert sum(manifest["pairs"].values()) == pairs
    else:
        assert not output.exists()


@pytest.mark.slow
@needs_shared
@pytest.mark.parametrize("policy", ["skip", "error"])
@pytest.mark.parametrize("seed", range(9))
def test_mix_counts_every_row(tmp_path, capsys, seed, policy):
    path = damaged(tmp_path, seed)
    recipe = tmp_path / "mix.yaml"
    sources = [{"language": "ar", "path": str(path)}]
    recipe.write_text(json.dumps({"sources": sources, "output_dir": str(tmp_path / "out"), "on_bad_row": policy}))
    if ends_well(capsys, path, "mix", str(recipe)):
        (source,) = json.loads((tmp_path / "out" / "manifest.json").read_text(encoding="utf-8"))["sources"]
        skipped = (tmp_path / "out" / "skipped.jsonl").read_text(encoding="utf-8").splitlines()
        assert source["rows_in"] == source["good"] + len(skipped)
