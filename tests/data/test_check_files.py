"""Kept and removed lines are the input whatever it holds; the page shows any text safely."""

from __future__ import annotations

import base64
import gzip
import json
import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from browser import headless, needs_chromium
from deepsuper.cli import main
from deepsuper.common.errors import Place
from deepsuper.common.lines import MAX_LINE
from deepsuper.config.check import CheckConfig
from deepsuper.data.check.charts import histogram
from deepsuper.data.check.fix import write_fixed
from deepsuper.data.check.page import make_page
from deepsuper.data.check.reading import read_source
from deepsuper.data.check.run import check_file, run_check
from deepsuper.data.check.table import REASONS
from deepsuper.data.rows import Row
from failing import fail
from parallel_rows import check_rows, good_row, write_lines

CONFIG = CheckConfig(())

BROKEN = [
    b"{", b"[1]", b"null", b"", b"   ", b"\xff\xfe{}", b'{"id": 1}', b"\x00", b'{"id": "a", "instruction": NaN}',
    b"\xef\xbb\xbf{}", b'{"id": "x", "instruction": "\\ud800", "output": "b", "instruction_en": "c", "output_en": "d"}',
    b'{"id": "y", "instruction": "", "output": "b", "instruction_en": "c", "output_en": "d"}',
    b"[" * 20000, b'{"a": ' * 3000 + b"1" + b"}" * 3000, b"caf\xe9", '{"id": "é"}'.encode("utf-16"), b"\r", b"\x85\x0c",
]  # fmt: skip
GOOD = [json.dumps(good_row(n), ensure_ascii=bool(n % 2)).encode() for n in range(6)]
LINES = st.lists(st.sampled_from([*BROKEN, *GOOD]) | st.binary(max_size=40), max_size=12)


def original(record: dict[str, str]) -> bytes:
    return record["line"].encode() if "line" in record else base64.b64decode(record["line_base64"])


@pytest.mark.slow
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
    places = {int(record["where"].rpartition(":")[2]): original(record) for record in removed}
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


@pytest.mark.slow
@given(st.text(max_size=200), st.text(max_size=200), st.sampled_from(["zh", "vi", "ar", "xx"]))
@settings(max_examples=150, deadline=None)
def test_no_text_breaks_a_check(english, target, language):
    row = Row("1", language, target, english[:50], target * 3, english, target[:50], english * 3, where=Place("f", 1))
    found = check_rows([row, replace(row, id="2")], replace(CONFIG, ignore=("contaminated",)))
    assert {finding.reason for finding in found} <= set(REASONS)
    assert all(len(finding.detail) < 400 and "\n" not in finding.detail for finding in found)


@pytest.mark.slow
def test_a_very_long_text_is_checked_in_bounded_time():
    long = {**good_row(1), "output": "很长。" * 300_000, "output_en": "A long word. " * 200_000}
    row = Row(**long, language="zh", where=Place("f", 1))
    assert check_rows([row], replace(CONFIG, ignore=("contaminated",))) is not None


