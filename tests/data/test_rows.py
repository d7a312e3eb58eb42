"""The reader's laws: a good row arrives as it was written, a bad one is named or accounted for."""

from __future__ import annotations

import gzip
import json
import random
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deepsuper.common.errors import Place
from deepsuper.config import DataConfig, SourceConfig
from deepsuper.data.rows import Corpus, Row, load_corpus, load_source, repeat, write_skipped
from shared import SHARED, needs_shared

GOOD = {
    "id": "a",
    "instruction": "多少？",
    "input": "",
    "output": "三",
    "instruction_en": "How many?",
    "input_en": "",
    "output_en": "three",
}


def write(path: Path, *records: Any) -> Path:
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records), encoding="utf-8")
    return path


def load(
    path: Path | None = None, *, skip: bool = False, kind: Any = "parallel", nfc: bool = True, **source: Any
) -> Corpus:
    data = DataConfig(train=[], on_bad_row="skip" if skip else "error", normalization="NFC" if nfc else "none")
    where = {"path": str(path)} if path else {}
    return load_source(SourceConfig(language="zh", **where, **source), data, kind=kind)


def test_a_row_arrives_as_it_was_written(tmp_path):
    (row,) = load(write(tmp_path / "a.jsonl", GOOD)).rows
    assert row == Row(**GOOD, language="zh", where=Place(tmp_path / "a.jsonl", 1))


def test_gzip_byte_order_mark_and_blank_lines_make_no_difference(tmp_path):
    text = "\ufeff" + json.dumps(GOOD) + "\r\n\n" + json.dumps({**GOOD, "id": 7}) + "\n\n"
    (tmp_path / "p.jsonl").write_bytes(text.encode())
    (tmp_path / "z.jsonl.gz").write_bytes(gzip.compress(text.encode()))
    plain, packed = load(tmp_path / "p.jsonl").rows, load(tmp_path / "z.jsonl.gz").rows
    assert [r.id for r in plain] == [r.id for r in packed] == ["a", "7"]
    assert plain[1].where.line == 3


BAD = {
    "not JSON": '{"id": "b", ',
    "a JSON list": "[1, 2]",
    "'output' is missing": json.dumps({k: v for k, v in GOOD.items() if k != "output"}),
    "'instruction_en' is empty": json.dumps({**GOOD, "id": "b", "instruction_en": " \n"}),
    "'input' is a int": json.dumps({**GOOD, "id": "b", "input": 3}),
    "'output' is a list": json.dumps({**GOOD, "id": "b", "output": ["三"]}),
    "id is None": json.dumps({**GOOD, "id": None}),
    "id is True": json.dumps({**GOOD, "id": True}),
    "is also at": json.dumps(GOOD),
    "surrogate": json.dumps({**GOOD, "id": "b"}).replace("three", "\\ud800"),
    "not UTF-8": b'{"id": "\xff"}',
}


@pytest.mark.parametrize("problem", BAD)
def test_a_bad_row_is_named_with_file_line_and_remedy(tmp_path, problem):
    line = BAD[problem] if isinstance(BAD[problem], bytes) else BAD[problem].encode()
    path = tmp_path / "bad.jsonl"
    path.write_bytes(json.dumps(GOOD).encode() + b"\n" + line + b"\n")
    with pytest.raises(ValueError, match="on_bad_row: skip") as caught:
        load(path)
    message = str(caught.value)
    assert message.startswith(f"{path}:2: ") and problem in message and "\n" not in message


@pytest.mark.parametrize("problem", BAD)
def test_a_skipped_row_is_counted_and_written_down(tmp_path, problem):
    line = BAD[problem] if isinstance(BAD[problem], bytes) else BAD[problem].encode()
    (tmp_path / "bad.jsonl").write_bytes(line + b"\n" + json.dumps({**GOOD, "id": "c"}).encode() + b"\n")
    if problem == "is also at":
        (tmp_path / "bad.jsonl").write_bytes(line + b"\n" + line + b"\n")
    corpus = load(tmp_path / "bad.jsonl", skip=True)
    assert len(corpus.rows) == len(corpus.skipped) == 1
    write_skipped(corpus.skipped, tmp_path / "skipped.jsonl")
    (written,) = map(json.loads, (tmp_path / "skipped.jsonl").read_text().splitlines())
    assert problem in written["reason"] and written["where"].startswith(str(tmp_path / "bad.jsonl"))


def test_the_text_of_a_skipped_row_can_be_read(tmp_path):
    bad = {"id": "b", "instruction": "苹果 ", "output": "", "instruction_en": "\ud800"}
    (tmp_path / "bad.jsonl").write_text(json.dumps(bad) + "\n" + json.dumps(GOOD) + "\n")
    corpus = load(tmp_path / "bad.jsonl", skip=True)
    write_skipped(corpus.skipped, tmp_path / "skipped.jsonl")
    (line,) = (tmp_path / "skipped.jsonl").read_text(encoding="utf-8").splitlines()
    assert "苹果" in line and json.loads(json.loads(line)["text"]) == bad


