"""The ten rooms of docs/architecture.md: a room imports only from lower ones, and no two files import each other."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

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
    "cli": 7,
}
HEAVY = {"transformers", "accelerate", "peft", "datasets", "matplotlib", "trl", "gguf", "lm_eval"}
"""In the rooms up to level 2 no file imports these while it is loaded, so that `torch` is the only large library there.
The evaluation's engine builds on transformers and the harness; it is loaded together with a model."""
BUILDS_ON_THEM = "deepsuper.evaluation.engine."


def module_of(file: Path) -> str:
    parts = ("deepsuper", *file.relative_to(SOURCE).with_suffix("").parts)
    return ".".join(parts).removesuffix(".__init__")


MODULES = {module_of(file): file for file in SOURCE.rglob("*.py")}


def imports_of(file: Path, *, top_level: bool) -> set[str]:
    """The modules that a file imports; of `from a import b`, a.b where that is a module of deepsuper."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    names = set()
    for node in tree.body if top_level else ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            within = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= (within & set(MODULES)) | ({node.module} if within - set(MODULES) else set())
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names


GRAPH = {name: (imports_of(file, top_level=False) & set(MODULES)) - {name} for name, file in MODULES.items()}


def room(module: str) -> str:
    return module.split(".")[1]


def test_a_room_imports_only_from_lower_ones():
    rooms = {name for name in MODULES if name not in ("deepsuper", "deepsuper.__main__")}
    assert {room(name) for name in rooms} == set(LEVELS)
    for name in rooms:
        for other in GRAPH[name] - {"deepsuper"}:
            assert room(other) == room(name) or LEVELS[room(other)] < LEVELS[room(name)], f"{name} imports {other}"


def test_no_circle_of_files():
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, f"a circle: {' -> '.join((*path[path.index(name) :], name))}"
        if name not in done:
            for other in sorted(GRAPH[name]):
                visit(other, (*path, name))
            done.add(name)

    for name in GRAPH:
        visit(name, ())


def test_up_to_level_two_torch_is_the_only_heavy_import():
    for name, file in MODULES.items():
        if "." in name and LEVELS.get(room(name), 9) <= 2 and not name.startswith(BUILDS_ON_THEM):
            heavy = {imported.split(".")[0] for imported in imports_of(file, top_level=True)} & HEAVY
            assert not heavy, f"{name}: {heavy}"


def test_each_package_has_a_front_door():
    for folder in {file.parent for file in MODULES.values()}:
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
    late = {name for names in deepsuper._LATE.values() for name in names}
    assert late <= set(deepsuper.__all__)


def test_files_and_functions_stay_readable():
    for file in SOURCE.rglob("*.py"):
        assert len(file.read_text(encoding="utf-8").splitlines()) <= 300, file.name
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                assert node.end_lineno - node.lineno < 50, f"{file.name}: {node.name}"


def test_no_two_classes_share_a_name():
    """Classes, and the names of types such as `Bad = Callable[...]`: one word has one meaning in the whole project."""
    places: dict[str, list[str]] = {}
    for name, file in MODULES.items():
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, []).append(name)
            elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Subscript | ast.Attribute | ast.BinOp):
                names = [target.id for target in node.targets if isinstance(target, ast.Name)]
                for alias in (one for one in names if one[0].isupper() and not one.isupper()):
                    places.setdefault(alias, []).append(name)
    shared = {name: modules for name, modules in places.items() if len(modules) > 1}
    assert not shared
