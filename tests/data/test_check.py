"""`deepsuper data check`: each check finds its fault and no other; nothing is lost; the page shows any text safely."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from deepsuper.common.errors import Place
from deepsuper.config.check import CheckConfig
from deepsuper.data.check.fix import write_fixed
from deepsuper.data.check.languages import identify, wrong_language
from deepsuper.data.check.normalise import units
from deepsuper.data.check.reading import read_source
from deepsuper.data.check.run import check_file
from deepsuper.data.check.table import CHECKS, REASONS
from deepsuper.data.rows import Row
from deepsuper.data.texts import load_texts
from parallel_rows import check_rows, good_row, write_lines
from shared import SHARED, needs_shared

CONFIG = CheckConfig(())
ENGLISH_PROSE = "The people of the town walked to the river in the morning and sang an old song about the sea."


def checked(row: dict[str, str], count: int = 60, **options) -> set[str]:
    """The reasons against a row that stands among good ones, of which none is flagged."""
    rows = [Row(**good_row(n), language="zh", where=Place("f", n + 1)) for n in range(count)]
    rows.append(Row(**{**good_row(count), **row}, language="zh", where=Place("f", 0)))
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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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
    text = (Path(__file__).parents[2] / "docs" / "data.md").read_text(encoding="utf-8")
    for name, reason in REASONS.items():
        assert f"| `{name}` | {reason.severity} | {reason.meaning} |" in text, name


def test_the_verdicts_are_whole():
    folder = Path(__file__).parents[2] / "benchmarks" / "data_check"
    read = [json.loads(line) for line in (folder / "verdicts.jsonl").read_text(encoding="utf-8").splitlines()]
    sizes = json.loads((folder / "strata.json").read_text(encoding="utf-8"))
    assert {v["stratum"] for v in read} == set(sizes) and len({(v["id"], v["file"]) for v in read}) == len(read)
    assert all(v["verdict"] in ("ok", "bad") and set(v["reasons"]) <= set(REASONS) for v in read)
    assert all(v["why"] for v in read if v["flagged"] or v["verdict"] == "bad")
