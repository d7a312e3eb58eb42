"""Official downloads into the local layout. Rows written here are made up: only their format is official."""

from __future__ import annotations

import csv
import gzip
import io
import json
import logging
import tarfile
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from deepsuper.evaluation.benchmarks import BENCHMARKS
from deepsuper.evaluation.local import read_rows
from deepsuper.evaluation.official.convert import convert, read_official
from official_downloads import (
    COPA,
    HUB_MMLU,
    HUB_TRUTH,
    ODD,
    as_folder,
    asked,
    lines,
    mkqa,
    nli,
    refused,
    squad,
    table,
    told,
)
from shared import SHARED, needs_shared

TRUTH = {
    "question": ODD, "mc1_choices": ["没", "有"], "mc1_label": 1,
    "mc2_choices": ["a", "b", "c"], "mc2_labels": [1, 1, 0],
}  # fmt: skip
QUESTION = {"context": f"{ODD} blue sky", "answers": ["blue", "blue sky"], "answer_start": [3, 3], "title": "T"}

CASES = {
    # benchmark, language: files of the download, rows
    "xquad": (
        "xquad",
        "zh",
        {"xquad.zh.json": squad(asked(1), asked(2)), "xquad.vi.json": squad(asked(1))},
        [{"id": f"q{n}", "question": f"{ODD}{n}?", **QUESTION} for n in (1, 2)],
    ),
    "mlqa": (
        "mlqa",
        "ar",
        {
            "MLQA_V1/test/test-context-ar-question-ar.json": squad(asked(1)),
            "MLQA_V1/test/test-context-ar-question-zh.json": "{}",
            "MLQA_V1/dev/dev-context-ar-question-ar.json": squad(asked(9)),
            "__MACOSX/MLQA_V1/test/._test-context-ar-question-ar.json": "x",
            "__MACOSX/test-context-ar-question-ar.json": "x",
            ".cache/test-context-ar-question-ar.json": "x",
        },
        [{"id": "q1", "question": f"{ODD}1?", **QUESTION}],
    ),
    "mkqa": (
        "mkqa",
        "zh",
        {"mkqa.jsonl": lines(mkqa(1), mkqa(2))},
        [{"id": f"-{n}", "question": "谁", "answers": ["", "Ridley", "雷德利"]} for n in (1, 2)],
    ),
    "mkqa without an answer": (
        "mkqa",
        "vi",
        {"mkqa.jsonl": lines(mkqa(1))},
        [{"id": "-1", "question": "ai", "answers": [""]}],
    ),
    "truthfulqa": ("truthfulqa", "zh", {"data/zh/val.jsonl": lines(HUB_TRUTH)}, [{"id": "truthfulqa-0", **TRUTH}]),
    "truthfulqa of Okapi": (
        "truthfulqa",
        "zh",
        {"zh_validation.json": json.dumps([HUB_TRUTH], indent=1)},
        [{"id": "truthfulqa-0", **TRUTH}],
    ),
    "truthfulqa in English": (
        "truthfulqa",
        "en",
        {
            "mc_task.json": json.dumps(
                [{"question": "q", "mc1_targets": {"no": 0, "yes": 1}, "mc2_targets": {"no": 0, "yes": 1}}]
            )
        },
        [
            {
                "id": "truthfulqa-0",
                "question": "q",
                "mc1_choices": ["no", "yes"],
                "mc1_label": 1,
                "mc2_choices": ["no", "yes"],
                "mc2_labels": [0, 1],
            }
        ],
    ),
    "xnli": (
        "xnli",
        "zh",
        {
            "XNLI-1.0/xnli.dev.tsv": table(nli("ar"), nli("zh", "contradiction"), nli("zh", "neutral", 2)),
            "XNLI-1.0/xnli.test.tsv": "",
        },
        [
            {"id": str(n), "premise": '"zh says', "hypothesis": 'she "hears', "label": label}
            for n, label in ((1, 2), (2, 1))
        ],
    ),
    "xnli as JSON lines": (
        "xnli",
        "ar",
        {"xnli.dev.jsonl": lines(nli("ar"), nli("zh"))},
        [{"id": "1", "premise": '"ar says', "hypothesis": 'she "hears', "label": 0}],
    ),
    "xcopa": (
        "xcopa",
        "vi",
        {"data/vi/test.vi.jsonl": lines(COPA), "data-gmt/vi/test.vi.jsonl": lines({**COPA, "premise": "x"})},
        [{"id": "xcopa-7", **{name: COPA[name] for name in ("premise", "choice1", "choice2", "question", "label")}}],
    ),
    "xstorycloze": (
        "xstorycloze",
        "zh",
        {
            "spring2016.val.zh.tsv.split_20_80_eval.tsv": table(told(2)),
            "spring2016.val.zh.tsv.split_20_80_train.tsv": "x",
        },
        [
            {
                "id": "s1",
                "sentences": ["第1句。", "第2句。", "第3句。", '"走吧," 他说。'],
                "endings": ['他说 "好"。', "نهاية أخرى"],
                "label": 1,
            }
        ],
    ),
    "mmlu": (
        "mmlu",
        "ar",
        {"data/ar/test.jsonl": lines(HUB_MMLU), "data/ar/val.jsonl": "", "data/ar/train.jsonl": ""},
        [{"id": "law/test/3", "question": ODD, "choices": ["1", "", "3", "4"], "answer": 3}],
    ),
    "mmlu in English": (
        "mmlu",
        "en",
        {
            "data/test/law_test.csv": 'why,"1,\n""2""",2,3,4,B\n',
            "data/test/art_test.csv": "how,1,2,3,4,A\n",
            "data/dev/law_dev.csv": "no,1,2,3,4,A\n",
        },
        [
            {"id": "art/test/0", "question": "how", "choices": ["1", "2", "3", "4"], "answer": 0},
            {"id": "law/test/0", "question": "why", "choices": ['1,\n"2"', "2", "3", "4"], "answer": 1},
        ],
    ),
    "mmlu with a header": (
        "mmlu",
        "zh",
        {"test/mmlu_ZH-CN.csv": ",Question,A,B,C,D,Answer,Subject\n0,问,1,2,3,4,C,law\n"},
        [{"id": "mmlu_ZH-CN/0", "question": "问", "choices": ["1", "2", "3", "4"], "answer": 2}],
    ),
    "sib200": (
        "sib200",
        "zh",
        {
            "data/annotated/zho_Hans/test.tsv": "index_id\tcategory\ttext\n7\tsports\t球赛\n",
            "data/annotated/zho_Hans/train.tsv": "no\n",
        },
        [{"id": "7", "text": "球赛", "label": 3}],
    ),
    "flores": (
        "flores",
        "zh",
        {
            "flores200_dataset/devtest/zho_Hans.devtest": f"{ODD}\n二\n",
            "flores200_dataset/devtest/eng_Latn.devtest": "one\ntwo\n",
            "flores200_dataset/dev/zho_Hans.dev": "no\n",
            "flores200_dataset/dev/eng_Latn.dev": "no\n",
        },
        [
            {"id": "flores-devtest-0", "text": ODD, "english": "one"},
            {"id": "flores-devtest-1", "text": "二", "english": "two"},
        ],
    ),
}


