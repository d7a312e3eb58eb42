"""Pieces, answers, prompts and rows of any text; options out of range."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deepsuper.config import ModelConfig
from deepsuper.config.check import CheckConfig
from deepsuper.config.translate import TranslateConfig
from deepsuper.data.check.markup import addresses, markup, placeholders
from deepsuper.data.nontranslatable import ADDRESS, PLACEHOLDER, TAG
from deepsuper.data.rows import BadRow, Row
from deepsuper.data.translate.cache import open_cache
from deepsuper.data.translate.replies import Problem, Reply, clean, fill, problem_of
from deepsuper.data.translate.rows import make_task, split
from deepsuper.data.translate.run import run_translate
from failing import fail
from parallel_rows import read_lines, write_questions
from shared import SHARED, needs_shared
from test_lines import broken

TEXT = st.text(max_size=30)


@given(TEXT, st.booleans())
def test_the_pieces_of_a_text_are_the_text(text, lines):
    pieces = split(text, lines=lines)
    assert "".join(pieces) == text and all(not piece.strip() for piece in pieces[1::2])
    assert not lines or not any("\n" in piece for piece in pieces[::2])


@given(TEXT, TEXT, st.sampled_from(["zh", "vi", "ar", "en", "xx"]))
def test_any_answer_is_a_translation_or_has_a_problem_on_one_line(source, answer, language):
    problem = problem_of(source, answer, language)
    assert problem is None or "\n" not in str(problem)
    assert answer.strip() or problem == Problem("empty")


@pytest.mark.parametrize(
    ("source", "answer", "language", "problem"),
    [
        ("See https://a.b/c.", "见 https://a.b/c。", "zh", None),
        ("def f(x): return x", "def f(x): return x", "zh", None),
        ("Paris", "Paris", "vi", None),
        ("How are you? Are you well in the city?", "How are you? Are you well in the city?", "vi", "untranslated"),
        ("What is the use of Python in this?", "Python 在这里有什么用？", "zh", None),
        ("What is the use of Python in this?", "Python có ích gì?", "ar", "not in ar"),
        ("a = b", "好" * 200, "zh", "garbage"),
        ("a b", "".join(map(chr, range(0x4E00, 0x4E00 + 150))), "zh", "runs on"),
        ("Xin chào, bạn có khỏe không?", "Xin chào, bạn có khỏe không?", "en", "untranslated"),
        ("你好，世界", "Hello, world", "en", None),
        ("你好，世界", "你好,world", "en", None),
        ("你好，世界", "您好，世界啊 a", "en", "not in en"),
        ("Fill [NAME] and {{slot}}.", "填写 [NAME] 和 {slot}。", "zh", "lost: {{slot}}"),
        ("Mail info@x.org!", "请发邮件至info@x.org！", "zh", None),
        ("Mail info@x.org", "请发邮件", "zh", "lost: info@x.org"),
        ("The ____ is red.", "天空是红的。", "zh", "lost: ____"),
        ("The ____ is red.", "_____是红的。", "zh", None),
        ("Dear {first name},", "亲爱的{名字}：", "zh", None),
        ("Dear {first name},", "亲爱的朋友：", "zh", "lost: {first name}"),
        ("See https://a.b/C and https://a.b/C", "见https://a.b/C", "zh", "lost: https://a.b/C"),
        ("你好", "Hello ____", "en", "added: ____"),
    ],
)
def test_checks_let_translations_pass_and_name_what_is_none(source, answer, language, problem):
    said = problem_of(source, answer, language)
    assert said is None if problem is None else str(said).startswith(problem)


@pytest.mark.parametrize("text", ["{first name}", "{{a}}", "____", "a.b@c.org", "%s", "${x}", "<br>", "https://a.b/c"])
def test_what_the_check_of_rows_would_flag_as_lost_is_no_translation(text):
    assert any(pattern.fullmatch(text) for pattern in (PLACEHOLDER, TAG, ADDRESS))
    assert problem_of(f"Write {text} here", "写在这里", "zh") == Problem("lost", text)
    assert problem_of(f"Write {text} here", f"写 {text} 在这里", "zh") is None


MARKS = st.sampled_from((
    "{name}", "{first name}", "{{x}}", "${y}", "%s", "%(n)d", "<name>", "___", "_____", "<b>", "</b>", "<B>", "<br/>",
    "<a href='u'>", "https://a.b/c.", "HTTPS://a.b", "https://a.b/C!", "me@x.org", "Me@x.org.", "[NAME]", "__n__", "\n",
))  # fmt: skip
PIECES = st.lists(st.tuples(st.sampled_from(["", " ", "cat", "好", "，", "("]), MARKS), max_size=6)


@settings(deadline=None)
@given(PIECES, st.data(), st.sampled_from(["zh", "en"]))
def test_data_check_finds_nothing_lost_in_an_accepted_translation(pieces, data, language):
    answer = data.draw(PIECES | st.permutations(pieces) | st.permutations(pieces).map(lambda some: some[:-1]))
    source, made = ("a 好" + "".join(word + mark for word, mark in some) for some in (pieces, answer))
    if problem_of(source, made, language) is None:
        english, target = (source, made) if language == "zh" else (made, source)
        row = Row("1", "zh", target, "", target, english, "", english)
        assert not [found for find in (placeholders, markup, addresses) for found in find([row], CheckConfig(()))]


def test_braces_of_a_text_mean_nothing_in_a_prompt():
    assert fill("{source}>{target}: {text}", "{target} {x}", "English", "Chinese") == "English>Chinese: {target} {x}"
    assert clean("<think>so {x}\n</think>\n 好 ") == "好"


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(TEXT, TEXT, max_size=5), TEXT, TEXT)
def test_a_cache_gives_back_what_it_was_given_to_its_maker_alone(tmp_path_factory, answers, one, other):
    path = tmp_path_factory.mktemp("cache") / "c"
    with open_cache(path, one) as cache:
        cache.put(answers)
    with open_cache(path, one) as cache:
        assert cache.get(answers) == answers
    with open_cache(path, other + "!" + one) as cache:
        assert cache.get(answers) == {}


def test_a_file_that_is_no_cache_is_named(tmp_path):
    (tmp_path / "c").write_bytes(b"no data base at all" * 100)
    with (
        pytest.raises(ValueError, match=r"cache .*: remove the file, or choose another"),
        open_cache(tmp_path / "c", "m"),
    ):
        pass


JSON = st.none() | st.integers() | st.text(max_size=4) | st.lists(st.integers(), max_size=2)
NAMES = ("id", "instruction", "input", "output", "instruction_en", "input_en", "output_en")


@given(st.dictionaries(st.sampled_from(NAMES), JSON), st.sampled_from(["target", "english"]))
def test_any_record_is_a_task_or_a_bad_row(record, to):
    try:
        task = make_task("a:1", record, to)
        row = task.complete(dict.fromkeys(task.made, "x"))
    except BadRow:
        return
    assert all(isinstance(row[name], str) for name in NAMES[1:] if name in row)
    assert set(record) <= set(row) and row["instruction_en"].strip() and row["output"].strip()


class Parrot:
    """Translates by adding a letter, and has a problem with every text that holds a 7."""

    maker, lines = "parrot", True

    def translate(self, texts: Any, attempt: int) -> Any:
        yield {text: Reply(problem=Problem("odd")) if "7" in text else Reply(text + "好") for text in texts}


@needs_shared
@pytest.mark.parametrize("seed", range(8))
def test_a_broken_real_file_is_refused_by_name_or_accounted_for(tmp_path, monkeypatch, seed):
    monkeypatch.setattr("deepsuper.data.translate.run.make_translator", lambda config: Parrot())
    data = (SHARED / "data" / "parallel" / "alpaca.ar.small.jsonl").read_bytes()
    path = tmp_path / "broken.jsonl"
    path.write_bytes(broken(data, random.Random(seed)).replace(b'"instruction":', b'"translated":'))
    asked = TranslateConfig(str(path), "zh", str(tmp_path / "out.jsonl"), model=ModelConfig("parrot"))
    try:
        done = run_translate(asked)
    except ValueError as error:
        said = str(error)
        assert said.startswith(str(path)) and "\n" not in said
        return
    lines = [line for line in path.read_bytes().split(b"\n") if line.decode("utf-8", "replace").strip("\ufeff \r\t")]
    assert done.rows_out + done.rows_aside == len(lines)
    out, aside = read_lines(tmp_path / "out.jsonl"), read_lines(tmp_path / "out.aside.jsonl")
    assert (len(out), len(aside)) == (done.rows_out, done.rows_aside) and all(row["reason"] for row in aside)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--endpoint", "http://a/v1"], "endpoint_model: need the name of a model beside endpoint"),
        ([], "need either model or endpoint"),
        (["--model", "m", "--endpoint", "http://a/v1", "--endpoint_model", "m"], "need either model or endpoint"),
        (["--endpoint", "a/v1", "--endpoint_model", "m"], "endpoint: need an address"),
        (["--model", "m", "--prompt", "hello"], "prompt: need a text that holds {text}"),
        (["--model", "m", "--batch_size", "0"], "batch_size: need at least 1"),
        (["--model", "m", "--retries", "-1"], "retries: need 0 to 100"),
        (["--model", "m", "--lang", "en"], "lang: need the code of the target language"),
        (["--model", "nobody/nothing-here"], "cannot be loaded"),
        (["--model", "m", "--output", "HERE/en.jsonl"], "would overwrite a file that is read"),
        (["--model", "m", "--output", "HERE/other.jsonl"], "was not written by translation: choose another name"),
        (["--model", "m", "--output", "HERE/a.jsonl.gz"], "need the name of a plain file"),
    ],
)
def test_every_option_out_of_range_ends_in_one_line(tmp_path, capsys, options, words):
    path = write_questions(tmp_path / "en.jsonl", ["a"])
    (tmp_path / "other.jsonl").write_text("precious")
    line = ["data", "translate", str(path), "--lang", "zh", "--output", str(tmp_path / "out.jsonl")]
    assert words in fail(capsys, *line, *[option.replace("HERE", str(tmp_path)) for option in options])
    assert (tmp_path / "other.jsonl").read_text() == "precious"
