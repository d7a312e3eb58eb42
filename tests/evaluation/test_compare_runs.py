"""The command, and what it says of folders and options that it cannot use."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from deepsuper.config import CompareConfig
from deepsuper.evaluation.compare.report import FORMATS
from deepsuper.evaluation.compare.run import groups_of, run_compare
from deepsuper.evaluation.compare.runs import find_runs
from result_folders import made_up, numbered, write_run

# The command


@pytest.mark.slow
def test_the_command_writes_what_it_says_and_a_picture(tmp_path, capsys):
    folders = [str(write_run(tmp_path / f"m{n}", made_up(n), model=f"x/m{n}")) for n in range(2)]
    config = CompareConfig(
        (f"$a_|名字={folders[0]}", f"_b={folders[1]}"), picture=str(tmp_path / "new" / "p.png"), resamples=200
    )
    comparison = run_compare(config)
    said = capsys.readouterr().out
    assert (
        "by Holm" in said
        and "McNemar's exact test for xnli" in said
        and "200 resamples can find nothing among 14 bootstrap tests" in said
    )
    assert (tmp_path / "new" / "p.png").read_bytes().startswith(b"\x89PNG")
    for name in FORMATS:
        path = tmp_path / "out" / f"table.{name}"
        run_compare(replace(config, format=name, output=str(path), picture=None))
        assert path.read_text(encoding="utf-8") == FORMATS[name](comparison)
    assert capsys.readouterr().out == ""


def test_a_parent_folder_holds_many_runs_and_names_tell_them_apart(tmp_path):
    scores = {"xnli/zh": ("acc", numbered("acc", [1, 0, 1]))}
    for place, profile in (("a/b/one", "paper"), ("a/two", "corrected"), ("c/three", "paper")):
        write_run(tmp_path / place, scores, model="org/base", profile=profile)
    write_run(tmp_path / "c" / "four", scores, model="other/")
    names = [run.name for run in find_runs([str(tmp_path)])]
    three, one = (f"base (paper) ({(tmp_path / p).as_posix()})" for p in ("c/three", "a/b/one"))
    assert sorted(names) == sorted(["base (corrected)", three, one, "other"])
    assert [run.name for run in find_runs([f"mine={tmp_path / 'c'}"])] == ["mine/other", "mine/base"]
    assert (
        groups_of(find_runs([str(tmp_path / "c" / "four"), str(tmp_path / "a")]), f"{tmp_path}/c/four/")[0][0].name
        == "other"
    )


def test_a_name_is_that_of_a_model_in_several_profiles_and_each_is_a_baseline(tmp_path):
    scores = {"xnli/zh": ("acc", numbered("acc", [1, 0, 1]))}
    for place in ("x", "y"):
        for profile in ("paper", "corrected"):
            write_run(tmp_path / place / profile, scores, model=f"org/{place}", profile=profile)
    runs = find_runs([f"tft={tmp_path / 'x'}", f"dft={tmp_path / 'y'}"])
    assert {run.name for run in runs} == {f"{n} ({p})" for n in ("tft", "dft") for p in ("paper", "corrected")}
    groups = {base.name: {run.name for run in own} for base, own in groups_of(runs, "tft")}
    assert groups == {f"tft ({p})": {f"tft ({p})", f"dft ({p})"} for p in ("paper", "corrected")}


def test_names_and_folders_may_hold_equals_signs(tmp_path):
    folder = good(tmp_path).rename(tmp_path / "lr=1e-4")
    assert [find_runs([f"{name}{folder}"])[0].name for name in ("", "lr=2=")] == ["base", "lr=2"]
    with pytest.raises(ValueError, match=r"^lr=/nowhere: no such folder"):
        find_runs(["lr=/nowhere"])


def good(tmp_path: Path) -> Path:
    return write_run(tmp_path / "run", {"xnli/zh": ("acc", numbered("acc", [1, 0, 1]))})


def edit(path: Path, old: str, new: str) -> None:
    path.write_text(path.read_text().replace(old, new))


ITEMS = "items/xnli.zh.jsonl"
NO_SCORE = '{"asked": {"model": {"name": "a"}, "profile": "paper"}, "scores": {}}'
BROKEN = {
    "no such folder": lambda run: run.rename(run.with_name("gone")),
    "holds no results.json": lambda run: (run / "results.json").unlink(),
    "results.json: is no result of": lambda run: (run / "results.json").write_text("{"),
    "has no 'scores'": lambda run: edit(run / "results.json", '"scores"', '"other"'),
    "unknown metric 'bad'": lambda run: edit(run / "results.json", '"metric": "acc"', '"metric": "bad"'),
    "holds no score": lambda run: (run / "results.json").write_text(NO_SCORE),
    "has no 'profile'": lambda run: edit(run / "results.json", '"profile"', '"other"'),
    "has no 'asks'": lambda run: edit(run / "results.json", '"asks"', '"other"'),
    "has no 'limit'": lambda run: edit(run / "results.json", '"limit"', '"other"'),
    "has a score of xnli/zh": lambda run: (run / ITEMS).unlink(),
    r"xnli.zh.jsonl:2: is no JSON": lambda run: edit(run / ITEMS, '{"id": "q1"', '{"id" "q1"'),
    r"xnli.zh.jsonl:3: need an item with an id": lambda run: edit(run / ITEMS, '"q2"', "null"),
    r"xnli.zh.jsonl:3: a second item with id 'q0'": lambda run: edit(run / ITEMS, '"q2"', '"q0"'),
    r"xnli.zh.jsonl:1: lacks what acc is made of": lambda run: edit(run / ITEMS, '"acc"', '"f1"'),
    "the items give acc 0.333333": lambda run: edit(run / ITEMS, '"q2", "acc": 1.0', '"q2", "acc": 0.0'),
    "has 2 items, but the score is of 3": lambda run: edit(run / ITEMS, '{"id": "q2", "acc": 1.0}\n', ""),
    "is not UTF-8": lambda run: (run / ITEMS).write_bytes(b'{"id": "\xff"}\n'),
    "control characters": lambda run: edit(run / "results.json", '"name": "base"', '"name": "ba\\nse"'),
}  # fmt: skip


@pytest.mark.parametrize("message", BROKEN)
def test_a_broken_folder_is_named(tmp_path, message):
    run = good(tmp_path)
    BROKEN[message](run)
    with pytest.raises(ValueError, match=message) as error:
        run_compare(CompareConfig((str(run),)))
    assert str(run) in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [({"runs": ()}, "runs: need at least one"), ({"format": "pdf"}, "format: need one of text, md"),
     ({"baseline": "nobody"}, "baseline: need one of base, got 'nobody'"), ({"paper": "gpt"}, "paper: need one of"),
     ({"correction": "tukey"}, "correction: need one of holm"), ({"resamples": 5}, "resamples: need 100"),
     ({"picture": "a.jpg"}, "picture: need a file that ends"), ({"picture": "a.png"}, "nothing to draw"),
     ({"output": "."}, "is a folder"), ({"seed": -1}, "seed")],
)  # fmt: skip
def test_a_bad_option_is_named(tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        run_compare(replace(CompareConfig((str(good(tmp_path)),), resamples=100), **change))


def test_one_folder_twice_needs_names(tmp_path):
    run = good(tmp_path)
    with pytest.raises(ValueError, match=r"two are called .*NAME=FOLDER"):
        run_compare(CompareConfig((str(run), str(run))))
