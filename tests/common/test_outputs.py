"""Where commands write: a bad place, or a file that would be lost, is one line before the work, no traceback."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from deepsuper.common.outputs import check_file, check_folder, check_not_read, check_own
from deepsuper.config import ObjectiveConfig
from deepsuper.training.run_folder import dump
from failing import fail
from parallel_rows import good_row
from runs import make_run


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with rows, a mix, a recipe and a file `full` that is no folder."""
    monkeypatch.chdir(tmp_path)
    rows = "".join(json.dumps(good_row(n), ensure_ascii=False) + "\n" for n in range(5))
    (tmp_path / "pairs.jsonl").write_text(rows, "utf-8")
    (tmp_path / "mix.yaml").write_text("sources: [{language: zh, path: pairs.jsonl}]\n")
    (tmp_path / "full").write_text("precious")
    return tmp_path


TRANSLATE = ["data", "translate", "pairs.jsonl", "--lang", "zh", "--endpoint", "http://127.0.0.1:9/v1"]
TRANSLATE += ["--endpoint_model", "m"]
FOLDERS = {
    "check": ["data", "check", "pairs.jsonl"],
    "mix": ["data", "mix", "mix.yaml"],
    "eval": ["eval", "MODEL"],
    "train": ["train", "RECIPE"],
    "layers": ["layers", "MODEL"],
    "align": ["align", "MODEL"],
    "demo": ["demo"],
}
FILES = {
    "join": ["data", "join", "--en", "pairs.jsonl", "--tgt", "pairs.jsonl", "--lang", "zh"],
    "translate": TRANSLATE,
    "sdrrl": ["data", "sdrrl", "SDRRL"],
}
BAD = {
    "full": "is a file: name a folder",
    "full/deep/out": "full is no folder: choose another place",
    "/proc/x/y": "nothing can be written in /proc",
    "x" * 300: "nothing can be written in",
}


def spelled(line: list[str], folder: Path) -> list[str]:
    run = make_run(folder)
    (folder / "train.yaml").write_text(dump(run))
    (folder / "sdrrl.yaml").write_text(dump(replace(run, objective=ObjectiveConfig(method="sdrrl"))))
    names = {"MODEL": run.model.name, "RECIPE": "train.yaml", "SDRRL": "sdrrl.yaml"}
    return [names.get(word, word) for word in line]


@pytest.fixture
def no_work(monkeypatch):
    """What must not begin before the place is known to be good."""
    for name in ("data.check.run.check_file", "data.mix.run.scan", "evaluation.run.plan", "training.run.prepare"):
        monkeypatch.setattr(f"deepsuper.{name}", None)
    for name in ("data.join.run.read_side", "data.translate.run.make_translator", "data.sdrrl.run.synthesise"):
        monkeypatch.setattr(f"deepsuper.{name}", None)
    for name in ("inside.layers.run.read_texts", "inside.align.run.load_texts", "demo.run.ask"):
        monkeypatch.setattr(f"deepsuper.{name}", None)
    monkeypatch.setattr("deepsuper.models.merge.load_merged", None)


@pytest.mark.slow
@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("command", FOLDERS)
def test_a_bad_folder_ends_in_one_line_before_the_work(place, no_work, capsys, command, bad):
    said = fail(capsys, *spelled(FOLDERS[command], place), "--output_dir", bad)
    # eval writes a folder for each model.
    words = BAD[bad] if (command, bad) != ("eval", "full") else "full is no folder"
    assert said.startswith(f"deepsuper: error: output_dir {bad}") and words in said
    assert (place / "full").read_text() == "precious"


@pytest.mark.parametrize("bad", ["full/deep/out.jsonl", "/proc/x/y.jsonl", "x" * 300 + ".jsonl", "folder.jsonl", "."])
@pytest.mark.parametrize("command", FILES)
def test_a_bad_file_ends_in_one_line_before_the_work(place, no_work, capsys, command, bad):
    (place / "folder.jsonl").mkdir()
    said = fail(capsys, *spelled(FILES[command], place), "--output", bad)
    assert said.startswith("deepsuper: error: output") and bad.partition(".")[0] in said
    assert (place / "full").read_text() == "precious"


@pytest.mark.parametrize(
    ("line", "option"),
    [
        (["lens", "MODEL", "text", "--html"], "html"),
        (["compare", "full", "--output"], "output"),
        (["compare", "full", "--picture"], "picture"),
        (["data", "convert", "xcopa", "full", "--data_dir"], "data_dir"),
        (["merge", "adapter"], "output"),
    ],
)
def test_a_bad_place_of_any_other_command_is_told_too(place, no_work, capsys, line, option):
    (place / "adapter").mkdir()
    (place / "adapter" / "adapter_config.json").write_text("{}")
    assert fail(capsys, *spelled(line, place), "full/deep/out.png").startswith(
        f"deepsuper: error: {option} full/deep/out.png"
    )


def test_a_bad_place_of_the_cache_or_the_report_of_a_translation_is_found_before_the_work(place, no_work, capsys):
    line = [*TRANSLATE, "--output", "out.jsonl"]
    assert "error: cache full/c: full is no folder" in fail(capsys, *line, "--cache", "full/c")
    (place / "out.check").write_text("precious")
    assert "error: output out.check: is a file: name a folder" in fail(capsys, *line)


def test_a_good_place_is_left_as_it_was(tmp_path):
    check_folder("output_dir", tmp_path / "a" / "b")
    check_file("output", tmp_path / "a" / "b.jsonl")
    check_folder("output_dir", tmp_path)
    assert not list(tmp_path.iterdir())
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="link is no folder"):
        check_folder("output_dir", tmp_path / "link")


def test_a_file_that_is_read_is_known_by_any_of_its_names(tmp_path):
    (tmp_path / "rows.jsonl").write_text("{}")
    (tmp_path / "link.jsonl").symlink_to(tmp_path / "rows.jsonl")
    read = [tmp_path / "rows.jsonl"]
    check_not_read("output", [tmp_path / "out.jsonl"], read)
    for name in ("rows.jsonl", "link.jsonl", "deep/../rows.jsonl"):
        with pytest.raises(ValueError, match="would overwrite a file that is read: choose another output"):
            check_not_read("output", [tmp_path / name], read)
    with pytest.raises(ValueError, match=r"rows\.jsonl\.partial: would overwrite"):
        check_not_read("output", [tmp_path / "rows.jsonl"], [tmp_path / "rows.jsonl.partial"])


def test_only_a_command_s_own_files_are_written_over(tmp_path):
    rows, manifest = tmp_path / "rows.jsonl", tmp_path / "rows.manifest.json"
    check_own("output", [rows], manifest, "pairs", "join")
    rows.write_text("{}")
    for text in (None, "{}", "[", '["pairs"]', '{"texts_translated": 1}'):
        if text is not None:
            manifest.write_text(text)
        with pytest.raises(ValueError, match=r"rows\.jsonl: exists and was not written by join: choose another name"):
            check_own("output", [rows], manifest, "pairs", "join")
    manifest.write_text('{"pairs": {}}')
    check_own("output", [rows], manifest, "pairs", "join")
