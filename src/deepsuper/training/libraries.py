"""What other libraries can be asked for by name in a configuration, and the packages that they then need."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from deepsuper.common.packages import installed
from deepsuper.config import TrainingConfig

TRACKERS = {
    "azure_ml": {"azureml": "azureml-sdk"},
    "comet_ml": {"comet_ml": "comet-ml"},
    "dagshub": {"dagshub": "dagshub", "mlflow": "mlflow"},
    "flyte": {"flytekit": "flytekit"},
    "kubeflow": {},
}
"""The modules that a tracker needs and their packages, where both are not called what transformers calls it."""
OPTIMIZERS = {
    ("adamw_8bit", "adamw_bnb", "ademamix", "lion", "paged", "rmsprop_bnb"): ("bitsandbytes", "bitsandbytes"),
    ("adamw_anyprecision",): ("torchdistx", "git+https://github.com/pytorch/torchdistx"),
    ("adamw_torch_4bit", "adamw_torch_8bit"): ("torchao", "torchao"),
    ("adamw_torch_npu",): ("torch_npu", "torch-npu"),
    ("adamw_torch_xla",): ("torch_xla", "torch-xla"),
    ("grokadamw",): ("grokadamw", "grokadamw"),
    ("lomo", "adalomo"): ("lomo_optim", "lomo-optim"),
    ("schedule_free",): ("schedulefree", "schedulefree"),
    ("stable_adamw",): ("optimi", "torch-optimi"),
}
"""What the names of optimizers begin with that need a package -> its module and how pip names it."""
LOW_RANK = ("apollo", "galore")
"""Optimizers of chosen weights, which a configuration has no option to choose."""


def library_names(t: TrainingConfig) -> Iterator[tuple[str, Any, str, bool]]:
    """Ranges, as `checks` reads them, of the names that transformers would ask for only once the weights are loaded."""
    from transformers.integrations.integration_utils import INTEGRATION_TO_CALLBACK
    from transformers.training_args import OptimizerNames

    optimizers = [str(name.value) for name in OptimizerNames if not name.value.startswith(LOW_RANK)]
    yield "training.optimizer", t.optimizer, f"one of {', '.join(optimizers)}", t.optimizer in optimizers
    for names, (module, package) in OPTIMIZERS.items():
        need = f"the package {module} (pip install {package}), or another optimizer"
        yield "training.optimizer", t.optimizer, need, not t.optimizer.startswith(names) or installed(module)
    for tracker in t.report_to:
        known = tracker in INTEGRATION_TO_CALLBACK
        yield "training.report_to", tracker, f"one of {', '.join(INTEGRATION_TO_CALLBACK)}", known
        for module, package in TRACKERS.get(tracker, {tracker: tracker}).items():
            need = f"the package {package} (pip install {package}), or another tracker"
            yield "training.report_to", tracker, need, installed(module)