def as_gzip_folder(path: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / f"{name}.gz").write_bytes(gzip.compress(content.encode()))
    return path


def as_zip(path: Path, files: dict[str, str]) -> Path:
    with zipfile.ZipFile(path.with_suffix(".zip"), "w", zipfile.ZIP_DEFLATED) as archive:
        archive.mkdir("folder")
        for name, content in files.items():
            archive.writestr(name if name.startswith("__") else f"folder/{name}", content.encode())
    return path.with_suffix(".zip")


def as_tar(path: Path, files: dict[str, str], ending: str = ".tar.gz") -> Path:
    with tarfile.open(path.with_suffix(ending), "w" if ending == ".tar" else "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"./{name}")
            member.size = len(content.encode())
            archive.addfile(member, io.BytesIO(content.encode()))
    return path.with_suffix(ending)


@pytest.mark.parametrize("packed", [as_folder, as_gzip_folder, as_zip, as_tar])
@pytest.mark.parametrize("case", CASES)
def test_every_official_format_gives_the_local_rows(tmp_path, case, packed):
    benchmark, language, files, rows = CASES[case]
    assert read_official(benchmark, packed(tmp_path / "source", files), language) == rows


def test_every_benchmark_is_tried_here():
    assert {case[0] for case in CASES.values()} == set(BENCHMARKS)


@pytest.mark.parametrize("case", CASES)
def test_what_is_written_is_what_eval_reads(tmp_path, case):
    benchmark, language, files, rows = CASES[case]
    written = convert(benchmark, as_folder(tmp_path / "source", files), tmp_path / "data", [language])
    path = tmp_path / "data" / benchmark / f"{language}.jsonl"
    assert written == {path: len(rows)} and len(read_rows(path, BENCHMARKS[benchmark], path.stem)) == len(rows)
    assert read_official(benchmark, tmp_path / "data", language) == rows  # the local layout is a source too


def test_a_file_with_bom_and_crlf_alone_or_in_a_plain_tar(tmp_path):
    path = tmp_path / "xnli.dev.tsv"
    path.write_bytes(b"\xef\xbb\xbf" + table(nli("vi")).replace("\n", "\r\n").encode())
    want = [{"id": "1", "premise": '"vi says', "hypothesis": 'she "hears', "label": 0}]
    assert read_official("xnli", path, "vi") == want
    assert read_official("xnli", as_tar(tmp_path / "x", {path.name: table(nli("vi"))}, ".tar"), "vi") == want


def test_parquet_of_the_hub(tmp_path):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "xquad.zh" / "validation-00000-of-00001.parquet"
    path.parent.mkdir()
    row = {
        "id": "q1",
        "context": QUESTION["context"],
        "question": "问",
        "answers": {"text": ["blue"], "answer_start": [3]},
    }
    pq.write_table(pa.Table.from_pylist([row]), path)
    want = {"id": "q1", "question": "问", "context": QUESTION["context"], "answers": ["blue"], "answer_start": [3]}
    assert read_official("xquad", tmp_path, "zh") == [want]
    path.write_bytes(path.read_bytes()[:50])
    assert "parquet: not Parquet (" in refused("xquad", tmp_path, "zh")


FIELD = st.text(st.characters(exclude_characters="\t\r\n", exclude_categories=["Cs"]), min_size=1).filter(str.strip)


@settings(max_examples=100, deadline=None)
@given(FIELD, FIELD)
def test_any_text_of_a_tab_separated_file_comes_back_as_it_is(tmp_path_factory, one, two):
    path = tmp_path_factory.mktemp("xnli") / "xnli.dev.tsv"
    path.write_bytes(table({**nli("zh"), "sentence1": one, "sentence2": two}).encode())
    (row,) = read_official("xnli", path, "zh")
    assert (row["premise"], row["hypothesis"]) == (one.removeprefix("\ufeff"), two)


@settings(max_examples=100, deadline=None)
@given(FIELD)
def test_a_story_is_read_the_same_whether_its_writer_quotes(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("story") / "spring2016.val.zh.tsv.split_20_80_eval.tsv"
    row = {**told(), "RandomFifthSentenceQuiz2": text}
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t", quoting=csv.QUOTE_ALL)
        writer.writerows([row.keys(), row.values()])
    (read,) = read_official("xstorycloze", path, "zh")
    assert read["endings"][1] == text and read["sentences"][3] == row["InputSentence4"]


@pytest.mark.parametrize("pack", [as_zip, as_tar])
@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2000), st.integers(0, 255))
@example(410, 0)
def test_a_damaged_archive_is_read_right_or_refused(tmp_path_factory, pack, place, byte):
    path = pack(tmp_path_factory.mktemp("packed") / "x", {"xquad.zh.json": squad(asked(1))})
    data = bytearray(path.read_bytes())
    data[place % len(data)] = byte
    path.write_bytes(data)
    with suppress(ValueError):
        assert read_official("xquad", path, "zh") == CASES["xquad"][3][:1]


