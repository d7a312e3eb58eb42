"""`deepsuper data check`: each check finds its fault and no other; nothing is lost; the page shows any text safely."""

from __future__ import annotations

import gzip
import json
import random
import re
import shutil
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deepsuper.cli import main
from deepsuper.corpora import FIELDS, Row
from deepsuper.doctor.charts import LEFT, histogram
from deepsuper.doctor.config import CheckConfig
from deepsuper.doctor.contamination import LEAST_SHARE, Index
from deepsuper.doctor.evaluation_texts import Item
from deepsuper.doctor.fix import original_line, write_fixed
from deepsuper.doctor.languages import identify, wrong_language
from deepsuper.doctor.normalise import units
from deepsuper.doctor.page import make_page
from deepsuper.doctor.reading import read_source
from deepsuper.doctor.run import check_file, check_rows, run_check
from deepsuper.doctor.scores import alignment
from deepsuper.doctor.table import CHECKS, REASONS
from deepsuper.lines import MAX_LINE
from deepsuper.texts import load_texts
from parallel_rows import good_row, write_lines
from shared import SHARED, needs_shared
from test_cli import fail

CONFIG = CheckConfig(())
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
LETTERS = st.lists(st.sampled_from("abcdef"), max_size=40)
ENGLISH_PROSE = "The people of the town walked to the river in the morning and sang an old song about the sea."


def checked(row: dict[str, str], count: int = 60, **options) -> set[str]:
    """The reasons against a row that stands among good ones, of which none is flagged."""
    rows = [Row(**good_row(n), language="zh", where=f"f:{n + 1}") for n in range(count)]
    rows.append(Row(**{**good_row(count), **row}, language="zh", where="f:0"))
    found = check_rows(rows, replace(CONFIG, ignore=("contaminated", "alignment"), **options))
    assert all(finding.row == count for finding in found), found
    return {finding.reason for finding in found}


FAULTS = [
    ({}, set()),
    ({"output": "The people of the town sang an old song about the sea."}, {"wrong_language"}),
    ({"output_en": "因为猫每天都喜欢河流，所以狗很高兴地看见猫，然后就回家了。"}, {"wrong_language"}),
    ({"output_en": "Parce que le chat voit la rivière tous les jours, le chien est très heureux."}, {"wrong_language"}),
    ({"output": ENGLISH_PROSE, "output_en": ENGLISH_PROSE}, {"untranslated"}),
    ({"output": "他说：" + ENGLISH_PROSE + "这是一个很长的故事，大家都很喜欢听。" * 3,
      "output_en": "He said: " + ENGLISH_PROSE + " It is a long story and all like to hear it." * 2},
     {"partly_untranslated"}),
    ({"output": "<nooutput>", "output_en": "<nooutput>"}, {"no_answer"}),
    ({"output": "因为河流，"}, {"length_ratio"}),
    ({"output": good_row(60)["output"] * 20}, {"length_ratio"}),
    ({"output": "因为&quot;河流&quot;每天都喜欢房子，所以猫很高兴地看见书本。"}, {"garbled"}),
    ({"output_en": good_row(60)["output_en"] + " donâ€™t"}, {"garbled"}),
    ({"instruction_en": "Fill in the ____ of the story, please."}, {"placeholder"}),
    ({"instruction_en": "Dear {name}, please tell me the story."}, {"placeholder"}),
    ({"instruction_en": "Dear {name}, tell me of {place}, please.",
      "instruction": "亲爱的 {name}，请告诉我这里的故事。"},
     {"placeholder"}),
    ({"output": "東京都内の主要幹線道路では昨夜から大規模な交通渋滞が発生した。",
      "output_en": "Traffic was dense on the roads of Tokyo last night."},
     {"wrong_language"}),
    ({"instruction_en": "Correct the grammar of this sentence, please."}, {"english_form"}),
    ({"instruction_en": "What is <b>the bold</b> word of the story?"}, {"markup"}),
    ({"instruction_en": "What is <b>bold</b> here?", "instruction": "这里的<b>粗体是什么，请告诉我？"}, {"markup"}),
    ({"instruction_en": "Read https://example.com/a of the town."}, {"address"}),
    ({"instruction_en": "Add 128 to 4096 and to 777 and tell me."}, {"number"}),
]  # fmt: skip


