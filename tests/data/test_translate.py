"""Laws of translating by an endpoint: rows in = out + aside, whatever a server does; nothing is asked twice."""

from __future__ import annotations

import json
import logging
import signal
import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from chat_server import ChatServer, Reply, chat_server, say
from deepsuper.cli import main
from deepsuper.config.translate import TranslateConfig
from deepsuper.data.translate.job import Translated
from deepsuper.data.translate.run import run_translate
from forked import Forked, command
from parallel_rows import read_lines, write_questions

Rows = list[dict[str, Any]]


def translated(text: str, before: int = 0) -> Reply:
    return say(f"译文：{text}")


def config(server: ChatServer, path: Path, **options: Any) -> TranslateConfig:
    fixed = {"endpoint": server.url, "endpoint_model": "m", "prompt": "{text}", "http_retries": 2, "timeout": 5.0}
    return TranslateConfig(str(path), "zh", str(path.parent / "out.jsonl"), **{**fixed, **options})


def run(
    server: ChatServer, path: Path, **options: Any
) -> tuple[Translated, list[dict[str, Any]], list[dict[str, Any]]]:
    done = run_translate(config(server, path, **options))
    out, aside = read_lines(path.parent / "out.jsonl"), read_lines(path.parent / "out.aside.jsonl")
    assert (len(out), len(aside)) == (done.rows_out, done.rows_aside)
    return done, out, aside


@pytest.mark.slow
def test_a_row_is_completed_field_by_field(tmp_path):
    path = write_questions(tmp_path / "en.jsonl", ["  Who?\n\nWhy? "], more=[1])
    with chat_server(translated) as server:
        _, (row,), _ = run(server, path)
    assert row == {
        "id": 0, "instruction": "  译文：Who?\n\nWhy? ", "input": "", "output": "42",
        "instruction_en": "  Who?\n\nWhy? ", "input_en": "", "output_en": "42", "more": [1],
    }  # fmt: skip
    assert dict(server.asked) == {"Who?\n\nWhy?": 1}
    manifest = json.loads((tmp_path / "out.manifest.json").read_text())
    assert (manifest["rows_in"], manifest["rows_out"], manifest["rows_aside"]) == (1, 1, 0)
    assert str(path) in manifest["files"] and manifest["maker"][0].startswith('["endpoint"')


ONCE = {
    "limited": Reply(b"{}", 429, (("Retry-After", "1"), ("Content-Type", "application/json"))),
    "failing": Reply(b"oh", 500, (("Content-Type", "text/plain"),)),
    "late": Reply(translated("late").body, wait=1.5),
    "garbage": Reply(b'{"choices": [{"mess'),
    "page": Reply(b"<html>busy</html>", headers=(("Content-Type", "text/html"),)),
    "half": Reply(translated("half").body[:50], announced=400),
    "silent": Reply(b"", 200),
    "list": Reply(b"[1, 2]"),
    "number": Reply(b"7"),
    "choiceless": Reply(b'{"choices": []}'),
    "null": Reply(b'{"choices": [{"message": null, "finish_reason": "stop"}]}'),
    "empty": say(" \n"),
    "nothing": say(None),
    "cut": say("译", finish="length"),
    "unwilling": say(None, refusal="I will not"),
    "filtered": say("", finish="content_filter"),
    "loop": say("译文" * 60),
    "{name}": say("译文"),
    "<b>bold</b>": say("译文 bold"),
    "What is the capital of the country that you are from?": say("What is the capital of the country?"),
    "mojibake": say("译\ufffd"),
}
"""What goes wrong the first time that a text is asked for."""


@pytest.mark.slow
def test_whatever_goes_wrong_once_is_tried_again(tmp_path):
    path = write_questions(tmp_path / "en.jsonl", list(ONCE))
    with chat_server(lambda text, before: translated(text) if before else ONCE[text]) as server:
        _, out, aside = run(server, path, timeout=1.0)
    assert not aside
    assert [row["instruction"] for row in out] == [f"译文：{text}" for text in ONCE]
    assert all(server.asked[text] == 2 for text in ONCE), server.asked
    first, second = server.times["limited"]
    assert second - first >= 1.0