def test_nothing_is_written_unless_every_language_is_there(tmp_path):
    source = as_folder(tmp_path / "source", {"xquad.zh.json": squad(asked(1))})
    with pytest.raises(ValueError, match="no xquad in 'ar': it has zh"):
        convert("xquad", source, tmp_path / "data", ["zh", "ar"])
    with pytest.raises(ValueError, match="languages: need one or more"):
        convert("xquad", source, tmp_path / "data", [])
    assert not (tmp_path / "data").exists()


def test_sentences_outside_devtest_are_left_out_and_counted(tmp_path, caplog):
    rows = [{"id": n, "en": f"e{n}", "zh": f"中{n}", "devtest_id": None if n else 5} for n in range(3)]
    source = as_folder(tmp_path / "source", {"flores_sib200.jsonl": lines(*rows)})
    assert read_official("flores", source, "zh") == [{"id": "flores-devtest-5", "text": "中0", "english": "e0"}]
    assert "flores, zh: 2 rows left out" in caplog.text


def test_validation_rows_in_place_of_test_rows_are_told(tmp_path, caplog):
    source = as_folder(tmp_path / "source", {"data/zh/val.jsonl": lines(HUB_MMLU)})
    assert len(read_official("mmlu", source, "zh")) == 1 and "mmlu, zh: these are validation rows" in caplog.text


