"""The objective without torch: what can be imported, written down and checked before a framework is loaded."""

from __future__ import annotations

import subprocess
import sys

import deepsuper
from deepsuper.config.objective import ObjectiveConfig, Weight, WeightConfig
from deepsuper.method.methods import build_objective
from deepsuper.method.objective import Feature, Logits, Objective


def test_objective_and_methods_load_without_torch() -> None:
    code = (
        "import sys, deepsuper.method.objective, deepsuper.method.methods, deepsuper.method.formula\n"
        "from deepsuper.config import ObjectiveConfig\n"
        "objective = deepsuper.method.methods.build_objective(ObjectiveConfig(), 18)\n"
        "assert objective.weight('lc', 0.5) == 1.0 and 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_there_is_one_weight_and_one_set_of_defaults() -> None:
    assert deepsuper.Weight is deepsuper.WeightConfig is Weight is WeightConfig
    built = build_objective(ObjectiveConfig(method="dft-feature"), 18)
    assert built.terms["lc"] == Feature(1, 1) and built.terms["et"] == Feature(8, 18)
    built = build_objective(ObjectiveConfig(), 18)
    assert built == Objective(
        {"tft": Logits(18, "tft", train_head=True), "lc": Logits(1, "lc"), "et": Logits(8, "et")},
        {"lc": Weight(), "et": Weight()},
    )