FOREVER = {
    "failing": (Reply(b"oh", 503), "unreachable: ", 3),
    "limited": (Reply(b"{}", 429, (("Retry-After", "0.1"),)), "unreachable: ", 3),
    "half": (Reply(b'{"cho', announced=99), "unreachable: APIConnectionError", 3),
    "garbage": (Reply(b"{{{"), "garbage: ", 2),
    "choiceless": (Reply(b'{"choices": []}'), "garbage: the answer holds no choice", 2),
    "empty": (say(""), "empty (tried 2 times)", 2),
    "cut": (say("译", finish="length"), "cut: it reached max_new_tokens (tried 2 times)", 2),
    "refused": (Reply(b'{"error": {"message": "not this"}}', 400), "refused by the endpoint: Error code: 400", 1),
    "{x} of %(n)s": (say("译文 {x}"), "lost: %(n)s", 2),
}


@pytest.mark.slow
def test_whatever_goes_wrong_for_ever_goes_aside_with_its_reason(tmp_path):
    path = write_questions(tmp_path / "en.jsonl", ["fine", *FOREVER])
    with path.open("a") as file:
        file.write('{"id": 1, "instruction": "again", "output": "42"}\n{"id": "x", "output": "42"}\nnonsense\n\n')
    with chat_server(lambda text, _: FOREVER[text][0] if text in FOREVER else translated(text)) as server:
        done, (fine,), aside = run(server, path, retries=1, concurrency=2)
    assert fine["instruction"] == "译文：fine" and done.rows_aside == len(FOREVER) + 3
    by_line = {row["where"]: row["reason"] for row in aside}
    reasons = {text: by_line[f"{path}:{n}"] for n, text in enumerate(FOREVER, start=2)}
    for text, (_, reason, times) in FOREVER.items():
        assert reasons[text].startswith(f"instruction: {reason}"), reasons[text]
        assert server.asked[text] == times, text
    assert by_line[f"{path}:11"].startswith("its id is also at an earlier line")
    assert by_line[f"{path}:12"].startswith("field 'instruction_en' is missing")
    assert by_line[f"{path}:13"].startswith("not JSON")


@pytest.mark.slow
def test_a_second_run_asks_nothing_but_what_failed(tmp_path):
    path = write_questions(tmp_path / "en.jsonl", [f"text {n}" for n in range(20)] + ["bad"])
    with chat_server(lambda text, before: say("") if text == "bad" and before < 3 else translated(text)) as server:
        _, _, (aside,) = run(server, path)
        assert aside["row"]["instruction"] == "bad" and server.asked["bad"] == 3
        done, out, aside = run(server, path)
        assert len(out) == 21 and not aside and (done.texts, done.known) == (1, 20)
        assert sum(server.asked.values()) == 24
        run(server, path, prompt="Translate: {text}")
        assert sum(server.asked.values()) == 24 + 21


@pytest.mark.slow
def test_at_most_so_many_questions_wait_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "secret-of-mine")
    path = write_questions(tmp_path / "en.jsonl", [f"text {n}" for n in range(30)])
    with chat_server(lambda text, _: Reply(translated(text).body, wait=0.05)) as server:
        run(server, path, concurrency=3)
        assert 2 <= server.most_together <= 3
        assert {request["authorization"] for request in server.requests} == {"Bearer secret-of-mine"}
    assert not [p for p in tmp_path.iterdir() if b"secret-of-mine" in p.read_bytes()]


