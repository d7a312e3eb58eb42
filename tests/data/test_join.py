"""`deepsuper data join`: by id, by order, by alignment; every row is in one pair or set aside with its reason."""

from __future__ import annotations

import gzip
import json
import random
from itertools import islice

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from bilingual import damage, make_sides, write
from deepsuper.cli import main
from deepsuper.config import DataConfig, JoinConfig, SourceConfig
from deepsuper.data.join.run import run_join
from deepsuper.data.rows import load_source
from deepsuper.data.texts import load_texts
from shared import SHARED, needs_shared


def join(tmp_path, en, tgt, **options):
    """The pairing, the rows written and the rows set aside."""
    config = JoinConfig(str(en), str(tgt), options.pop("language", "xx"), str(tmp_path / "out.jsonl"), **options)
    pairing = run_join(config, ["deepsuper", "data", "join"])
    rows, aside = (
        [json.loads(line) for line in (tmp_path / name).read_text(encoding="utf-8").splitlines()]
        for name in ("out.jsonl", "out.aside.jsonl")
    )
    return pairing, rows, aside


def sides(tmp_path, english, target):
    return write(tmp_path / "en.jsonl", english), write(tmp_path / "tgt.jsonl", target)


def quality(pairing, english, target) -> tuple[float, float]:
    """Precision and recall against `truth`."""
    right = sum(english[p.english]["truth"] == target[p.target]["truth"] for p in pairing.pairs)
    possible = len({r["truth"] for r in english} & {r["truth"] for r in target})
    return right / max(1, len(pairing.pairs)), right / possible


@pytest.mark.slow
@pytest.mark.parametrize(("dropped_en", "dropped_tgt", "swapped"), [(0, 0.1, 0.02), (0.1, 0.1, 0.02), (0.5, 0, 0)])
def test_rows_without_ids_are_paired_though_some_are_gone_and_some_have_moved(
    tmp_path, dropped_en, dropped_tgt, swapped
):
    english, target = make_sides(1200, seed=5)
    english = damage(english, random.Random(1), dropped=dropped_en)
    target = damage(target, random.Random(2), dropped=dropped_tgt, swapped=swapped)
    pairing, rows, aside = join(tmp_path, *sides(tmp_path, english, target))
    precision, recall = quality(pairing, english, target)
    assert precision >= 0.99 and recall >= 0.95
    assert 1 - sum(pairing.wrong.values()) / len(pairing.pairs) == pytest.approx(precision, abs=0.02)
    assert {row["paired_by"] for row in rows} == ({"alignment", "moved"} if swapped else {"alignment"})
    assert len(rows) * 2 + len(aside) == len(english) + len(target)
    assert all(record["reason"] for record in aside)
    manifest = json.loads((tmp_path / "out.manifest.json").read_text())
    assert sum(manifest["pairs"].values()) == len(rows) and len(manifest["inputs"]["en"]["sha256"]) == 64
    assert manifest["written"] and manifest["command"] and manifest["python"] and "numpy" in manifest["packages"]


def test_rows_in_order_are_paired_by_order(tmp_path):
    english, target = make_sides(600)
    pairing, rows, aside = join(tmp_path, *sides(tmp_path, english, target))
    assert {p.how for p in pairing.pairs} == {"order"} and quality(pairing, english, target) == (1.0, 1.0)
    assert not aside and pairing.low == 0 and rows[6]["id"] == "en-7"


@pytest.mark.slow
def test_an_order_that_slips_is_refused_with_the_first_place(tmp_path):
    english, target = make_sides(800)
    slipped = [*english[:300], *english[301:]], [*target[:600], *target[601:]]
    files = sides(tmp_path, *slipped)
    with pytest.raises(ValueError, match=r"en\.jsonl:301: belongs to .*tgt\.jsonl:302, row 301 to row 302.*alignment"):
        join(tmp_path, *files, by="order")
    pairing, *_ = join(tmp_path, *files)
    assert quality(pairing, *slipped)[0] > 0.99 and len(pairing.pairs) >= 795


