"""The levels of the design: a module imports only from lower ones; below level 3 torch is the only heavy import."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "src" / "deepsuper"
LEVELS = {
    "parallel": 0,
    "config": 0,
    "intervals": 0,
    "cross_entropy": 0,
    "drops": 0,
    "files": 0,
    "figures": 1,
    "carried": 0,
    "languages": 0,
    "lines": 0,
    "manifests": 0,
    "outputs": 1,
    "pages": 0,
    "vocabulary": 0,
    "precision": 1,
    "entropy": 1,
    "similarity": 1,
    "corpora": 1,
    "means": 1,
    "lens": 2,
    "objective": 2,
    "collate": 3,
    "templates": 3,
    "texts": 2,
    "words": 2,
    "sets": 3,
    "tied": 3,
    "tree": 3,
    "states": 3,
    "run_folder": 2,
    "libraries": 2,
    "methods": 3,
    "model_card": 3,
    "supervised": 4,
    "checks": 4,
    "training_arguments": 4,
    "models": 4,
    "generation": 4,
    "trainer": 5,
    "evaluation": 5,
    "layers": 5,
    "pairing": 5,
    "logit_lens": 5,
    "align": 5,
    "sdrrl": 5,
    "mixing": 5,
    "translation": 5,
    "training": 6,
    "compare": 6,
    "doctor": 6,
    "demo": 7,
    "cli": 8,
}
HEAVY = {"transformers", "accelerate", "peft", "datasets", "matplotlib", "trl", "gguf"}


def imports_of(file: Path, *, top_level: bool) -> set[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    nodes = tree.body if top_level else list(ast.walk(tree))
    names = set()
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names


def room(file: Path) -> str:
    return file.relative_to(SOURCE).parts[0].removesuffix(".py")


def test_a_module_imports_only_from_lower_levels():
    files = [f for f in SOURCE.rglob("*.py") if room(f) not in ("__init__", "__main__")]
    assert {room(f) for f in files} == set(LEVELS)
    for file in files:
        for name in imports_of(file, top_level=False):
            parts = name.split(".")
            if parts[0] == "deepsuper" and parts[1] != room(file):
                assert LEVELS[parts[1]] < LEVELS[room(file)], f"{file.name} imports {name}"


def test_below_level_three_torch_is_the_only_heavy_import():
    for file in SOURCE.glob("*.py"):
        if LEVELS.get(room(file), 9) < 3:
            assert not {n.split(".")[0] for n in imports_of(file, top_level=True)} & HEAVY, file.name


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