@pytest.mark.parametrize(("change", "reasons"), FAULTS, ids=lambda value: str(value)[:50])
def test_each_fault_is_found_and_no_other(change, reasons):
    assert checked(change) - {"number"} == reasons - {"number"}
    assert "number" not in reasons or "number" in checked(change)


@pytest.mark.parametrize(
    "change",
    [
        {"output": "Paris", "output_en": "Paris"},
        {"output": "3.14", "output_en": "3.14"},
        {"instruction_en": "Correct the grammar: He go to a house.", "instruction": "改正语法：He go to a house."},
        {"output": "print(f(x)); y = {1: 2}", "output_en": "print(f(x)); y = {1: 2}"},
        {"output": "Google、Bing、Yahoo", "output_en": "Google, Bing, Yahoo"},
        {"instruction_en": "Translate into English.", "output": ENGLISH_PROSE, "output_en": ENGLISH_PROSE},
        {"instruction_en": "There were 1,500,000 people in 1990s.", "instruction": "20世纪90年代有150万人。"},
        {"output": "“如果明天不下雨，我们就去河边。”", "output_en": '"If it does not rain, we go to the river."'},
    ],
    ids=lambda change: str(change)[:40],
)
def test_what_needs_no_translation_is_let_be(change):
    assert checked(change) == set()


def test_a_language_of_the_same_script_is_told_from_the_file_s_own():
    texts = load_texts("ar", parallel=True).first(60)
    assert texts.english is not None
    rows = [
        Row(f"r{n}", "ar", target, "", target, english, "", english)
        for n, (target, english) in enumerate(zip(texts.target, texts.english, strict=True))
    ]
    persian = "این کتاب را دیروز در کتابخانه پیدا کردم و می‌خواهم آن را تا پایان هفته بخوانم و پس بدهم."
    rows[7] = replace(rows[7], output=persian)
    assert [found.row for found in wrong_language(rows, CONFIG)] == [7]


def test_an_answer_that_stops_in_mid_sentence_is_truncated():
    english = "The river is long and the mountain is high, and every day the teacher walks to the city with a book. "
    whole = "河流很长，山很高，老师每天都带着一本书走到城市里去，然后在花园里坐下来慢慢地看书。"
    assert checked({"output": whole + whole[:-9], "output_en": english * 2}) == set()
    assert checked({"output": whole[:30] + "，", "output_en": english.strip()}) == {"truncated"}


def test_code_whose_words_were_translated_is_found():
    english = "def f(x):\n    for i in range(x):\n        print(i);\n    return {x: 1}"
    kept = "def f(x):\n    for i in range(x):\n        print(i);\n    return {x: 1}  # 结果"
    assert checked({"output": kept, "output_en": english}) == set()
    broken = "定义 f(x):\n    对于范围(x)中的 i:\n        打印(i);\n    返回 {x: 1}"
    assert "code" in checked({"output": broken, "output_en": english})


def test_duplicates_are_found_exactly_nearly_and_by_question():
    first = good_row(3)
    assert checked({k: first[k] for k in ("instruction", "output")}) == {"duplicate"}
    otherwise = {"instruction": first["instruction"].replace("，", ", "), "output": first["output"] + "！"}
    assert checked(otherwise) == {"duplicate"}
    assert checked({"instruction": first["instruction"]}) == {"repeated_question"}
    near = {"instruction": first["instruction"].replace("请", "请你"), "output": first["output"]}
    assert checked(near) == {"near_duplicate"}
    assert checked(near, similarity=0.99) == set()


def test_one_of_the_rows_that_repeat_each_other_stays_though_the_first_has_a_fault(tmp_path):
    rows = [good_row(n) for n in range(40)]
    faulty = {**rows[3], "id": "faulty", "output_en": "n/a"}
    copies = [{**rows[3], "id": f"copy-{n}"} for n in range(2)]
    path = write_lines(tmp_path / "rows.jsonl", [*rows[:3], faulty, *rows[4:], *copies, {**rows[5], "id": "again"}])
    checked = check_file(path, replace(CONFIG, fix=True))
    names = (tmp_path / "kept", tmp_path / "removed")
    write_fixed(path, checked.findings, REASONS, names)
    kept = [json.loads(line)["id"] for line in names[0].read_text(encoding="utf-8").splitlines()]
    assert kept == [*(f"row-{n}" for n in range(40) if n != 3), "copy-0"]