def test_two_rows_in_each_other_s_place_are_no_slip_but_score_low(tmp_path):
    english, target = make_sides(600)
    target[100], target[400] = target[400], target[100]
    pairing, *_ = join(tmp_path, *sides(tmp_path, english, target), by="order")
    assert len(pairing.pairs) == 600 and 1 <= pairing.low <= 3


@pytest.mark.slow
def test_a_shuffled_file_is_refused(tmp_path):
    english, target = make_sides(600)
    random.Random(0).shuffle(target)
    files = sides(tmp_path, english, target)
    for by, words in (("order", "another order"), ("auto", "the same order"), ("alignment", "the same order")):
        with pytest.raises(ValueError, match=words):
            join(tmp_path, *files, by=by)
    assert not (tmp_path / "out.jsonl").exists()


def test_row_counts_that_differ_are_no_order(tmp_path):
    english, target = make_sides(20)
    with pytest.raises(ValueError, match=r"has 20 rows, .* 19: rows in order need as many"):
        join(tmp_path, *sides(tmp_path, english, target[1:]), by="order")


def test_ids_pair_rows_in_any_order_and_keep_their_names(tmp_path):
    english, target = make_sides(400)
    for record in english + target:
        record["id"] = f"set-{record['truth']}"
    random.Random(0).shuffle(target)
    pairing, rows, aside = join(tmp_path, *sides(tmp_path, english, target))
    assert {p.how for p in pairing.pairs} == {"id"} and quality(pairing, english, target) == (1.0, 1.0)
    assert [row["id"] for row in rows] == [record["id"] for record in english] and not aside


@pytest.mark.slow
def test_ids_that_number_the_rows_of_two_different_files_are_not_believed(tmp_path):
    english, target = make_sides(600)
    target = target[:100] + target[140:]
    for side in (english, target):
        for n, record in enumerate(side):
            record["id"] = n
    files = sides(tmp_path, english, target)
    with pytest.raises(ValueError, match=r"only .*% of the rows score as translations: their ids do not name"):
        join(tmp_path, *files, by="id")
    pairing, *_ = join(tmp_path, *files)
    assert quality(pairing, english, target)[0] > 0.99 and {p.how for p in pairing.pairs} == {"alignment"}


def test_each_id_that_is_missing_or_there_twice_has_its_reason(tmp_path):
    english, target = make_sides(5)
    for record, key in zip(english, ("a", "b", "b", "c", None), strict=True):
        record["id"] = key
    for record, key in zip(target, ("a", "b", "d", "c", "c"), strict=True):
        record["id"] = key
    english[0]["output"] = ""
    _, rows, aside = join(tmp_path, *sides(tmp_path, english, target), by="id")
    reasons = [(record["side"], record["where"][-1], record["reason"]) for record in aside]
    assert not rows and len(aside) == 10
    assert [reason for side, line, reason in reasons if (side, line) in {("en", "1"), ("xx", "1")}] == [
        "field 'output' is empty: fill it",
        f"its partner cannot be used: {tmp_path}/en.jsonl:1: field 'output' is empty: fill it",
    ]
    assert sum("2 times on this side" in reason for *_, reason in reasons) == 4
    assert sum("2 times in " in reason for *_, reason in reasons) == 2
    assert sum(reason.endswith(("tgt.jsonl", "en.jsonl")) or "has no id" in reason for *_, reason in reasons) == 2


RECORD = st.one_of(
    st.fixed_dictionaries(
        {"instruction": st.text(max_size=8), "output": st.text("ab \n", max_size=4)},
        optional={"id": st.sampled_from(["1", "2", 3, None, 1.5]), "input": st.sampled_from(["", "i", None, 3])},
    ),
    st.sampled_from([[1], "text", None, {}, {"instruction": float("nan"), "output": "\ud800"}]),
)