@pytest.mark.processes
def test_a_killed_run_goes_on_where_it_was(tmp_path):
    path = write_questions(tmp_path / "en.jsonl", [f"text {n}" for n in range(40)])
    with chat_server(lambda text, _: Reply(translated(text).body, wait=0.1)) as server:
        line = ["data", "translate", str(path), "--lang", "zh", "--endpoint", server.url, "--endpoint_model", "m"]
        line += ["--output", str(tmp_path / "out.jsonl"), "--prompt", "{text}", "--concurrency", "2"]
        process = Forked(command, *line, environment={"OPENAI_API_KEY": "none"})
        start = time.monotonic()
        while server.answered < 15 and time.monotonic() - start < 200 and process.runs():
            time.sleep(0.02)
        process.send(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL, process.errors()
        assert server.answered < 40 and not (tmp_path / "out.jsonl").exists()
        time.sleep(0.3)
        main(line)
    assert [row["instruction"] for row in read_lines(tmp_path / "out.jsonl")] == [f"译文：text {n}" for n in range(40)]
    assert max(server.asked.values()) <= 2
    twice = sum(n == 2 for n in server.asked.values())
    assert twice <= 4, "more than what was in flight was asked again"


@pytest.mark.slow
def test_an_endpoint_that_is_gone_ends_the_run_and_what_is_done_is_kept(tmp_path):
    path = write_questions(tmp_path / "en.jsonl", [f"text {n:02}" for n in range(60)])
    gone = Reply(b"", 503)
    with chat_server(lambda text, _: translated(text) if text < "text 20" else gone) as server:
        with pytest.raises(ValueError, match=r"unreachable: .*503.*run the same command again to resume"):
            run(server, path, concurrency=4, http_retries=0)
        assert not (tmp_path / "out.jsonl").exists()
        server.behave = translated
        done, out, _ = run(server, path, concurrency=4, http_retries=0)
        assert done.known == 20 and len(out) == 60
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = ChatServer(translated, url=f"http://127.0.0.1:{free.getsockname()[1]}/v1")
        with pytest.raises(ValueError, match="unreachable: APIConnectionError"):
            run(nobody, write_questions(tmp_path / "few.jsonl", ["one"]), http_retries=0)


@pytest.mark.slow
@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_wrong_key_or_model_ends_the_run_at_once(tmp_path, status):
    path = write_questions(tmp_path / "en.jsonl", [f"text {n}" for n in range(30)])
    with chat_server(lambda *_: Reply(b'{"error": {"message": "no"}}', status)) as server:
        with pytest.raises(ValueError, match=f"Error code: {status}.*check the address, endpoint_model and the key"):
            run(server, path, concurrency=2)
        assert sum(server.asked.values()) < 10


def heeding(*line: str) -> None:
    """The command, which heeds Ctrl-C whatever the process that started it does."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    command(*line)


def start(server: ChatServer, path: Path, *options: str) -> Forked:
    line = ["data", "translate", str(path), "--lang", "zh", "--endpoint", server.url, "--endpoint_model", "m"]
    line += ["--output", str(path.parent / "out.jsonl"), "--prompt", "{text}", *options]
    return Forked(heeding, *line)


HANGING = Reply(b"", wait=60.0)
SOON = 30.0
"""Seconds, on a busy machine, in which a process ends that waits for nothing; a question would hang for a minute."""


@pytest.mark.processes
@pytest.mark.parametrize("how", ["interrupted", "refused"])
def test_what_hangs_is_not_waited_for_when_the_run_ends(tmp_path, how):
    path = write_questions(tmp_path / "en.jsonl", [f"text {n}" for n in range(9)])
    held = threading.Event()

    def behave(text: str, before: int) -> Reply:
        if how == "refused" and text == "text 3":
            held.wait(120)
            return Reply(b'{"error": {"message": "no"}}', 401)
        return HANGING

    with chat_server(behave) as server:
        process = start(server, path, "--concurrency", "4", "--check", "false")
        begin = time.monotonic()
        while len(server.requests) < 4 and time.monotonic() - begin < 200 and process.runs():
            time.sleep(0.02)
        begin = time.monotonic()
        held.set()
        if how == "interrupted":
            process.send(signal.SIGINT)
        status = process.wait(60)
        assert time.monotonic() - begin < SOON
    last = process.errors().strip().splitlines()[-1]
    assert (status, last.split(":")[2].split(";")[0]) == (
        (130, " interrupted") if how == "interrupted" else (2, " endpoint http")
    )


@pytest.mark.slow
def test_a_run_that_was_ended_asks_nothing_more(tmp_path):
    path = write_questions(tmp_path / "en.jsonl", [f"text {n}" for n in range(9)])
    no, busy = Reply(b'{"error": {"message": "no"}}', 401), Reply(b"", 503)
    with chat_server(lambda text, _: no if text == "text 0" else busy) as server:
        with pytest.raises(ValueError, match="Error code: 401"):
            run(server, path, concurrency=3, http_retries=9)
        time.sleep(0.5)
        asked = sum(server.asked.values())
        time.sleep(2.0)
        assert sum(server.asked.values()) == asked


@pytest.mark.slow
def test_requests_leave_no_lines_on_standard_error(tmp_path, capsys, caplog):
    caplog.set_level(logging.INFO)
    path = write_questions(tmp_path / "en.jsonl", ["one", "two"])
    with chat_server(lambda text, before: translated(text) if before else Reply(b"", 503)) as server:
        main(["data", "translate", str(path), "--lang", "zh", "--endpoint", server.url, "--endpoint_model", "m",
              "--output", str(tmp_path / "out.jsonl"), "--prompt", "{text}", "--check", "false"])  # fmt: skip
    assert len(read_lines(tmp_path / "out.jsonl")) == 2 and sum(server.asked.values()) == 4
    assert not [record for record in caplog.records if not record.name.startswith("deepsuper")]


def test_a_row_goes_aside_whole(tmp_path):
    path = tmp_path / "en.jsonl"
    lines = ['{"id": 1, "output": "' + "long " * 2000 + '", broken', "word " * 3000]
    path.write_text("\n".join(lines))
    with chat_server(translated) as server:
        _, _, aside = run(server, path)
    assert [row["row"] for row in aside] == [lines[0] + "\n", lines[1]]


def test_only_what_was_translated_is_counted(tmp_path, capsys):
    path = write_questions(tmp_path / "en.jsonl", [f"text {n}" for n in range(4)])
    with chat_server(lambda text, _: say("") if text != "text 1" else translated(text)) as server:
        done, _, _ = run(server, path, retries=1)
    assert (done.texts, done.rows_out, done.rows_aside) == (1, 1, 3)
    assert json.loads((tmp_path / "out.manifest.json").read_text())["texts_translated"] == 1
    assert "1 texts translated now, 0 already known" in capsys.readouterr().out


@pytest.mark.parametrize("lacking", [0, 1])
def test_rows_that_lack_nothing_are_told_of(tmp_path, caplog, lacking):
    path = write_questions(tmp_path / "rows.jsonl", ["好"] * 3, instruction_en="Good", output_en="42")
    with path.open("a") as file:
        file.write('{"id": "x", "instruction_en": "Who?", "output": "42", "output_en": "42"}\n' * lacking)
    with chat_server(translated) as server:
        done, out, _ = run(server, path)
    assert len(out) == 3 + lacking and done.whole == 3
    told = f"{path}: nothing was missing: all rows had the zh side already"
    assert any(told in record.getMessage() for record in caplog.records) == (not lacking)


def test_english_can_be_made_from_the_target_side(tmp_path):
    rows = [
        {"id": 1, "instruction": "法国的首都是哪里？", "output": "巴黎"},
        {"id": 2, "instruction": "好吗？", "output": "好", "output_en": "Yes"},
    ]
    path = tmp_path / "zh.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    answers = {"法国的首都是哪里？": "What is the capital of France?", "巴黎": "Paris", "好吗？": "好吗？"}
    with chat_server(lambda text, _: say(answers[text])) as server:
        _, (row,), (aside,) = run(server, path, to="english")
    assert row["instruction_en"] == "What is the capital of France?" and row["output_en"] == "Paris"
    assert row["instruction"] == "法国的首都是哪里？" and row["input_en"] == ""
    assert aside["reason"].startswith("instruction_en: untranslated") and "好" not in server.asked
