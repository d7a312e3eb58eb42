"""The objective of a recipe is known without a framework."""

from __future__ import annotations

import subprocess
import sys

import pytest

from deepsuper.training.run_folder import dump
from runs import make_run

CODE = """
import sys
from deepsuper.cli import main
main(["show", *sys.argv[1:]])
loaded = {"torch", "transformers", "peft", "datasets"} & set(sys.modules)
assert not loaded, loaded
"""


@pytest.mark.slow
@pytest.mark.parametrize("method", ["dft-logits", "sdrrl"])
def test_show_loads_neither_torch_nor_transformers(tmp_path, method):
    layers = {} if method == "dft-logits" else {"layer_lc": None, "layer_et": None}
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(dump(make_run(tmp_path, method=method, **layers)))
    shown = subprocess.run([sys.executable, "-c", CODE, str(recipe)], capture_output=True, text=True)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.startswith(f"{method} of") and "(4 layers)" in shown.stdout