def texts_of(record):
    return [record.get(name) for name in ("instruction", "output")] if isinstance(record, dict) else record


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    english=st.lists(RECORD, min_size=1, max_size=7),
    target=st.lists(RECORD, min_size=1, max_size=7),
    by=st.sampled_from(["auto", "id", "order", "alignment"]),
)
def test_paired_and_set_aside_are_the_input_on_both_sides(tmp_path, english, target, by):
    alike = sum(texts_of(one) == texts_of(other) for one, other in zip(english, target, strict=False))
    assume(alike * 2 <= min(len(english), len(target)))  # a set beside itself is refused
    good = {"instruction": "one 2024", "output": "two"}
    files = []
    for name, side in (("en", [good, *english]), ("tgt", [{**good, "output": "zwei"}, *target])):
        files.append(tmp_path / f"{name}.jsonl")
        files[-1].write_text("".join(json.dumps(record) + "\n" for record in side))
    if by == "order" and len(english) != len(target):
        with pytest.raises(ValueError, match="need as many"):
            join(tmp_path, *files, by=by, format_en="alpaca", format_tgt="alpaca")
        return
    _, rows, aside = join(tmp_path, *files, by=by, format_en="alpaca", format_tgt="alpaca")
    for side, records in (("en", english), ("xx", target)):
        assert len(rows) + sum(record["side"] == side for record in aside) == 1 + len(records)
    assert len({(record["side"], record["where"]) for record in aside}) == len(aside)


def test_sentences_become_rows_that_ask_for_a_translation_or_stand_beside_each_other(tmp_path):
    texts = load_texts("zh").first(60)
    (tmp_path / "eng.dev").write_text("\n".join(texts.english), encoding="utf-8")
    (tmp_path / "zho.dev.gz").write_bytes(gzip.compress("\n".join(texts.target).encode()))
    files = (tmp_path / "eng.dev", tmp_path / "zho.dev.gz")
    _, rows, _ = join(tmp_path, *files, language="zh")
    loaded = load_source(SourceConfig("zh", str(tmp_path / "out.jsonl")), DataConfig(train=[]), kind="parallel").rows
    assert [row.output for row in loaded] == list(texts.target) and "翻译" in loaded[0].instruction
    assert [row.input for row in loaded] == [row.output_en for row in loaded] == list(texts.english)
    assert {row["paired_by"] for row in rows} == {"order"}
    join(tmp_path, *files, language="zh", sentences="plain")
    again = load_texts("zh", tmp_path / "out.jsonl", parallel=True)
    assert (again.target, again.english) == (texts.target, texts.english)


def test_two_columns_of_one_file_are_both_sides(tmp_path):
    texts = load_texts("zh").first(60)
    path = tmp_path / "pairs.tsv"
    path.write_text("".join(f"{a}\t{b}\n" for a, b in zip(texts.english, texts.target, strict=True)), encoding="utf-8")
    pairing, rows, _ = join(tmp_path, path, path, language="zh")
    assert [row["output"] for row in rows] == list(texts.target) and not pairing.aside_en
    assert [row["input"] for row in rows] == list(texts.english)


def test_packaged_sentences_teach_a_lexicon_for_a_few_rows(tmp_path):
    texts = load_texts("zh", part="devtest").first(30)
    english = [{"instruction": sentence, "output": "yes"} for sentence in texts.english]
    target = [{"instruction": sentence, "output": "是"} for sentence in texts.target]
    target = target[:10] + target[13:]
    pairing, *_ = join(tmp_path, *sides(tmp_path, english, target), language="zh")
    right = {*((n, n) for n in range(10)), *((n, n - 3) for n in range(13, 30))}
    found = {(p.english, p.target) for p in pairing.pairs}
    assert len(found & right) >= 24 and len(found - right) <= 1


