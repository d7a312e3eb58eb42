"""The eleven rooms of docs/architecture.md: a room imports only from lower ones, and no two files import each other."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import structure

SOURCE = Path(__file__).parents[1] / "src" / "deepsuper"
LEVELS = {
    "common": 0,
    "config": 0,
    "models": 1,
    "method": 2,
    "evaluation": 2,
    "data": 3,
    "inside": 4,
    "training": 5,
    "demo": 6,
    "study": 6,
    "cli": 7,
}
HEAVY = {"transformers", "accelerate", "peft", "datasets", "matplotlib", "trl", "gguf", "lm_eval"}
"""In the rooms up to level 2 no file imports these while it is loaded, so that `torch` is the only large library there.
The evaluation's engine builds on transformers and the harness; it is loaded together with a model."""
BUILDS_ON_THEM = "deepsuper.evaluation.engine."


TREE = structure.Tree(SOURCE)


def heavy_imports(tree: ast.Module) -> set[str]:
    """The large libraries that a file imports while it is loaded."""
    names = {node.module for node in tree.body if isinstance(node, ast.ImportFrom) and node.module}
    names |= {alias.name for node in tree.body if isinstance(node, ast.Import) for alias in node.names}
    return {name.split(".")[0] for name in names} & HEAVY


def room(module: str) -> str:
    return module.split(".")[1]


def test_a_room_imports_only_from_lower_ones():
    assert set(TREE.rooms) == set(LEVELS)
    for name, imported in TREE.imports.items():
        for other in imported - {"deepsuper"} if name not in ("deepsuper", "deepsuper.__main__") else ():
            assert room(other) == room(name) or LEVELS[room(other)] < LEVELS[room(name)], f"{name} imports {other}"


def test_no_circle_of_files():
    assert structure.circles(TREE.imports) == []


def test_up_to_level_two_torch_is_the_only_heavy_import():
    for name, tree in TREE.files.items():
        if "." in name and LEVELS.get(room(name), 9) <= 2 and not name.startswith(BUILDS_ON_THEM):
            assert not heavy_imports(tree), f"{name}: {heavy_imports(tree)}"


def test_each_package_has_a_front_door():
    for folder in {file.parent for file in SOURCE.rglob("*.py")}:
        text = ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8")))
        assert text, f"{folder}: no docstring"
        if folder.parent == SOURCE:
            assert "It stands on" in text and "first" in text, f"{folder}: what it stands on, and what to read first"


@pytest.mark.slow
def test_the_contents_page_and_the_command_line_load_without_torch():
    code = "import sys, deepsuper, deepsuper.cli; deepsuper.cli.make_parser(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
    import deepsuper

    assert all(hasattr(deepsuper, name) for name in deepsuper.__all__)
    assert set(deepsuper.__all__) <= set(dir(deepsuper))
    assert set(re.findall(r"`(\w+)`", deepsuper.__doc__)) <= set(deepsuper.__all__)


def test_files_and_functions_stay_readable():
    for file in SOURCE.rglob("*.py"):
        assert len(file.read_text(encoding="utf-8").splitlines()) <= 300, file.name
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                assert node.end_lineno - node.lineno < 50, f"{file.name}: {node.name}"


def test_no_two_classes_share_a_name():
    """Classes, and the names of types such as `Bad = Callable[...]`: one word has one meaning in the whole project."""
    assert TREE.shared_names() == {}