def test_of_rows_with_the_same_id_the_first_without_a_fault_stays(tmp_path):
    rows = [good_row(n) for n in range(40)]
    rows[3] = {**good_row(3), "instruction": good_row(3)["instruction_en"]}  # not translated
    second, third = ({**good_row(n), "id": rows[3]["id"]} for n in (50, 51))
    faulty = {**good_row(52), "id": rows[3]["id"], "output_en": "n/a"}
    path = write_lines(tmp_path / "rows.jsonl", [*rows, faulty, second, third, {**good_row(5), "id": "again"}])
    checked = check_file(path, replace(CONFIG, ignore=("alignment",)))
    assert {f.reason for f in checked.findings if f.line == 41} >= {"repeated_id", "no_answer"}
    names = (tmp_path / "kept", tmp_path / "removed")
    write_fixed(path, checked.findings, REASONS, names)
    kept = [json.loads(line) for line in names[0].read_text(encoding="utf-8").splitlines()]
    assert kept == [*rows[:3], *rows[4:], second]


def test_a_row_whose_id_is_free_again_stays_though_its_twin_goes_as_a_duplicate(tmp_path):
    rows = [good_row(1), {**good_row(1), "id": "twice"}, {**good_row(2), "id": "twice"}]
    path = write_lines(tmp_path / "rows.jsonl", rows)
    checked = check_file(path, replace(CONFIG, ignore=("alignment", "contaminated"), language="zh"))
    names = (tmp_path / "kept", tmp_path / "removed")
    write_fixed(path, checked.findings, REASONS, names)
    assert [json.loads(line) for line in names[0].read_text(encoding="utf-8").splitlines()] == [rows[0], rows[2]]


def test_a_row_that_holds_an_evaluation_text_is_named_with_the_item(tmp_path):
    context = "The ancient lighthouse keeper of the northern island wrote down each storm that he saw in forty years."
    items = [
        {"id": "q1", "context": context, "question": "Who wrote down each storm there?", "answers": ["the keeper"]}
    ]
    (tmp_path / "xquad").mkdir()
    write_lines(tmp_path / "xquad" / "en.jsonl", items)
    config = replace(CONFIG, data_dir=str(tmp_path), ignore=("alignment",))

    def detail(**change):
        rows = [Row(**{**good_row(1), **change}, language="zh", where="f:1")]
        return [f.detail for f in check_rows(rows, config) if f.reason == "contaminated"]

    (found,) = detail(
        input_en="He said: “the ANCIENT lighthouse, keeper of the northern island wrote down each storm that”!"
    )
    assert found.startswith("xquad/en.jsonl:1 (q1) context: 'the ancient lighthouse keeper of") and "input_en" in found
    (found,) = detail(instruction_en="who wrote down each storm there")
    assert found.startswith("xquad/en.jsonl:1 (q1) question")
    assert not detail(input_en=" ".join(context.split()[:12])) and not detail(output_en="the keeper")
    (found,) = detail(instruction_en="Tell me: who wrote down each storm there")
    assert found.startswith("xquad/en.jsonl:1 (q1) question: 'who wrote down each storm there' in instruction_en")
    assert not detail(instruction_en="Tell me who wrote down each storm")


def test_the_packaged_sets_are_known_without_any_folder():
    from deepsuper.demo.dataset import load_rows
    from deepsuper.texts import load_texts

    for language in ("zh", "vi", "ar"):
        rows = load_rows(language, "held_out")
        found = check_rows(rows, replace(CONFIG, ignore=tuple(set(CHECKS) - {"contaminated"})))
        assert {finding.row for finding in found} == set(range(len(rows)))
        assert all(finding.detail.startswith("xquad/packaged") for finding in found)
        texts = load_texts(language, parallel=True)
        flores = Row("1", language, "题", "", texts.target[7], "Task.", "", "Nothing.", where="f:1")
        english = replace(flores, output="没有", output_en=texts.english[7])
        found = check_rows([flores, english], replace(CONFIG, ignore=("near_duplicate",)))
        named = [f.detail for f in found if f.reason == "contaminated"]
        assert len(named) == 2 and all(d.startswith("flores/packaged dev:") for d in named)