@needs_shared
def test_sets_that_do_not_belong_together_are_refused(tmp_path):
    with gzip.open(SHARED / "data" / "parallel" / "alpaca.vi.jsonl.gz") as lines:
        records = [json.loads(line) for line in islice(lines, 200)]
    english = [{name: r[f"{name}_en"] for name in ("instruction", "input", "output")} for r in records]
    texts = load_texts("vi").first(300)
    target = [{"instruction": sentence, "output": sentence} for sentence in texts.target]
    with pytest.raises(
        ValueError, match=r"hardly belong together: only \d+ of 200 rows .*are these two languages of one"
    ):
        join(tmp_path, *sides(tmp_path, english, target), language="vi")
    assert not (tmp_path / "out.jsonl").exists()


def test_the_summary_says_what_is_wrong_with_an_id(tmp_path, capsys):
    english, target = make_sides(8)
    for n, (ours, theirs) in enumerate(zip(english, target, strict=True)):
        ours["id"] = theirs["id"] = f"set-{n}"
    english[0]["id"], english[1]["id"], english[3]["id"] = [1], "half", "set-2"
    files = sides(tmp_path, english, target)
    (tmp_path / "en.jsonl").write_text((tmp_path / "en.jsonl").read_text().replace("half", "\\ud800"))
    join(tmp_path, *files, by="id")
    (line,) = (line for line in capsys.readouterr().out.splitlines() if "English rows;" in line)
    assert line == "set aside: 4 English rows; 2: the id is there several times; 2: the id cannot be used"


def test_a_header_is_named_and_becomes_no_row(tmp_path, capsys):
    texts = load_texts("zh").first(20)
    path = tmp_path / "pairs.tsv"
    rows = zip(["en", *texts.english], ["zh", *texts.target], strict=True)
    path.write_text("".join(f"{a}\t{b}\n" for a, b in rows), encoding="utf-8")
    _, rows, _ = join(tmp_path, path, path, language="zh")
    assert [row["output"] for row in rows] == list(texts.target)
    assert "set aside: 1 English rows; 1: a header, the names of the columns" in capsys.readouterr().out


def test_answers_of_their_own_are_left_out_of_the_comparison(tmp_path):
    english, target = make_sides(700, seed=2)
    answers = [record["output"] for record in target]
    random.Random(1).shuffle(answers)
    target = [{**record, "output": answer} for record, answer in zip(target, answers, strict=True)]
    target = damage(target, random.Random(2), dropped=0.1)
    pairing, rows, _ = join(tmp_path, *sides(tmp_path, english, target), compare="questions")
    precision, recall = quality(pairing, english, target)
    assert precision >= 0.98 and recall >= 0.9
    assert all(row["output"] and row["output_en"] for row in rows)


def fail(capsys, *line: str) -> str:
    with pytest.raises(SystemExit) as stopped:
        main(["data", "join", *line])
    assert stopped.value.code == 2
    return capsys.readouterr().err.strip().splitlines()[-1]


@pytest.mark.slow
def test_mistakes_end_in_one_line(tmp_path, capsys):
    english, target = make_sides(30)
    en, tgt = sides(tmp_path, english, target)
    output, lang = ("--output", str(tmp_path / "o.jsonl")), ("--lang", "xx")
    assert "no such file" in fail(capsys, "--en", str(tmp_path / "no.json"), "--tgt", tgt, *lang, *output)
    assert "same texts" in fail(capsys, "--en", en, "--tgt", en, *lang, *output)
    assert "overwrite a file that is read" in fail(capsys, "--en", en, "--tgt", tgt, *lang, "--output", tgt)
    assert "ends in .jsonl" in fail(capsys, "--en", en, "--tgt", tgt, *lang, "--output", str(tmp_path))
    assert "language code such as zh, other" in fail(capsys, "--en", en, "--tgt", tgt, "--lang", "en", *output)
    for written, nearest in (
        ("arabic", "ar"),
        ("AR", "ar"),
        ("Arabian", "ar"),
        ("zho_hans_", "zh"),
        ("VIE_LATN", "vi"),
    ):
        told = fail(capsys, "--en", en, "--tgt", tgt, "--lang", written, *output)
        assert f"lang: need a language code such as {nearest}, other than en, got {written!r}" in told
    assert "magic" in fail(capsys, "--en", en, "--tgt", tgt, *lang, *output, "--by", "magic")
    (tmp_path / "s.csv").write_text("one,eins\n")
    assert "parted by commas" in fail(capsys, "--en", str(tmp_path / "s.csv"), "--tgt", tgt, *lang, *output)
    (tmp_path / "s.txt").write_text("one\ntwo\n")
    assert "need sentences on both sides" in fail(capsys, "--en", str(tmp_path / "s.txt"), "--tgt", tgt, *lang, *output)
    (tmp_path / "t.txt").write_text("eins\nzwei\n")
    both = ("--en", str(tmp_path / "s.txt"), "--tgt", str(tmp_path / "t.txt"))
    assert "--sentences plain" in fail(capsys, *both, *lang, *output)
    assert not (tmp_path / "o.jsonl").exists()