def test_a_truncated_archive_is_refused_by_name_and_nothing_is_written(tmp_path, capsys):
    path = tmp_path / "rows.jsonl.gz"
    path.write_bytes(gzip.compress(b"\n".join(GOOD) * 50)[:-20])
    assert "rows.jsonl.gz" in fail(capsys, "data", "check", str(path), "--fix", "--output_dir", str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
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
        (["rows.jsonl", "rows.kept.jsonl", "--fix", "--output_dir", "."], "kept.jsonl: is an input, and --fix would"),
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


@pytest.mark.slow
def test_a_line_that_is_too_long_is_a_finding(tmp_path):
    path = write_lines(
        tmp_path / "rows.jsonl", [good_row(0), b"x" * (MAX_LINE + 1), good_row(2), b"y" * (MAX_LINE + 1)]
    )
    source = read_source(path, "zh")
    assert [(finding.line, finding.reason) for finding in source.broken] == [(2, "broken_line"), (4, "broken_line")]
    assert (source.lines, [row.where.line for row in source.rows]) == (4, [1, 3])
    run_check(replace(CONFIG, files=(str(path),), language="zh"), tmp_path / "out")
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert page.count("a line of 16777218 bytes") == 2 and "xxxxx…" in page.replace("x" * 1495, "") and "yyyyy" in page


@pytest.mark.parametrize("missing", ["datasketch", "py3langid", "rjieba"])
def test_a_missing_package_is_named_with_the_extra_that_has_it(tmp_path, monkeypatch, capsys, missing):
    path = str(write_lines(tmp_path / "rows.jsonl", [good_row(0)]))
    monkeypatch.setattr("deepsuper.common.options.installed", lambda module: module != missing)
    words = f"needs the package {missing}: pip install 'deepsuper[data]'"
    assert words in fail(capsys, "data", "check", path)
    output = str(tmp_path / "o.jsonl")
    assert words in fail(capsys, "data", "translate", path, "--lang", "vi", "--output", output, "--model", "nowhere")


@pytest.mark.slow
def test_the_command_writes_a_report_and_both_files(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    rows = [good_row(n) for n in range(40)]
    rows[7] = {**rows[7], "output": "<nooutput>", "output_en": "<nooutput>"}
    rows[9] = {**rows[9], "instruction_en": rows[9]["instruction_en"] + " ____"}
    path = write_lines(tmp_path / "rows.jsonl", [*rows, "{", good_row(0)])
    main(["data", "check", str(path), "--fix"])
    printed = capsys.readouterr().out
    assert "41 rows (zh, identified), 3 with errors, 1 with warnings only" in printed and "kept 39 lines" in printed
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


@pytest.mark.slow
def test_several_processes_find_what_one_finds(tmp_path, monkeypatch):
    monkeypatch.setattr("deepsuper.data.check.run.MANY", 10)
    rows = [good_row(n) for n in range(30)]
    rows[3] = {**rows[3], "output": "<nooutput>"}
    path = write_lines(tmp_path / "rows.jsonl", rows)
    found = [check_file(path, replace(CONFIG, workers=workers)).findings for workers in (1, 2)]
    assert found[0] == found[1] and found[0]


ATTACK = (
    "</style></p><img src=x onerror=\"document.title='broken'\"><script>document.title='broken'</script>"
    "{{ 7 * 7 }}{% for %}javascript:alert(1)\u202e"
)


def attacked(tmp_path: Path) -> Path:
    rows = [good_row(n) for n in range(30)]
    rows[5] = {**rows[5], "id": ATTACK, "instruction": "السلام عليكم، كيف حالك؟ " + ATTACK, "output": "مرحبا " * 30}
    path = write_lines(tmp_path / "rows.jsonl", [*rows, ATTACK, b"\xff\xfe"])
    run_check(CheckConfig((str(path),), language="zh", ignore=("alignment",)), tmp_path / "out")
    return tmp_path / "out" / "report.html"


def test_no_text_ends_up_as_markup(tmp_path):
    page = attacked(tmp_path).read_text(encoding="utf-8")
    assert "<img" not in page and "<script" not in page and "&lt;img" in page and "مرحبا" in page
    assert ATTACK in unescape(page) and "{{ 7 * 7 }}" in page
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


@pytest.mark.slow
@needs_chromium
def test_the_page_is_legible_and_runs_nothing(tmp_path):
    page = attacked(tmp_path)
    with headless() as browser:
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


def test_a_mark_beyond_all_values_stands_at_its_own_place():
    values, marked = [float(n) for n in range(10, 30)], re.compile(r'd="M ([\d.]+) [\d.]+ L \1 [^>]*dasharray')
    chart = histogram("scores", "", {"": values}, marks=[-10.0])
    (below,) = marked.findall(re.sub(r" +", " ", chart))
    (between,) = marked.findall(re.sub(r" +", " ", histogram("scores", "", {"": [*values, -30.0]}, marks=[-10.0])))
    left = min(float(x) for x in re.findall(r'd="M ([\d.]+)[^"]*" clip-path', chart))
    assert float(below) == left < float(between)
    assert ">-10<" in chart


@pytest.mark.parametrize("values", [[], [float("nan")], [5.0], [5.0] * 9, [0.0, 1e5], [1e-9, 2.0], [-3.0, -2.999]])
@pytest.mark.parametrize("log", [False, True])
def test_any_values_have_a_chart_or_none(values, log):
    chart = histogram("lengths", "bytes", {"English": values, "target": values}, log=log)
    if not np.isfinite(values).any():
        assert chart is None
    else:
        assert ">English<" in chart and ">target<" in chart and len(re.findall(r"<text", chart)) >= 7