@given(LETTERS, LETTERS, st.integers(2, 6))
def test_the_index_finds_a_shared_run_if_and_only_if_there_is_one(item, text, length):
    index = Index.of([Item("set/x:1", " ".join(item))], length)
    runs = {tuple(item[k : k + length]) for k in range(len(item) - length + 1)}
    shared = any(tuple(text[k : k + length]) in runs for k in range(len(text) - length + 1))
    inside = any(text[k : k + len(item)] == item for k in range(len(text) - len(item) + 1))
    whole = LEAST_SHARE * length <= len(item) < length and inside
    assert bool(list(index.find([text]))) == (shared or whole)


def test_rows_with_another_target_side_get_a_low_score(tmp_path):
    rng = random.Random(0)
    numbers = list(range(900))
    wrong = sorted(rng.sample(numbers, 30))
    rows = [good_row(n) for n in numbers]
    for n in wrong:
        other = good_row((n + 437) % 900)
        rows[n] = {**rows[n], "instruction": other["instruction"], "output": other["output"]}
    path = write_lines(tmp_path / "rows.jsonl", rows)
    one = check_file(path, replace(CONFIG, ignore=tuple(set(CHECKS) - {"alignment"})))
    scores = one.measured["alignment"].values
    right = sorted(set(numbers) - set(wrong))
    assert max(scores[wrong]) < min(scores[right])
    assert len(one.findings) > 0 and {finding.row for finding in one.findings} <= set(wrong)


ALIGNMENT = replace(CONFIG, ignore=tuple(set(CHECKS) - {"alignment"}))


def mixed(rows: list[dict[str, str]], places: list[int], step: int = 1) -> list[dict[str, str]]:
    """The rows, those at `places` with the target side of the one `step` further among these."""
    changed = list(rows)
    for here, there in zip(places, places[step:] + places[:step], strict=True):
        changed[here] = {**rows[here], **{name: rows[there][name] for name in ("instruction", "input", "output")}}
    return changed


def as_rows(records: list[dict[str, str]], language: str) -> list[Row]:
    names = ("id", *FIELDS["parallel"])
    return [Row(**{name: record[name] for name in names}, language=language, where="f:1") for record in records]


@pytest.mark.parametrize("language", ["zh", "xx"])
def test_a_file_whose_sides_are_shuffled_has_an_error_as_a_whole(tmp_path, capsys, monkeypatch, language):
    monkeypatch.chdir(tmp_path)
    rows = [good_row(n) for n in range(600)]
    write_lines(tmp_path / "good.jsonl", rows)
    write_lines(tmp_path / "shuffled.jsonl", mixed(rows, random.Random(0).sample(range(600), 600)))
    line = ["--lang", language, "--strict", "--ignore", ",".join(set(CHECKS) - {"alignment"})]
    main(["data", "check", "good.jsonl", *line])
    capsys.readouterr()
    with pytest.raises(SystemExit) as stopped:
        main(["data", "check", "shuffled.jsonl", *line])
    assert stopped.value.code == 1
    (file,) = json.loads(Path("runs/check/report.json").read_text(encoding="utf-8"))["files"]
    (fault,) = file["faults"]
    assert re.match(r"in about \d+% of the rows the two sides do not belong together.*`deepsuper data join`", fault)
    for text in (capsys.readouterr().out, Path("runs/check/report.html").read_text(encoding="utf-8")):
        assert f"error: {fault}" in text.replace("&#x27;", "'")


@needs_shared
@pytest.mark.parametrize("name", ["alpaca.zh", "arc_qa.ar", "xquad_qa.vi"])
def test_mispaired_rows_of_real_files_are_flagged_and_others_are_not(name):
    with gzip.open(SHARED / "data" / "parallel" / f"{name}.jsonl.gz") as lines:
        records = [json.loads(line) for line in islice(lines, 400)]
    language = name[-2:]
    good = alignment(as_rows(records, language), CONFIG)
    assert not good.faults and (good.values < good.least).sum() <= 2
    assert alignment(as_rows(mixed(records, list(range(400))), language), CONFIG).faults
    for share, fault in ((0.1, False), (0.5, True), (1.0, True)):
        places = random.Random(0).sample(range(400), round(share * 400))
        found = alignment(as_rows(mixed(records, places), language), CONFIG)
        low = found.values < found.least
        assert bool(found.faults) == fault
        assert low[places].mean() > 0.5 and low.sum() - low[places].sum() <= 4


