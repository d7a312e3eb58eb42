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
from deepsuper.evaluation.official import OFFICIAL, convert, read_official
from deepsuper.evaluation.official import sources as official_sources
from shared import SHARED, needs_shared

ODD = '“天空”是"蓝"的\u2028，\u200fالسماء "زرقاء" — trời xanh \\n'


def squad(*questions: dict) -> str:
    context = f"{ODD} blue sky"
    return json.dumps(
        {"version": "1.1", "data": [{"title": "T", "paragraphs": [{"context": context, "qas": list(questions)}]}]}
    )


def asked(n: int, **changed: object) -> dict:
    answers = [{"text": "blue", "answer_start": 3}, {"text": "blue sky", "answer_start": 3}]
    return {"id": f"q{n}", "question": f"{ODD}{n}?", "answers": answers, **changed}


def lines(*rows: dict) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\r\n" for row in rows)


def table(*rows: dict) -> str:
    return "".join("\t".join(map(str, line)) + "\n" for line in (rows[0], *(row.values() for row in rows)))


def nli(language: str, label: str = "entailment", n: int = 1) -> dict:
    """The columns of xnli.dev.tsv; bare quotation marks, as there."""
    parses = {f"sentence{n}_{kind}parse": "" for kind in ("binary_", "") for n in (1, 2)}
    pair = {"sentence1": f'"{language} says', "sentence2": 'she "hears', "promptID": n, "pairID": n, "genre": "fiction"}
    return {"language": language, "gold_label": label, **parses, **pair, "match": "True"}


def told(right: object = 1, n: int = 1) -> dict:
    """The columns of XStoryCloze."""
    sentences = {f"InputSentence{k}": f"第{k}句。" for k in (1, 2, 3)} | {"InputSentence4": '"走吧," 他说。'}
    endings = {"RandomFifthSentenceQuiz1": '"他说 ""好""。"', "RandomFifthSentenceQuiz2": "نهاية أخرى"}
    return {"InputStoryid": f"s{n}", **sentences, **endings, "AnswerRightEnding": right}


def mkqa(n: int, **changed: object) -> dict:
    answers = [
        {"type": "entity", "text": "雷德利", "aliases": ["Ridley", "雷德利"]},
        {"type": "unanswerable", "text": None},
    ]
    queries = {"en": "who", "zh_cn": "谁", "vi": "ai", "ar": "من"}
    golds = {"en": answers, "zh_cn": answers, "vi": [{"type": "unanswerable", "text": None}], "ar": answers}
    return {"example_id": -n, "query": "who", "queries": queries, "answers": golds, **changed}


HUB_TRUTH = {
    "question": ODD, "mc1_targets_choices": ["没", "有"], "mc1_targets_labels": [0, 1],
    "mc2_targets_choices": ["a", "b", "c"], "mc2_targets_labels": [1, 1, 0],
}  # fmt: skip
TRUTH = {
    "question": ODD, "mc1_choices": ["没", "有"], "mc1_label": 1,
    "mc2_choices": ["a", "b", "c"], "mc2_labels": [1, 1, 0],
}  # fmt: skip
COPA = {"premise": ODD, "choice1": "一", "choice2": "二", "question": "cause", "label": 1, "idx": 7, "changed": False}
HUB_MMLU = {
    "id": "law/test/3",
    "instruction": ODD,
    "option_a": "1",
    "option_b": "",
    "option_c": "3",
    "option_d": "4",
    "answer": "D",
}
QUESTION = {"context": f"{ODD} blue sky", "answers": ["blue", "blue sky"], "answer_start": [3, 3]}

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


def as_folder(path: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content.encode())
    return path


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


def refused(benchmark: str, source: Path, language: str) -> str:
    with pytest.raises(ValueError, match=r".") as caught:
        read_official(benchmark, source, language)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("packed", [as_folder, as_gzip_folder, as_zip, as_tar])
@pytest.mark.parametrize("case", CASES)
def test_every_official_format_gives_the_local_rows(tmp_path, case, packed):
    benchmark, language, files, rows = CASES[case]
    assert read_official(benchmark, packed(tmp_path / "source", files), language) == rows


