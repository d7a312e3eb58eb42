"""The optimizers and trackers of transformers that a recipe can name, and the packages that they need."""

from collections.abc import Iterator

from deepsuper.common.options import Range, installed
from deepsuper.config import TrainingConfig

TRACKERS = {
    "azure_ml": {"azureml": "azureml-sdk"},
    "comet_ml": {"comet_ml": "comet-ml"},
    "dagshub": {"dagshub": "dagshub", "mlflow": "mlflow"},
    "flyte": {"flytekit": "flytekit"},
    "kubeflow": {},
}
"""The modules that a tracker needs and their packages, if these have other names than the tracker."""
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
"""First letters of the optimizers that need a package -> its module and its name for pip."""
LOW_RANK = ("apollo", "galore")
"""First letters of optimizers that need a list of modules, for which a recipe has no option."""


def library_names(t: TrainingConfig) -> Iterator[Range]:
    """The names that transformers itself would refuse only after the weights are loaded.

    Importing transformers to ask it takes seconds, so this happens only for names that are not the defaults.
    """
    if t.optimizer != TrainingConfig.optimizer:
        yield from _optimizer(t.optimizer)
    for tracker in t.report_to:
        yield from _tracker(tracker)


def _optimizer(name: str) -> Iterator[Range]:
    from transformers.training_args import OptimizerNames

    known = [str(one.value) for one in OptimizerNames if not one.value.startswith(LOW_RANK)]
    yield "training.optimizer", name, f"one of {', '.join(known)}", name in known
    for names, (module, package) in OPTIMIZERS.items():
        need = f"the package {module} (pip install {package}), or another optimizer"
        yield "training.optimizer", name, need, not name.startswith(names) or installed(module)


def _tracker(name: str) -> Iterator[Range]:
    from transformers.integrations.integration_utils import INTEGRATION_TO_CALLBACK

    yield "training.report_to", name, f"one of {', '.join(INTEGRATION_TO_CALLBACK)}", name in INTEGRATION_TO_CALLBACK
    for module, package in TRACKERS.get(name, {name: name}).items():
        need = f"the package {package} (pip install {package}), or another tracker"
        yield "training.report_to", name, need, installed(module)