@needs_shared
def test_an_answer_of_another_row_under_a_right_prompt_is_flagged():
    with gzip.open(SHARED / "data" / "parallel" / "alpaca.vi.jsonl.gz") as lines:
        records = [json.loads(line) for line in islice(lines, 1000)]
    places = random.Random(0).sample(range(1000), 50)
    for here, answer in zip(places, [records[n]["output"] for n in places[1:] + places[:1]], strict=True):
        records[here]["output"] = answer
    found = alignment(as_rows(records, "vi"), CONFIG)
    low = found.values < found.least
    assert low[places].mean() > 0.75 and low.sum() - low[places].sum() <= 1 and not found.faults


def test_a_file_too_small_to_be_scored_says_so(tmp_path):
    for count, language, told in ((29, "zh", True), (30, "zh", False), (499, "xx", True)):
        path = write_lines(tmp_path / "rows.jsonl", [good_row(n) for n in range(count)])
        (one,) = run_check(replace(ALIGNMENT, files=(str(path),), language=language), tmp_path / "out")
        assert [f"alignment was not scored: {count} rows" in note for note in one.notes] == [True] * told
        record = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))["files"][0]
        assert record["notes"] == one.notes
        assert all(f"note: {note}" in (tmp_path / "out" / "report.html").read_text() for note in one.notes)


def test_short_and_odd_texts_are_in_no_language():
    for text in ("", "OK", "Paris, London", "12345", "!?", "Facebook, Twitter", "\x00", "def f(x): return x"):
        assert identify(text) is None
    assert identify(ENGLISH_PROSE) == "en"
    assert identify("Người dân trong thị trấn đi bộ ra sông vào buổi sáng và hát một bài hát cũ.") == "vi"


def test_the_language_of_a_file_is_told_from_its_texts(tmp_path):
    path = write_lines(tmp_path / "rows.jsonl", [good_row(n) for n in range(5)])
    assert (read_source(path, None).language, read_source(path, "yue").language) == ("zh", "yue")
    short = write_lines(tmp_path / "short.jsonl", [{**good_row(1), "instruction": "1", "output": "2"}])
    with pytest.raises(ValueError, match=r"short.jsonl: .*--lang"):
        read_source(short, None)


BROKEN = [
    b"{", b"[1]", b"null", b"", b"   ", b"\xff\xfe{}", b'{"id": 1}', b"\x00", b'{"id": "a", "instruction": NaN}',
    b"\xef\xbb\xbf{}", b'{"id": "x", "instruction": "\\ud800", "output": "b", "instruction_en": "c", "output_en": "d"}',
    b'{"id": "y", "instruction": "", "output": "b", "instruction_en": "c", "output_en": "d"}',
    b"[" * 20000, b'{"a": ' * 3000 + b"1" + b"}" * 3000, b"caf\xe9", '{"id": "é"}'.encode("utf-16"), b"\r", b"\x85\x0c",
]  # fmt: skip
GOOD = [json.dumps(good_row(n), ensure_ascii=bool(n % 2)).encode() for n in range(6)]
LINES = st.lists(st.sampled_from([*BROKEN, *GOOD]) | st.binary(max_size=40), max_size=12)


@given(LINES, st.sampled_from([b"\n", b"\r\n"]), st.booleans(), st.booleans())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_kept_and_removed_lines_are_the_input(tmp_path, lines, ending, last, packed):
    data = ending.join(lines) + (ending if last else b"")
    path = tmp_path / "rows.jsonl.gz"
    path.write_bytes(gzip.compress(data) if packed or data[:2] == b"\x1f\x8b" else data)
    fast = ("alignment", "contaminated")
    try:
        one = check_file(path, replace(CONFIG, language="zh", ignore=fast))
    except ValueError as error:  # the file begins as one of another format does: nothing of it is read
        if re.search(r"rows.jsonl.gz: is (UTF-|a zip|packed|a Parquet)", str(error)):
            return
        raise
    names = (tmp_path / "kept", tmp_path / "removed")
    fixed = write_fixed(path, one.findings, REASONS, names)
    removed = [json.loads(line) for line in names[1].read_text(encoding="utf-8").splitlines()]
    places = {int(record["where"].rpartition(":")[2]): original_line(record) for record in removed}
    kept = iter(names[0].read_bytes().split(b"\n"))
    whole = data.split(b"\n")
    total = len(whole) - (whole[-1] == b"")
    again = [places[n] if n in places else next(kept) + (b"\n" if n < len(whole) else b"") for n in range(1, total + 1)]
    assert b"".join(again) == data
    assert (fixed.kept_lines, fixed.removed_lines) == (total - len(places), len(removed))
    assert all(record["reasons"] and len(record["reasons"]) == len(record["details"]) for record in removed)
    # What is kept is what a run reads: no broken line is left, and no row that is fine is gone.
    texts = [line.decode("utf-8", "replace").removeprefix("\ufeff") for line in names[0].read_bytes().split(b"\n")]
    assert sum(bool(text.strip()) for text in texts) == len(one.source.rows) - len(
        {f.row for f in one.findings if f.row is not None}
    )