REAL = [
    ("xquad", "benchmarks/xquad", {"en": 1190, "zh": 1190, "vi": 1190, "ar": 1190}),
    ("xcopa", "benchmarks/xcopa", {"zh": 500, "vi": 500}),
    ("truthfulqa", "benchmarks/truthfulqa", {"en": 817, "zh": 788, "vi": 785, "ar": 773}),
    ("mmlu", "benchmarks/m_mmlu", {"zh": 1421, "vi": 1456}),
    ("mmlu", "benchmarks/mmlu_ar_test", {"ar": 14042}),
    ("mmlu", "benchmarks/global_mmlu_lite", {"en": 400, "zh": 400, "vi": 400}),
    ("mkqa", "benchmarks/mkqa", {"en": 6, "zh": 6, "vi": 6, "ar": 6}),
    ("flores", "parallel_text", {"zh": 1012, "vi": 494, "ar": 494}),
    ("flores", "parallel_text/flores_sib200.jsonl.gz", {"zh": 494}),
]


@pytest.mark.slow
@needs_shared
@pytest.mark.parametrize(("benchmark", "source", "counts"), REAL)
def test_real_files_are_converted_whole(tmp_path, caplog, benchmark, source, counts):
    caplog.set_level(logging.ERROR)
    written = convert(benchmark, SHARED / "data" / source, tmp_path, list(counts))
    assert written == {tmp_path / benchmark / f"{language}.jsonl": rows for language, rows in counts.items()}
    for path in written:
        if benchmark in BENCHMARKS:
            read_rows(path, BENCHMARKS[benchmark], path.stem)


@needs_shared
def test_a_real_devtest_sentence_has_one_id_whichever_file_it_is_from():
    folder = SHARED / "data" / "parallel_text"
    whole = {row["id"]: row for row in read_official("flores", folder / "flores_devtest.en-zh.jsonl", "zh")}
    part = read_official("flores", folder / "flores_sib200.jsonl.gz", "zh")
    assert all(row["text"] == whole[row["id"]]["text"] for row in part)


@needs_shared
def test_real_mkqa_answers_are_those_of_the_official_reader():
    rows = read_official("mkqa", SHARED / "data" / "benchmarks" / "mkqa" / "mkqa_test_fixture.jsonl", "ar")
    assert [row["answers"] for row in rows][1:4] == [[""], [""], [""]]
    assert rows[5]["answers"] == ["السير ريدلي سكوت", "ريدلي سكوت"] and len(rows[0]["answers"]) == 12
