"""The options of every command, one file each: frozen dataclasses whose docstrings are the help texts.

`recipe` holds those of a run. It stands on nothing; read `recipe.RunConfig` first.
"""

from deepsuper.config.align import AlignConfig
from deepsuper.config.check import CheckConfig
from deepsuper.config.compare import CompareConfig, CompareFormat, Correction, PaperTable
from deepsuper.config.demo import DemoConfig
from deepsuper.config.eval import EvalConfig
from deepsuper.config.join import JoinConfig
from deepsuper.config.layers import Criterion, LayersConfig, Positions
from deepsuper.config.lens import LensConfig
from deepsuper.config.merge import MergeConfig
from deepsuper.config.mix import MixConfig
from deepsuper.config.objective import ObjectiveConfig, Weight, WeightConfig
from deepsuper.config.recipe import (
    Bf16,
    Completion,
    DataConfig,
    LoraConfig,
    ModelConfig,
    RunConfig,
    SdrrlConfig,
    SourceConfig,
    StreamConfig,
    StreamSchedule,
    TrainingConfig,
)
from deepsuper.config.translate import TranslateConfig

__all__ = [
    "AlignConfig",
    "Bf16",
    "CheckConfig",
    "CompareConfig",
    "CompareFormat",
    "Completion",
    "Correction",
    "Criterion",
    "DataConfig",
    "DemoConfig",
    "EvalConfig",
    "JoinConfig",
    "LayersConfig",
    "LensConfig",
    "LoraConfig",
    "MergeConfig",
    "MixConfig",
    "ModelConfig",
    "ObjectiveConfig",
    "PaperTable",
    "Positions",
    "RunConfig",
    "SdrrlConfig",
    "SourceConfig",
    "StreamConfig",
    "StreamSchedule",
    "TrainingConfig",
    "TranslateConfig",
    "Weight",
    "WeightConfig",
]
