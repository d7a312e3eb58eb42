"""Public sets: their fields arrive under the project's names; a bad row keeps its place and its reason."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deepsuper.common.languages import LANGUAGES, is_code
from deepsuper.common.lines import MAX_LINE
from deepsuper.data.join.formats import READERS, reader_of
from deepsuper.data.join.side import LanguageSide, read_side
from shared import SHARED, needs_shared

ZH = ("法国的首都是哪里？", "", "巴黎")
EN = ("What is the capital of France?", "", "Paris")
AR = ("ما هي عاصمة فرنسا؟", "", "باريس")
# One record of each set with the fields that its data card names; the texts are ours.
INSTRUCTION = {"instruction": EN[0], "input": "", "output": EN[2]}
PROJECT = {
    "id": "a",
    "instruction": ZH[0],
    "input": "",
    "output": ZH[2],
    **{f"{name}_en": text for name, text in INSTRUCTION.items()},
}
BY_CODE = {**INSTRUCTION, "instruction_zh": ZH[0], "input_zh": "", "output_zh": ZH[2]}
AYA_DATASET = {
    "inputs": ZH[0],
    "targets": ZH[2],
    "language": "Simplified Chinese",
    "language_code": "zho",
    "annotation_type": "original-annotations",
    "user_id": "u",
}
AYA_COLLECTION = {
    "id": 3,
    "inputs": EN[0],
    "targets": EN[2],
    "dataset_name": "Dolly-v2 (T)",
    "sub_dataset_name": "-",
    "task_type": "question-answering",
    "template_id": 1,
    "language": "eng",
    "split": "train",
    "script": "Latn",
}
FLORES = {"id": 1, "URL": "u", "domain": "wikinews", "sentence_eng_Latn": EN[0], "sentence_zho_Hans": ZH[0]}
CASES = [
    ("project", PROJECT, "zh", "a", ZH),
    ("project", PROJECT, "en", "a", EN),
    ("project", {"id": 7, "instruction_en": EN[0], "output_en": EN[2]}, "en", "7", EN),
    ("alpaca", INSTRUCTION, "en", None, EN),
    ("alpaca", {"instruction": ZH[0], "input": "欧洲", "output": ZH[2]}, "zh", None, (ZH[0], "欧洲", ZH[2])),
    ("alpaca-gpt4-zh", BY_CODE, "zh", None, ZH),
    ("alpaca-gpt4-zh", BY_CODE, "en", None, EN),
    ("bactrian-x", {**INSTRUCTION, "id": "alpaca-13"}, "en", "alpaca-13", EN),
    ("cidar", {"output": AR[2], "instruction": AR[0], "index": 12}, "ar", "12", AR),
    ("aya", AYA_DATASET, "zh", None, ZH),
    ("aya", AYA_COLLECTION, "en", "Dolly-v2 (T)/train/1/3", EN),
    ("flores", FLORES, "zh", "1", (ZH[0], "", "")),
    ("flores", FLORES, "en", "1", (EN[0], "", "")),
    ("flores", {"id": 1, "sentence": ZH[0]}, "zh", "1", (ZH[0], "", "")),
    ("flores", {"id": "5", "en": EN[0], "zh": ZH[0], "vi": "..."}, "zh", "5", (ZH[0], "", "")),
]


def lines(path: Path, *records: Any) -> Path:
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records), encoding="utf-8")
    return path


def texts(side: LanguageSide) -> list[tuple[str, str, str] | None]:
    return [None if e.row is None else (e.row.instruction, e.row.input, e.row.output) for e in side.entries]


@pytest.mark.parametrize(("name", "record", "language", "key", "expected"), CASES)
def test_each_set_is_known_by_its_fields_and_read_under_the_project_s_names(
    tmp_path, name, record, language, key, expected
):
    side = read_side(str(lines(tmp_path / "set.jsonl", record)), language)
    assert side.format == name and texts(side) == [expected]
    assert side.entries[0].key == key and side.sentences == (name == "flores")


def test_every_reader_has_its_record():
    by_layout = {"two-columns", "sentence-pairs"}
    assert {*by_layout, *(case[0] for case in CASES)} == set(READERS)


def test_a_named_format_wins_over_the_fields(tmp_path):
    record = {"id": "a", "instruction": ZH[0], "output": ZH[2], "inputs": EN[0], "targets": EN[2]}
    path = str(lines(tmp_path / "both.jsonl", record))
    assert reader_of(record, "en") == "aya"
    assert texts(read_side(path, "zh", "alpaca")) == [ZH]


def test_array_lines_gzip_mark_and_line_ends_make_no_difference(tmp_path):
    rows = [{"instruction": f"问{n}", "input": "", "output": f"答{n}"} for n in range(30)]
    plain = "\r\n".join(json.dumps(r) for r in rows)
    (tmp_path / "a.jsonl").write_text(plain, encoding="utf-8", newline="")
    (tmp_path / "b.json").write_text("\ufeff" + json.dumps(rows, ensure_ascii=False, indent=1), encoding="utf-8")
    (tmp_path / "c.jsonl.gz").write_bytes(gzip.compress(("\ufeff" + plain).encode()))
    (tmp_path / "d.tsv").write_text("".join(f"问{n}\t答{n}\n" for n in range(30)), encoding="utf-8")
    read = [texts(read_side(str(tmp_path / name), "zh")) for name in ("a.jsonl", "b.json", "c.jsonl.gz", "d.tsv")]
    assert len(read[0]) == 30 and all(other == read[0] for other in read)


def test_a_folder_is_read_as_the_hub_is(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    (tmp_path / "set").mkdir()
    lines(tmp_path / "set" / "train.jsonl", {"instruction": EN[0], "input": "", "output": EN[2]})
    side = read_side(str(tmp_path / "set"), "en")
    assert texts(side) == [EN] and str(side.entries[0].where).endswith("[train]:1")
    with pytest.raises(ValueError, match="split 'none' could not be loaded"):
        read_side(str(tmp_path / "set"), "en", split="none")


def test_a_subset_is_the_one_that_was_named(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "set"
    folder.mkdir()
    lines(folder / "english.jsonl", {"instruction": EN[0], "input": "", "id": "dolly-1", "output": EN[2]})
    lines(folder / "chinese.jsonl", {"instruction": ZH[0], "input": "", "id": "dolly-1", "output": ZH[2]})
    subsets = [("en", "english.jsonl"), ("zh", "chinese.jsonl")]
    configs = "".join(f"- config_name: {name}\n  data_files: {file}\n" for name, file in subsets)
    (folder / "README.md").write_text(f"---\nconfigs:\n{configs}---\n")
    assert texts(read_side(str(folder), "zh", subset="zh")) == [ZH]
    assert texts(read_side(str(folder), "en", subset="en")) == [EN]


GOOD = {"instruction": EN[0], "input": "", "output": EN[2]}
BAD = {
    "'output' is missing": json.dumps({"instruction": "q"}),
    "'output' is empty": json.dumps({**GOOD, "output": " \n"}),
    "NaN": '{"instruction": "q", "output": NaN}',
    "'input' is a dict": json.dumps({**GOOD, "input": {"a": [1]}}),
    "not JSON (Expecting": '{"instruction": "q",',
    "not JSON (maximum recursion": '{"a":' + "[" * 200_000,
    "not JSON (Exceeds the limit": '{"instruction": ' + "9" * 5000 + "}",
    "a JSON list": "[1, 2]",
    "surrogate": '{"instruction": "\\ud800", "output": "a"}',
    "id is 1.5": json.dumps({**GOOD, "id": 1.5}),
    "id holds half": '{"id": "\\ud800", "instruction": "a", "output": "a"}',
    "not UTF-8": b'{"instruction": "\xff"}',
}


@pytest.mark.slow
@pytest.mark.parametrize("problem", BAD)
def test_a_bad_row_keeps_its_place_with_its_reason(tmp_path, problem):
    bad = BAD[problem] if isinstance(BAD[problem], bytes) else BAD[problem].encode()
    good = json.dumps(GOOD).encode()
    (tmp_path / "bad.jsonl").write_bytes(b"\n".join([good, bad, b"", good]))
    side = read_side(str(tmp_path / "bad.jsonl"), "en")
    assert texts(side) == [EN, None, EN] and problem.lower() in side.entries[1].problem.message.lower()
    assert str(side.entries[1].where).endswith("bad.jsonl:2") and side.entries[1].text


def test_a_first_record_that_lacks_a_field_does_not_decide_what_the_set_is(tmp_path):
    english = {f"{name}_en": text for name, text in GOOD.items()}
    for bad in ({"instruction": "q"}, {"remark": "made in 2024"}, {"instruction": "q", "output": "a"}):
        path = lines(tmp_path / "set.jsonl", bad, *[{**GOOD, **english, "id": n} for n in range(5)])
        side = read_side(str(path), "en")
        assert side.format == "project" and side.usable == [1, 2, 3, 4, 5]
        assert "missing" in side.entries[0].problem.message


@pytest.mark.parametrize(
    "names", ["instruction\toutput", "en\tzh", "source\ttarget", "English\tChinese", '"src"\t"tgt"']
)
def test_a_line_with_the_names_of_the_columns_is_no_row(tmp_path, names):
    path = tmp_path / "pairs.tsv"
    path.write_text(f"\ufeff{names}\none\t一\nsource\ttarget\n", encoding="utf-8")
    side = read_side(str(path), "zh")
    assert side.usable == [1, 2] and side.entries[0].problem.message == "a header, the names of the columns"
    path.write_text("one\t一\ntwo\toutput\n", encoding="utf-8")
    assert read_side(str(path), "zh").usable == [0, 1]


def test_a_field_that_is_too_deep_to_be_written_is_told_all_the_same(tmp_path, monkeypatch):
    deep: list[Any] = []
    for _ in range(5_000):
        deep = [deep]
    records = [("w:1", {**GOOD, "output": deep}), ("w:2", GOOD)]
    monkeypatch.setattr("deepsuper.data.join.source_rows.file_records", lambda path, bad: records)
    side = read_side(str(lines(tmp_path / "deep.jsonl", GOOD)), "en")
    assert texts(side) == [None, EN] and side.entries[0].problem and "too deep" in side.entries[0].text


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no row"),
        (b"\n \n", "no row"),
        (b"[]", "no row"),
        (b"[1, 2]", "a JSON int"),
        (b'[{"instruction": "a"', "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'[{"instruction": "\xff"}]', "is not UTF-8"),
        (b'{"question": "a", "answer": "b"}', "no known set has the fields question, answer for en"),
        (b'{"instruction": "", "output": "a"}', "none of its 1 rows can be used"),
        (b"\x1f\x8b\x08\x00broken", "cannot read on"),
        # no time of writing: it would stand in the test's name, which all workers must agree on
        (gzip.compress(json.dumps(GOOD).encode() * 99, mtime=0)[:40], "cannot read on"),
    ],
)
def test_a_file_without_a_row_is_refused_by_name(tmp_path, content, words):
    path = tmp_path / "file.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"file\.json") as caught:
        read_side(str(path), "en")
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_the_elements_of_an_array_are_read_as_strictly_as_lines(tmp_path):
    good = json.dumps(GOOD)
    twice, number = '{"instruction": "a", "output": "one", "output": "two"}', '{"instruction": "a", "output": NaN}'
    (tmp_path / "a.json").write_text(f"[{good}, {twice},\n{number}, 7 ,{good}]\n", encoding="utf-8")
    side = read_side(str(tmp_path / "a.json"), "en")
    assert [entry.row is not None for entry in side.entries] == [True, False, False, False, True]
    problems = [entry.problem.message for entry in side.entries[1:4]]
    assert ["output" in problems[0], "NaN" in problems[1], "a JSON int" in problems[2]] == [True] * 3
    assert [entry.text for entry in side.entries[1:4]] == [twice, number, "7"]
    for broken in (f"[{good}", f"[{good} {good}]", f"[{good},]", f"[{good}] x", f"[{good},, {good}]"):
        (tmp_path / "b.json").write_text(broken, encoding="utf-8")
        with pytest.raises(ValueError, match=r"b\.json: not JSON"):
            read_side(str(tmp_path / "b.json"), "en")


def test_a_line_of_text_that_is_too_long_keeps_its_place(tmp_path):
    (tmp_path / "t.txt").write_text("one\n" + "x" * (MAX_LINE + 1) + "\nthree\n", encoding="utf-8")
    side = read_side(str(tmp_path / "t.txt"), "en")
    assert [entry.row and entry.row.instruction for entry in side.entries] == ["one", None, "three"]
    assert side.entries[1].where.line == 2 and "a line of" in side.entries[1].problem.message


def test_a_missing_file_is_no_hub_name(tmp_path):
    for name in ("data/none.jsonl", str(tmp_path / "none"), "none", "a/b.json.gz"):
        with pytest.raises(ValueError, match="no such file"):
            read_side(name, "en")


def test_an_empty_line_of_a_text_keeps_its_place_but_not_at_the_end(tmp_path):
    (tmp_path / "dev.zho").write_text("\n一\n\n二\n\n\n", encoding="utf-8")
    side = read_side(str(tmp_path / "dev.zho"), "zh")
    assert texts(side) == [None, ("一", "", ""), None, ("二", "", "")]
    (tmp_path / "c.tsv").write_text("问\t答\n问\n问\t答\t三\n问\t\n", encoding="utf-8")
    side = read_side(str(tmp_path / "c.tsv"), "zh", "two-columns")
    assert [e.row is None for e in side.entries] == [False, True, True, True]


def test_aya_rows_of_other_languages_are_set_aside(tmp_path):
    aya = [{"inputs": "q", "targets": "a", "language_code": code} for code in ("eng", "zho", "fra")]
    side = read_side(str(lines(tmp_path / "aya.jsonl", *aya)), "zh")
    assert side.usable == [1] and "'eng': not zh" in side.entries[0].problem.message


def test_a_long_line_is_read(tmp_path):
    lines(tmp_path / "long.jsonl", {**GOOD, "output": "word " * 1_000_000})
    assert len(read_side(str(tmp_path / "long.jsonl"), "en").entries[0].row.output) == 5_000_000


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(junk=st.lists(st.binary(max_size=40).map(lambda b: b.replace(b"\n", b" ").replace(b"\r", b" ")), max_size=8))
def test_every_line_is_an_entry_or_blank(tmp_path, junk):
    path = tmp_path / "junk.jsonl"
    path.write_bytes(b"\n".join([json.dumps(GOOD).encode(), *junk]))
    blank = sum(line.decode("utf-8", "replace").removeprefix("\ufeff").strip() == "" for line in junk)
    assert len(read_side(str(path), "en").entries) == 1 + len(junk) - blank


@needs_shared
@pytest.mark.parametrize("seed", range(40))
def test_a_real_file_broken_anywhere_is_read_or_refused_by_name(tmp_path, seed):
    source = SHARED / "data" / "parallel" / ("alpaca.ar.small.jsonl" if seed % 2 else "xquad_qa.vi.jsonl.gz")
    data, rng = bytearray(source.read_bytes()), random.Random(seed)
    for _ in range(rng.choice((0, 1, 20))):
        place = rng.randrange(len(data))
        data[place : place + rng.choice((0, 1, 3))] = rng.choice(
            (b"\0", b"\xff\xfe", b"\r\n", b"{", b'"', b"\xef\xbb\xbf")
        )
    data = data[: rng.randrange(1, len(data))] if seed % 3 == 0 else data
    path = tmp_path / source.name
    path.write_bytes(data)
    message, side = "", None
    try:
        side = read_side(str(path), "ar" if seed % 2 else "vi")
    except ValueError as error:
        message = str(error)
    assert (side is None) == (source.name in message) and "\n" not in message
    assert side is None or all(entry.row is not None or entry.problem for entry in side.entries)


def test_a_language_code_is_told_from_a_name():
    assert all(map(is_code, [*LANGUAGES, "yue", "zh-Hant", "pt-BR", "zho_Hans", "es-419", "zh-Hant-TW", "xx"]))
    assert not any(map(is_code, ["", "chinese", "AR", "z", "z h", "zh-", "zh--Hant", "../zh", "Zh", "中文"]))