@given(st.text(max_size=200), st.text(max_size=200), st.sampled_from(["zh", "vi", "ar", "xx"]))
@settings(max_examples=150, deadline=None)
def test_no_text_breaks_a_check(english, target, language):
    row = Row("1", language, target, english[:50], target * 3, english, target[:50], english * 3, where="f:1")
    found = check_rows([row, replace(row, id="2")], replace(CONFIG, ignore=("contaminated",)))
    assert {finding.reason for finding in found} <= set(REASONS)
    assert all(len(finding.detail) < 400 and "\n" not in finding.detail for finding in found)


def test_a_very_long_text_is_checked_in_bounded_time():
    long = {**good_row(1), "output": "很长。" * 300_000, "output_en": "A long word. " * 200_000}
    row = Row(**long, language="zh", where="f:1")
    assert check_rows([row], replace(CONFIG, ignore=("contaminated",))) is not None


def test_a_truncated_archive_is_refused_by_name_and_nothing_is_written(tmp_path, capsys):
    path = tmp_path / "rows.jsonl.gz"
    path.write_bytes(gzip.compress(b"\n".join(GOOD) * 50)[:-20])
    assert "rows.jsonl.gz" in fail(capsys, "data", "check", str(path), "--fix", "--output_dir", str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ([], "files: need at least one file"),
        (["nowhere.jsonl"], "nowhere.jsonl: no such file"),
        (["deep"], "deep: is a folder: name the files in it, such as deep/*.jsonl"),
        (["rows.jsonl", "rows.jsonl"], "files: need each file once"),
        (["rows.jsonl", "--reasons", "nonsense"], "reasons: need all, or of broken_line"),
        (["rows.jsonl", "--ignore", "nonsense"], "ignore: need one of broken_line"),
        (["rows.jsonl", "--similarity", "1"], "similarity: need 0 < similarity < 1, got 1.0"),
        (["rows.jsonl", "--word_gram", "1"], "word_gram: need 2 to 100"),
        (["rows.jsonl", "--length_distance", "-1"], "length_distance: need more than 0, got -1.0"),
        (["rows.jsonl", "--limit", "-1"], "limit: need"),
        (["rows.jsonl", "--workers", "0"], "workers: need at least 1"),
        (["rows.jsonl", "--lang", "z h"], "lang: need a language code"),
        (["rows.jsonl", "--lang", "vietnamese"], "lang: need a language code such as vi, got 'vietnamese'"),
        (["rows.jsonl", "--data_dir", "nowhere"], "data_dir: no such folder 'nowhere'"),
        (["rows.jsonl", "--data_dir", "."], "data_dir '.': no file for zh or en"),
        (["rows.jsonl", "deep/rows.jsonl", "--fix"], "both would be rows.kept.jsonl"),
        (["rows.jsonl", "rows.kept.jsonl", "--fix", "--output_dir", "."], "rows.kept.jsonl: is read, and --fix would"),
        (["long.jsonl", "--fix"], "long.jsonl:2: a line of"),
    ],
)
def test_a_mistake_ends_in_one_line(tmp_path, monkeypatch, capsys, line, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "deep").mkdir()
    for name in ("rows.jsonl", "rows.kept.jsonl", "deep/rows.jsonl"):
        write_lines(tmp_path / name, [good_row(n) for n in range(5)])
    write_lines(tmp_path / "long.jsonl", [good_row(0), b"x" * (MAX_LINE + 1), good_row(2)])
    assert words in fail(capsys, "data", "check", *line)
    assert not (tmp_path / "runs").exists()


