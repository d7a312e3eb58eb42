"""What a user did wrong ends in one line and exit status 2; a bug keeps its traceback and ends with exit status 1."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from deepsuper.cli import main
from deepsuper.common.errors import UserError
from failing import fail

SOURCE = Path(__file__).parents[2] / "src" / "deepsuper"
INTERNAL = {
    ("__init__.py", "AttributeError"): "Python asks a module for names it may not have",
    ("common/lines.py", "json.JSONDecodeError"): "the caller adds the file and raises UserError",
    ("config/objective.py", "ValueError"): "the parser checks the choices before; this is for callers in Python",
    ("evaluation/measures.py", "metric"): "an OSError that was caught before: the caller adds the remedy",
    ("evaluation/plan.py", "Absent"): "the caller collects the missing files and raises UserError for all of them",
    ("data/translate/endpoint.py", "answer"): "the error of another thread, raised again in this one",
}
"""(file, what is raised) of each exception that is not a user's mistake, and the reason."""


@cache
def trees() -> dict[str, ast.Module]:
    return {str(f.relative_to(SOURCE)): ast.parse(f.read_text(encoding="utf-8")) for f in SOURCE.rglob("*.py")}


def nodes(kind: type[ast.AST]) -> Iterator[tuple[str, ast.AST]]:
    return ((name, node) for name, tree in trees().items() for node in ast.walk(tree) if isinstance(node, kind))


@cache
def user_errors() -> dict[str, str]:
    """Class -> file: UserError and all classes that are made from it."""
    found, size = {"UserError": "common/errors.py"}, 0
    while size < len(found):
        size = len(found)
        for file, node in nodes(ast.ClassDef):
            if any(ast.unparse(base) in found for base in node.bases):
                found[node.name] = file
    return found


def raises() -> list[tuple[str, int, str]]:
    """File, line and what is raised there, of every `raise` that does not only pass on what was caught."""
    return [
        (file, node.lineno, ast.unparse(node.exc.func if isinstance(node.exc, ast.Call) else node.exc))
        for file, node in nodes(ast.Raise)
        if node.exc is not None
    ]


def test_every_raise_is_a_users_mistake_or_has_a_reason():
    made_by = {
        node.name for _, node in nodes(ast.FunctionDef) if node.returns and ast.unparse(node.returns) in user_errors()
    }
    table = raises()
    others = {(file, name): line for file, line, name in table if name not in {*user_errors(), *made_by}}
    assert len(table) > 200
    unknown = {f"{file}:{line}: {name}" for (file, name), line in others.items() if (file, name) not in INTERNAL}
    assert not unknown, f"raise UserError where a user can cause it, else name the reason in INTERNAL: {unknown}"
    assert set(others) == set(INTERNAL), "a reason whose exception is gone"


@pytest.mark.parametrize("name", sorted(user_errors()))
def test_every_kind_of_mistake_ends_in_one_line(name, capsys, monkeypatch):
    module = "deepsuper." + user_errors()[name].removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    kind = getattr(importlib.import_module(module), name)
    assert issubclass(kind, UserError) and issubclass(kind, ValueError)

    def mistaken() -> str:
        raise kind.__new__(kind, "first line\n  second line")

    monkeypatch.setattr("deepsuper.evaluation.local.layout", mistaken)
    with pytest.raises(SystemExit) as stopped:
        main(["data", "layout"])
    assert stopped.value.code == (1 if name in ("Diverged", "StudyFailed") else 2)
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("kind", [ValueError, RuntimeError, IndexError, KeyError, TypeError, OSError])
def test_a_bug_is_no_mistake(kind, monkeypatch):
    def broken() -> str:
        raise kind("a bug")

    monkeypatch.setattr("deepsuper.evaluation.local.layout", broken)
    with pytest.raises(kind, match="a bug"):
        main(["data", "layout"])


def test_a_bug_ends_with_its_traceback_and_exit_status_1():
    code = (
        "import deepsuper.evaluation.local as local\n"
        "from deepsuper.cli import main\n"
        "def broken(): raise ValueError('a bug')\n"
        "local.layout = broken\n"
        "main(['data', 'layout'])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Traceback" in done.stderr and done.stderr.splitlines()[-1] == "ValueError: a bug"


LINES = [
    ("trian recipe.yaml", "command: need one of train, show", "got trian: did you mean train?"),
    ("data chek rows.jsonl", "command: need one of check, join", "got chek: did you mean check?"),
    ("demo --lang fr", "lang: need one of zh, vi, ar, got fr"),
    ("data convert mlqaa x --data_dir y", "benchmark: need one of xquad", "got mlqaa: did you mean mlqa?"),
    ("layers m --lagn zh", "unrecognized arguments: --lagn zh: did you mean --lang? (see deepsuper layers --help)"),
    ("show RECIPE --training.max_step 3", "unrecognized arguments", "did you mean --training.max_steps?"),
    ("show RECIPE --training.max-step=3", "unrecognized arguments", "did you mean --training.max_steps?"),
    ("show RECIPE --objective.method dft-logit", "objective.method: need one of", "did you mean dft-logits?"),
    ("show RECIPE --objective.similarity centered", "objective.similarity 'centered': write objective.center: running"),
    ("show RECIPE --data.train.pth x", "data.train: there is no option 'pth': did you mean path?"),
    ("compare --format textt a", "format: need one of text, md", "got textt: did you mean text?"),
    ("compare a=.,nowhere", "runs a=.,nowhere: nowhere: no such folder", "a folder for each seed"),
    ("compare a=.,", "runs a=.,: no folder beside a comma: need NAME=FOLDER,FOLDER"),
    ("show nowhere.yaml", "config: File does not exist"),
    ("lens model", "the following arguments are required: lens.text (see deepsuper lens --help)"),
]


@pytest.mark.parametrize(("line", "words"), [(line, words) for line, *words in LINES], ids=[line for line, *_ in LINES])
def test_a_command_line_that_cannot_be_read(capsys, line, words):
    recipe = str(SOURCE.parents[1] / "recipes" / "llama-2-7b.zh.dft-feature.yaml")
    said = fail(capsys, *(recipe if word == "RECIPE" else word for word in line.split()))
    assert all(each in said for each in words), said


RECIPES = [
    (b"training: {max_step: 3}", "there is no option training.max_step: did you mean training.max_steps?"),
    (b"objective: {similarity: centered}", "objective.similarity 'centered': write objective.center: running"),
    (b"trainin: {max_steps: 3}", "there is no option trainin.max_steps: did you mean training.max_steps?"),
    (b"data: {train: [{language: zh, pth: x}]}", "data.train: there is no option 'pth': did you mean path?"),
    (b"model:\n  name: [", "bad.yaml:2: is not YAML: "),
    (b"output_dir: \xff", "bad.yaml: byte 0xff at position 12 is not UTF-8"),
    (b"output_dir: a\0", "bad.yaml: is not YAML: "),
    (b"- 1", "bad.yaml: need options by name, such as"),
    (b"", "bad.yaml: need options by name, such as"),
]


@pytest.mark.parametrize(("text", "words"), RECIPES)
def test_a_recipe_that_cannot_be_read(capsys, tmp_path, text, words):
    (tmp_path / "bad.yaml").write_bytes(text)
    assert words in fail(capsys, "show", str(tmp_path / "bad.yaml"))
    assert words in fail(capsys, "show", f"--config={tmp_path / 'bad.yaml'}")
