"""The options of every command, one file each: frozen dataclasses whose docstrings are the help texts.

`recipe` holds those of a run. It stands on nothing; read `recipe.RunConfig` first.
"""

from deepsuper.config.align import AlignConfig
from deepsuper.config.check import CheckConfig
from deepsuper.config.compare import CompareConfig, CompareFormat, Correction, PaperTable
from deepsuper.config.eval import EvalConfig
from deepsuper.config.join import JoinConfig
from deepsuper.config.layers import Criterion, LayersConfig, Positions
from deepsuper.config.lens import LensConfig
from deepsuper.config.merge import MergeConfig
from deepsuper.config.mix import MixConfig
from deepsuper.config.recipe import (
    Bf16,
    Completion,
    CorpusKind,
    DataConfig,
    Direction,
    Kind,
    LoraConfig,
    Method,
    ModelConfig,
    ObjectiveConfig,
    RunConfig,
    SdrrlConfig,
    SourceConfig,
    TrainingConfig,
    WeightConfig,
)
from deepsuper.config.translate import TranslateConfig

__all__ = [
    "AlignConfig",
    "Bf16",
    "CheckConfig",
    "CompareConfig",
    "CompareFormat",
    "Completion",
    "CorpusKind",
    "Correction",
    "Criterion",
    "DataConfig",
    "Direction",
    "EvalConfig",
    "JoinConfig",
    "Kind",
    "LayersConfig",
    "LensConfig",
    "LoraConfig",
    "MergeConfig",
    "Method",
    "MixConfig",
    "ModelConfig",
    "ObjectiveConfig",
    "PaperTable",
    "Positions",
    "RunConfig",
    "SdrrlConfig",
    "SourceConfig",
    "TrainingConfig",
    "TranslateConfig",
    "WeightConfig",
]