def test_a_line_that_is_too_long_is_a_finding(tmp_path):
    path = write_lines(
        tmp_path / "rows.jsonl", [good_row(0), b"x" * (MAX_LINE + 1), good_row(2), b"y" * (MAX_LINE + 1)]
    )
    source = read_source(path, "zh")
    assert [(finding.line, finding.reason) for finding in source.broken] == [(2, "broken_line"), (4, "broken_line")]
    assert (source.lines, source.numbers) == (4, [1, 3])
    run_check(replace(CONFIG, files=(str(path),), language="zh"), tmp_path / "out")
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert page.count("a line of 16777218 bytes") == 2 and "xxxxx…" in page.replace("x" * 1495, "") and "yyyyy" in page


@pytest.mark.parametrize("missing", ["datasketch", "py3langid", "rjieba"])
def test_a_missing_package_is_named_with_the_extra_that_has_it(tmp_path, monkeypatch, capsys, missing):
    path = str(write_lines(tmp_path / "rows.jsonl", [good_row(0)]))
    monkeypatch.setattr("deepsuper.checks.installed", lambda module: module != missing)
    words = f"needs the package {missing}: pip install 'deepsuper[data]'"
    assert words in fail(capsys, "data", "check", path)
    output = str(tmp_path / "o.jsonl")
    assert words in fail(capsys, "data", "translate", path, "--lang", "vi", "--output", output, "--model", "nowhere")