@pytest.mark.slow
def test_only_the_files_of_an_earlier_join_are_written_over(tmp_path, capsys):
    english, target = make_sides(60)
    en, tgt = sides(tmp_path, english, target)
    line = ("--en", en, "--tgt", tgt, "--lang", "xx", "--by", "order", "--output", str(tmp_path / "o.jsonl"))
    for name in ("o.jsonl", "o.aside.jsonl", "o.manifest.json"):
        (tmp_path / name).write_text("precious")
        assert f"{name}: exists and was not written by join: choose another name" in fail(capsys, *line)
        assert (tmp_path / name).read_text() == "precious"
        (tmp_path / name).unlink()
    main(["data", "join", *line])
    (tmp_path / "o.jsonl").write_text("of an earlier join")
    main(["data", "join", *line])
    assert len((tmp_path / "o.jsonl").read_text().splitlines()) == 60


def test_an_element_of_an_array_goes_aside_whole(tmp_path):
    english, target = make_sides(60)
    bad = json.dumps("a text that is no row " * 500)
    rows = [json.dumps(row) for row in english]
    (tmp_path / "en.json").write_text(f"[{', '.join([*rows, bad])}]")
    _, _, aside = join(tmp_path, tmp_path / "en.json", write(tmp_path / "tgt.jsonl", target), by="alignment")
    (row,) = [record for record in aside if record["side"] == "en"]
    assert row["text"] == bad


@pytest.mark.slow
def test_the_command_says_how_many_how_and_how_sure(tmp_path, capsys):
    english, target = make_sides(600)
    en, tgt = sides(tmp_path, english, target[:250] + target[260:])
    main(["data", "join", "--en", en, "--tgt", tgt, "--lang", "xx", "--output", str(tmp_path / "o.jsonl")])
    printed = capsys.readouterr().out
    assert "590 pairs of 600 English and 590 xx rows" in printed and "590 by alignment" in printed
    assert "precision 100" in printed and "set aside: 10 English rows" in printed and "set aside: 0 xx rows" in printed


@pytest.mark.slow
@needs_shared
@pytest.mark.parametrize("language", ["zh", "vi"])
def test_real_rows_are_paired_without_their_ids(tmp_path, language):
    with gzip.open(SHARED / "data" / "parallel" / f"alpaca.{language}.jsonl.gz") as lines:
        records = [json.loads(line) for line in islice(lines, 2500)]
    english = [
        {name: r[f"{name}_en"] for name in ("instruction", "input", "output")} | {"truth": r["id"]} for r in records
    ]
    target = [{name: r[name] for name in ("instruction", "input", "output")} | {"truth": r["id"]} for r in records]
    target = damage(target, random.Random(3), dropped=0.1, swapped=0.02)
    pairing, *_ = join(tmp_path, *sides(tmp_path, english, target), language=language)
    precision, recall = quality(pairing, english, target)
    assert precision >= 0.99 and recall >= 0.95
