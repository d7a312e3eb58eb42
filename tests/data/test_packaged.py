"""Packaged rows: split by article, and read by name wherever a file of rows is read."""

from __future__ import annotations

import gzip
import json

import pytest

from deepsuper.cli import main
from deepsuper.common.errors import UserError
from deepsuper.config.translate import TranslateConfig
from deepsuper.data.packaged import packaged_names, rows_path
from deepsuper.data.translate.check import Files
from failing import fail
from make_packaged_rows import make_xquad, sentence_with
from parallel_rows import read_lines
from shared import SHARED, needs_shared

LANGUAGES = ("zh", "vi", "ar")
HELD_OUT = "packaged:xquad.zh.held_out"


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_article_is_in_both_parts(language):
    titles = {}
    for part in ("train", "held_out"):
        file = rows_path(f"packaged:xquad.{language}.{part}", "path")
        lines = gzip.decompress(file.read_bytes()).decode("utf-8").splitlines()
        titles[part] = {json.loads(line)["title"] for line in lines}
        assert len(lines) == {"train": 992, "held_out": 198}[part]
    assert len(titles["train"]) == 40 and len(titles["held_out"]) == 8
    assert not titles["train"] & titles["held_out"]


@needs_shared
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_packaged_rows_are_made_by_the_script_of_the_docs(language, tmp_path):
    make_xquad(SHARED / "data" / "parallel" / f"xquad_qa.{language}.jsonl.gz", language, tmp_path)
    for part in ("train", "held_out"):
        file = rows_path(f"packaged:xquad.{language}.{part}", "path")
        assert gzip.decompress((tmp_path / file.name).read_bytes()) == gzip.decompress(file.read_bytes())


def test_the_context_is_cut_to_what_holds_the_answer():
    assert sentence_with("b", "First a. Then b here. Last b.") == "Then b here."
    assert sentence_with("二", "一。二在这里。三。") == "二在这里。"
    assert sentence_with("a. Then", "First a. Then b here. Last.") == "First a. Then b here."
    assert sentence_with("zzz", "First a. Then b.") == "First a. Then b."


def test_a_name_stands_for_the_file_and_every_other_path_for_itself():
    parts = ("held_out", "train")
    assert packaged_names() == [f"packaged:xquad.{code}.{part}" for code in sorted(LANGUAGES) for part in parts]
    assert rows_path(HELD_OUT, "path").is_file() and str(rows_path("xquad.zh.train", "path")) == "xquad.zh.train"
    for name in ("packaged:xquad.fr.train", "packaged:", "packaged:../packaged/xquad.zh.train"):
        with pytest.raises(UserError, match=r"path: need a file or one of packaged:xquad\.ar\.held_out, .*, got"):
            rows_path(name, "path")


@pytest.mark.slow
def test_every_data_command_reads_packaged_rows_by_name(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    main(["data", "join", "--en", HELD_OUT, "--tgt", HELD_OUT, "--lang", "zh", "--output", "joined.jsonl"])
    (tmp_path / "mix.yaml").write_text(f"sources: [{{language: zh, path: {HELD_OUT}}}]\noutput_dir: mix\n")
    main(["data", "mix", "mix.yaml"])
    main(["data", "check", HELD_OUT, "--lang", "zh", "--output_dir", "check"])
    capsys.readouterr()
    ids = {row["id"] for row in read_lines(tmp_path / "joined.jsonl")}
    assert len(ids) == 198 == len(read_lines(tmp_path / "mix" / "zh.jsonl"))
    assert f"path: {HELD_OUT}" in (tmp_path / "mix" / "mix.yaml").read_text()
    (checked,) = json.loads((tmp_path / "check" / "report.json").read_text())["files"]
    assert checked["rows"] == 198
    assert Files.of(TranslateConfig(HELD_OUT, "vi", "out.jsonl")).source == rows_path(HELD_OUT, "file")


@pytest.mark.parametrize(
    ("line", "option"),
    [
        (["check", "packaged:no"], "files"),
        (["join", "--en", "packaged:no", "--tgt", HELD_OUT, "--lang", "zh", "--output", "out.jsonl"], "en"),
        (["mix", "mix.yaml"], "sources[0].path"),
        (["translate", "packaged:no", "--lang", "zh", "--endpoint", "http://127.0.0.1:9/v1", "--endpoint_model", "m",
          "--output", "out.jsonl"], "file"),
    ],
)  # fmt: skip
def test_a_name_that_is_not_there_is_told_with_the_names_that_are(line, option, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mix.yaml").write_text("sources: [{language: zh, path: packaged:no}]\n")
    told = f"deepsuper: error: {option}: need a file or one of packaged:xquad.ar.held_out, "
    assert fail(capsys, "data", *line).startswith(told)
    assert {path.name for path in tmp_path.iterdir()} == {"mix.yaml"}
