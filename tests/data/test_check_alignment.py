"""Rows whose target side belongs to another row are found, one by one and as a file; evaluation texts are named."""

from __future__ import annotations

import gzip
import json
import random
import re
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepsuper.cli import main
from deepsuper.common.errors import Place
from deepsuper.config.check import CheckConfig
from deepsuper.data.check.alignment import alignment
from deepsuper.data.check.contamination import LEAST_SHARE, Index
from deepsuper.data.check.evaluation_texts import EvaluationText
from deepsuper.data.check.run import check_file, run_check
from deepsuper.data.check.table import CHECKS
from deepsuper.data.rows import FIELDS, Row
from deepsuper.data.texts import load_texts
from parallel_rows import check_rows, good_row, write_lines
from shared import SHARED, needs_shared

CONFIG = CheckConfig(())
LETTERS = st.lists(st.sampled_from("abcdef"), max_size=40)


@pytest.mark.slow
def test_a_row_that_holds_an_evaluation_text_is_named_with_the_item(tmp_path):
    context = "The ancient lighthouse keeper of the northern island wrote down each storm that he saw in forty years."
    items = [
        {"id": "q1", "context": context, "question": "Who wrote down each storm there?", "answers": ["the keeper"]}
    ]
    (tmp_path / "xquad").mkdir()
    write_lines(tmp_path / "xquad" / "en.jsonl", items)
    config = replace(CONFIG, data_dir=str(tmp_path), ignore=("alignment",))

    def detail(**change):
        rows = [Row(**{**good_row(1), **change}, language="zh", where=Place("f", 1))]
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


@pytest.mark.slow
def test_the_packaged_sets_are_known_without_any_folder():
    from deepsuper.demo.run import load_rows

    for language in ("zh", "vi", "ar"):
        rows = load_rows(language, "held_out")
        found = check_rows(rows, replace(CONFIG, ignore=tuple(set(CHECKS) - {"contaminated"})))
        assert {finding.row for finding in found} == set(range(len(rows)))
        assert all(finding.detail.startswith("xquad/packaged") for finding in found)
        texts = load_texts(language, parallel=True)
        flores = Row("1", language, "题", "", texts.target[7], "Task.", "", "Nothing.", where=Place("f", 1))
        english = replace(flores, output="没有", output_en=texts.english[7])
        found = check_rows([flores, english], replace(CONFIG, ignore=("near_duplicate",)))
        named = [f.detail for f in found if f.reason == "contaminated"]
        assert len(named) == 2 and all(d.startswith("flores/packaged dev:") for d in named)


@given(LETTERS, LETTERS, st.integers(2, 6))
def test_the_index_finds_a_shared_run_if_and_only_if_there_is_one(item, text, length):
    index = Index.of([EvaluationText("set", "x:1", "", " ".join(item))], length)
    runs = {tuple(item[k : k + length]) for k in range(len(item) - length + 1)}
    shared = any(tuple(text[k : k + length]) in runs for k in range(len(text) - length + 1))
    inside = any(text[k : k + len(item)] == item for k in range(len(text) - len(item) + 1))
    whole = LEAST_SHARE * length <= len(item) < length and inside
    assert bool(list(index.find([text]))) == (shared or whole)


@pytest.mark.slow
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
    return [Row(**{name: record[name] for name in names}, language=language, where=Place("f", 1)) for record in records]


@pytest.mark.slow
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
        assert f"error: {fault}" in text.replace("&#39;", "'")


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_file_too_small_to_be_scored_says_so(tmp_path):
    for count, language, told in ((29, "zh", True), (30, "zh", False), (499, "xx", True)):
        path = write_lines(tmp_path / "rows.jsonl", [good_row(n) for n in range(count)])
        (one,) = run_check(replace(ALIGNMENT, files=(str(path),), language=language), tmp_path / "out")
        assert [f"alignment was not scored: {count} rows" in note for note in one.notes] == [True] * told
        record = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))["files"][0]
        assert record["notes"] == one.notes
        assert all(f"note: {note}" in (tmp_path / "out" / "report.html").read_text() for note in one.notes)