def test_every_benchmark_is_tried_here():
    assert {case[0] for case in CASES.values()} == set(OFFICIAL) >= set(BENCHMARKS)


@pytest.mark.parametrize("case", [case for case, (name, *_) in CASES.items() if name in BENCHMARKS])
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


BAD = {
    "label": (
        "xnli",
        {"xnli.dev.tsv": table(nli("zh"), nli("zh", "-", 2))},
        "xnli.dev.tsv:3: gold_label is '-': need one of entailment, neutral, contradiction",
    ),
    "columns": (
        "xnli",
        {"xnli.dev.tsv": table(nli("zh")) + "zh\tneutral\n"},
        "xnli.dev.tsv:3: 2 columns, need 12 (language,",
    ),
    "other languages": (
        "xnli",
        {"xnli.dev.tsv": table(nli("ar"), nli("vi"))},
        "xnli.dev.tsv: no row in 'zh': it has ar, vi",
    ),
    "id twice": ("xnli", {"xnli.dev.tsv": table(nli("zh"), nli("zh"))}, "xnli.dev.tsv:3: id '1' is also at "),
    "no language": (
        "mkqa",
        {"mkqa.jsonl": lines({"question": "q", "answers": ["a"]})},
        "mkqa.jsonl:1: tells no language",
    ),
    "language of a row": (
        "mkqa",
        {"mkqa.jsonl": lines(mkqa(1, queries={"en": "q"}))},
        "mkqa.jsonl:1: no zh (zh_cn): it has en",
    ),
    "no answer": (
        "xquad",
        {"xquad.zh.json": squad(asked(1), asked(2, answers=[]))},
        "xquad.zh.json:data[0].paragraphs[0].qas[1]: answers is '[]': need a list with a string or more",
    ),
    "empty answer": (
        "xquad",
        {"xquad.zh.json": squad(asked(1, answers=[{"text": " ", "answer_start": 1}]))},
        "answers[0] is empty",
    ),
    "offset": (
        "xquad",
        {"xquad.zh.json": squad(asked(1, answers=[{"text": "b", "answer_start": None}]))},
        "need an offset for each of 1",
    ),
    "field": ("xquad", {"xquad.zh.json": squad({"id": "q", "question": "q"})}, "qas[0]: has no field 'answers'"),
    "not SQuAD": (
        "xquad",
        {"xquad.zh.json": '{"data": [{"title": 1}]}'},
        "data[0]: not SQuAD's JSON (KeyError('paragraphs'))",
    ),
    "not JSON": ("xquad", {"xquad.zh.json": '{"data":\n [}'}, "xquad.zh.json:2: not JSON ("),
    "other JSON": ("xquad", {"xquad.zh.json": "3"}, "a JSON int: need a list of rows, or SQuAD's {'data': [...]}"),
    "no object": ("truthfulqa", {"zh_validation.json": "[3]"}, "zh_validation.json[0]: a JSON int"),
    "not a JSON line": ("xcopa", {"test.zh.jsonl": lines(COPA) + "{\n"}, "test.zh.jsonl:2: not JSON ("),
    "question": (
        "xcopa",
        {"test.zh.jsonl": lines({**COPA, "question": "why"})},
        ":1: question is 'why': need one of cause, effect",
    ),
    "true": ("xcopa", {"test.zh.jsonl": lines({**COPA, "label": True})}, ":1: label is 'True': need one of 0, 1"),
    "surrogate": (
        "xcopa",
        {"test.zh.jsonl": json.dumps({**COPA, "choice1": "\ud800"})},
        ":1: choice1 holds half of a surrogate",
    ),
    "two right": (
        "truthfulqa",
        {"zh/val.jsonl": lines({**HUB_TRUTH, "mc1_targets_labels": [1, 1]})},
        ":1: mc1 has 2 right choices",
    ),
    "labels": (
        "truthfulqa",
        {"zh/val.jsonl": lines({**HUB_TRUTH, "mc2_targets_labels": [1]})},
        "need 0 or 1 for each of 3 choices",
    ),
    "ending": (
        "xstorycloze",
        {"spring2016.val.zh.tsv.split_20_80_eval.tsv": table(told(3))},
        ":2: AnswerRightEnding is '3': need one of 1, 2",
    ),
    "letter": (
        "mmlu",
        {"zh/test.jsonl": lines({**HUB_MMLU, "answer": "E"})},
        ":1: answer is 'E': need one of A, B, C, D",
    ),
    "choices": (
        "mmlu",
        {"mmlu.zh.jsonl": lines({"question": "q", "choices": ["1"], "answer": 0})},
        "need a list of 4 strings",
    ),
    "CSV": ("mmlu", {"mmlu_ZH-CN.csv": 'q,"1,2,3,4,A\n'}, "mmlu_ZH-CN.csv:1: not CSV ("),
    "lengths": ("flores", {"zho_Hans.devtest": "一\n", "eng_Latn.devtest": "one\ntwo\n"}, "1 lines, but 2 in "),
    "no English": (
        "flores",
        {"zho_Hans.devtest": "一\n"},
        "no eng_Latn.devtest beside it: name the folder that holds both",
    ),
    "blank": (
        "flores",
        {"zho_Hans.devtest": "一\n\n", "eng_Latn.devtest": "one\ntwo\n"},
        "zho_Hans.devtest:2: text is empty",
    ),
    "no row": ("xcopa", {"test.zh.jsonl": ""}, "test.zh.jsonl: no row in 'zh'"),
    "missing": (
        "xcopa",
        {"test.vi.jsonl": "", "zh.txt": "", "data/th/test.th.jsonl": ""},
        "source: no xcopa in 'zh': it has th, vi",
    ),
    "missing code": (
        "flores",
        {"vie_Latn.devtest": "", "fra_Latn.devtest": "", "eng_Latn.devtest": ""},
        "it has fra_Latn, vi",
    ),
    "nothing": (
        "mlqa",
        {"a.txt": ""},
        "source: no file of mlqa: need one named such as test-context-zh-question-zh.json",
    ),
    "two files": (
        "xquad",
        {"a/xquad.zh.json": "", "b/xquad.zh.json": ""},
        "a/xquad.zh.json and b/xquad.zh.json both fit",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_mistake_is_one_line_that_names_the_place(tmp_path, case):
    benchmark, files, words = BAD[case]
    assert words in refused(benchmark, as_folder(tmp_path / "source", files), "zh")


def test_what_cannot_be_read_is_named(tmp_path, monkeypatch):
    assert "no such file or folder" in refused("xquad", tmp_path / "nowhere.zip", "zh")
    path = tmp_path / "mkqa.jsonl.gz"
    path.write_bytes(gzip.compress(lines(*map(mkqa, range(1, 500))).encode())[:-100])
    said = refused("mkqa", path, "zh")
    assert f"{path}:" in said and "cannot read on" in said and "fetch the file again" in said
    for name in ("a.zip", "a.tar.gz"):
        (tmp_path / name).write_bytes(b"<html>not found</html>")
        assert f"{name}: cannot be read (" in refused("xquad", tmp_path / name, "zh")
    (tmp_path / "test.zh.jsonl").write_bytes("{'é'}".encode("latin-1"))
    assert "test.zh.jsonl:1: byte 0xe9 at position 2 is not UTF-8" in refused("xcopa", tmp_path / "test.zh.jsonl", "zh")
    (tmp_path / "xquad.zh.json").write_bytes("é".encode("latin-1"))
    assert "xquad.zh.json: byte 0xe9 at position 0 is not UTF-8" in refused("xquad", tmp_path / "xquad.zh.json", "zh")
    monkeypatch.setattr(official_sources, "LIMIT", 100)
    assert "more than 100 bytes" in refused(
        "xquad", as_folder(tmp_path / "f", {"xquad.zh.json": squad(asked(1))}), "zh"
    )


@pytest.mark.parametrize(
    ("benchmark", "language", "words"),
    [("magic", "zh", "benchmark: need one of xquad, mlqa"), ("xquad", "../zh", "languages: need codes such as zh"),
     ("flores", "en", "languages: need codes such as zh"),
     ("flores", "zh", "need one named such as devtest/zho_Hans.devtest")],
)  # fmt: skip
def test_a_wrong_name_is_told(tmp_path, benchmark, language, words):
    assert words in refused(benchmark, tmp_path, language)


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