def test_a_missing_empty_or_cut_off_file_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"none\.jsonl: no such file"):
        load(tmp_path / "none.jsonl")
    with pytest.raises(ValueError, match=r"empty\.jsonl: no row to train on"):
        load(write(tmp_path / "empty.jsonl"))
    packed = gzip.compress(json.dumps(GOOD).encode() * 50)
    (tmp_path / "cut.jsonl.gz").write_bytes(packed[: len(packed) // 2])
    with pytest.raises(ValueError, match=r"cut\.jsonl\.gz:1: cannot read on"):
        load(tmp_path / "cut.jsonl.gz")


def test_decomposed_vietnamese_is_composed_unless_told_not_to(tmp_path):
    decomposed = unicodedata.normalize("NFD", "Thủ đô của Việt Nam là gì?")
    path = write(tmp_path / "vi.jsonl", {**GOOD, "instruction": decomposed})
    assert load(path).rows[0].instruction == unicodedata.normalize("NFC", decomposed) != decomposed
    assert load(path, nfc=False).rows[0].instruction == decomposed


def test_a_corpus_needs_only_its_own_side(tmp_path):
    one_side = {k: GOOD[k] for k in ("id", "instruction", "output")}
    path = write(tmp_path / "a.jsonl", one_side)
    assert load(path, kind="translated").rows[0].instruction_en == ""
    with pytest.raises(ValueError, match="'instruction_en' is missing"):
        load(path, kind="english")


def test_two_files_are_joined_by_id_in_any_order(tmp_path):
    ours = [{"id": n, "instruction": f"问{n}", "output": f"答{n}"} for n in (1, 2)]
    english = [{"id": n, "instruction": f"q{n}", "input": "i", "output": f"a{n}"} for n in (2, 1)]
    path, path_en = write(tmp_path / "zh.jsonl", *ours), write(tmp_path / "en.jsonl", *english)
    rows = load(path, path_en=str(path_en)).rows
    assert [(r.instruction, r.instruction_en, r.output_en, r.input_en) for r in rows] == [
        ("问1", "q1", "a1", "i"),
        ("问2", "q2", "a2", "i"),
    ]
    write(path_en, *english, {**english[0], "id": 3})
    with pytest.raises(ValueError, match=r"en\.jsonl:3: id '3' is not in .*zh\.jsonl"):
        load(path, path_en=str(path_en))
    write(path, *ours, {**ours[0], "id": 4})
    corpus = load(path, path_en=str(path_en), skip=True)
    assert len(corpus.rows) == 2 and len(corpus.skipped) == 2


def test_a_hub_data_set_gives_the_same_rows_as_its_file(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "data"
    folder.mkdir()
    path = write(folder / "train.jsonl", GOOD, {**GOOD, "id": "b"})
    hub, file = load(hub=str(folder)).rows, load(path).rows
    assert [(r.id, r.instruction, r.output_en) for r in hub] == [(r.id, r.instruction, r.output_en) for r in file]
    assert str(hub[1].where) == f"{folder}[train]:2"
    with pytest.raises(ValueError, match="split 'none' could not be loaded"):
        load(hub=str(folder), split="none")


TEXT = st.text(min_size=1, max_size=30).filter(lambda t: t.strip() and not any("\ud800" <= c <= "\udfff" for c in t))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=6))
def test_any_text_survives_the_reader(tmp_path, texts):
    records = [{**GOOD, "id": n, "instruction": a, "output_en": b} for n, (a, b) in enumerate(texts)]
    rows = load(write(tmp_path / "any.jsonl", *records), nfc=False).rows
    assert [(r.instruction, r.output_en) for r in rows] == texts


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(junk=st.lists(st.binary(max_size=40).map(lambda b: b.replace(b"\n", b" ").replace(b"\r", b" ")), max_size=8))
def test_every_line_is_a_row_or_a_skip_or_blank(tmp_path, junk):
    path = tmp_path / "junk.jsonl"
    path.write_bytes(b"\n".join([json.dumps(GOOD).encode(), *junk]))
    corpus = load(path, skip=True)
    blank = sum(1 for line in junk if line.decode("utf-8", "replace").removeprefix("\ufeff").strip() == "")
    assert len(corpus.rows) + len(corpus.skipped) == 1 + len(junk) - blank


@given(count=st.integers(0, 30), weight=st.floats(0.01, 4.0), seed=st.integers(0, 5))
def test_a_weight_repeats_rows_evenly(count, weight, seed):
    rows = [Row(str(n), "zh") for n in range(count)]
    mixed = repeat(rows, weight, random.Random(seed))
    often = [sum(r is row for r in mixed) for row in rows]
    assert all(int(weight) <= n <= int(weight) + 1 for n in often)
    assert abs(len(mixed) - weight * count) <= 0.5 + 1e-9


def test_mixing_follows_the_seed(tmp_path):
    path = write(tmp_path / "a.jsonl", *({**GOOD, "id": n} for n in range(20)))
    data, source = DataConfig(train=[]), SourceConfig(language="zh", path=str(path), weight=0.5)
    mix = [[r.id for r in load_corpus([source], data, kind="parallel", seed=s).rows] for s in (0, 0, 1)]
    assert mix[0] == mix[1] != mix[2] and len(mix[0]) == 10


@pytest.mark.slow
@needs_shared
@pytest.mark.parametrize("name", ["alpaca.zh.jsonl.gz", "alpaca.ar.small.jsonl", "arc_qa.vi.jsonl.gz"])
def test_the_real_parallel_files_hold_no_bad_row(name):
    path = SHARED / "data" / "parallel" / name
    corpus = load(path)
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        lines = sum(1 for _ in file)
    assert len(corpus.rows) == lines and not corpus.skipped