def test_the_command_writes_a_report_and_both_files(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    rows = [good_row(n) for n in range(40)]
    rows[7] = {**rows[7], "output": "<nooutput>", "output_en": "<nooutput>"}
    rows[9] = {**rows[9], "instruction_en": rows[9]["instruction_en"] + " ____"}
    path = write_lines(tmp_path / "rows.jsonl", [*rows, "{", good_row(0)])
    main(["data", "check", str(path), "--fix"])
    printed = capsys.readouterr().out
    assert "41 rows (zh by its texts), 3 with errors, 1 with warnings only" in printed and "kept 39 lines" in printed
    assert re.search(r"prompt English \d+ \(.*; of answers' bytes to English \d.\d+ \(", printed)
    assert "not JSON (Expecting property name" in " ".join(printed.split())
    out = tmp_path / "runs" / "check"
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    (file,) = report["files"]
    assert file["reasons"] == {"broken_line": 1, "repeated_id": 1, "duplicate": 1, "no_answer": 1, "placeholder": 1}
    assert (file["lines"], file["rows"], file["fixed"]) == (42, 41, {"kept": 39, "removed": 3})
    findings = [json.loads(line) for line in (out / "findings.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [finding["id"] for finding in findings] == ["row-7", "row-9", None, "row-0", "row-0"]
    kept = (out / "rows.kept.jsonl").read_bytes().splitlines()
    assert len(kept) == 39 and set(kept) < set(path.read_bytes().splitlines())
    with pytest.raises(SystemExit) as stopped:
        main(["data", "check", str(path), "--strict"])
    assert stopped.value.code == 1
    main(["data", "check", str(out / "rows.kept.jsonl"), "--strict"])
    main(["data", "check", str(path), "--fix", "--reasons", "all", "--ignore", "no_answer"])
    assert "kept 39 lines" in capsys.readouterr().out


def test_several_processes_find_what_one_finds(tmp_path, monkeypatch):
    monkeypatch.setattr("deepsuper.doctor.run.MANY", 10)
    rows = [good_row(n) for n in range(30)]
    rows[3] = {**rows[3], "output": "<nooutput>"}
    path = write_lines(tmp_path / "rows.jsonl", rows)
    found = [check_file(path, replace(CONFIG, workers=workers)).findings for workers in (1, 2)]
    assert found[0] == found[1] and found[0]


ATTACK = "</style></p><img src=x onerror=\"document.title='broken'\"><script>document.title='broken'</script>"


def attacked(tmp_path: Path) -> Path:
    rows = [good_row(n) for n in range(30)]
    rows[5] = {**rows[5], "id": ATTACK, "instruction": "السلام عليكم، كيف حالك؟ " + ATTACK, "output": "مرحبا " * 30}
    path = write_lines(tmp_path / "rows.jsonl", [*rows, ATTACK, b"\xff\xfe"])
    run_check(CheckConfig((str(path),), language="zh", ignore=("alignment",)), tmp_path / "out")
    return tmp_path / "out" / "report.html"


def test_no_text_ends_up_as_markup(tmp_path):
    page = attacked(tmp_path).read_text(encoding="utf-8")
    assert "<img" not in page and "<script" not in page and "&lt;img" in page and "مرحبا" in page
    assert "http" not in page.split("</head>")[0].replace("http-equiv", "") and "src=" not in page.replace("src=x", "")


def test_the_terminal_shows_remedies_whole(tmp_path, capsys):
    long = '{"id": "a", "instruction": "' + "x" * (MAX_LINE + 1)
    path = write_lines(tmp_path / "rows.jsonl", [good_row(0), long.replace("xx", "\r\r", 2)])
    run_check(CheckConfig((str(path),), language="zh"), tmp_path / "out")
    printed = "".join(capsys.readouterr().out.split())
    assert "savethefilewith\\naslineend" in printed


def test_an_empty_file_has_a_report(tmp_path):
    path = write_lines(tmp_path / "rows.jsonl", [])
    (one,) = run_check(CheckConfig((str(path),), fix=True), tmp_path / "out")
    assert not one.findings and one.fixed.kept_lines == 0
    assert "0 rows" in make_page([one], CONFIG)


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium on the PATH (Debian: chromium)")
def test_the_page_is_legible_and_runs_nothing(tmp_path):
    from playwright.sync_api import sync_playwright

    page = attacked(tmp_path)
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        opened = browser.new_page()
        problems: list[str] = []
        opened.on("console", lambda message: problems.append(message.text))
        opened.on("request", lambda request: problems.append(request.url) if "file:" not in request.url else None)
        opened.goto(page.as_uri())
        assert opened.title() == "Check of parallel rows" and not problems
        opened.locator("summary", has_text="length_ratio").click()
        arabic = opened.locator(".pair p", has_text="مرحبا").first
        assert arabic.is_visible() and arabic.evaluate("e => getComputedStyle(e).direction") == "rtl"
        assert opened.locator("svg").count() == 3 and opened.locator("svg").first.is_visible()
        assert opened.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        browser.close()


def test_a_mark_beyond_all_values_stands_at_its_own_place():
    values, marked = [float(n) for n in range(10, 30)], re.compile(r'<line x1="([\d.]+)" x2="\1"[^>]*dasharray')
    (below,) = marked.findall(histogram("scores", "", {"": values}, marks=[-10.0]))
    (between,) = marked.findall(histogram("scores", "", {"": [*values, -30.0]}, marks=[-10.0]))
    assert float(below) == LEFT < float(between)
    assert ">-10<" in histogram("scores", "", {"": values}, marks=[-10.0])


@needs_shared
@pytest.mark.parametrize("language", ["zh", "vi", "ar"])
def test_every_row_made_of_xquad_is_named(language):
    path = SHARED / "data" / "parallel" / f"xquad_qa.{language}.jsonl.gz"
    one = check_file(path, replace(CONFIG, ignore=tuple(set(CHECKS) - {"contaminated"})))
    assert one.source.language == language
    assert len(one.findings) == len(one.source.rows) == 1190


def test_units_are_words_or_characters():
    assert units("The Cat's ３ mats，在 家") == ["the", "cat", "s", "3", "mats", "在", "家"]
    assert units("مُحَمَّد كـتاب") == ["محمد", "كتاب"]


def test_the_page_of_data_names_every_reason():
    text = (Path(__file__).parents[1] / "docs" / "data.md").read_text(encoding="utf-8")
    for name, reason in REASONS.items():
        assert f"| `{name}` | {reason.severity} | {reason.meaning} |" in text, name


def test_the_verdicts_are_whole():
    folder = Path(__file__).parents[1] / "benchmarks" / "doctor"
    read = [json.loads(line) for line in (folder / "verdicts.jsonl").read_text(encoding="utf-8").splitlines()]
    sizes = json.loads((folder / "strata.json").read_text(encoding="utf-8"))
    assert {v["stratum"] for v in read} == set(sizes) and len({(v["id"], v["file"]) for v in read}) == len(read)
    assert all(v["verdict"] in ("ok", "bad") and set(v["reasons"]) <= set(REASONS) for v in read)
    assert all(v["why"] for v in read if v["flagged"] or v["verdict"] == "bad")
