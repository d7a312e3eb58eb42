"""The options of every command, one file each: frozen dataclasses whose docstrings are the help texts.

`recipe` holds those of a run. It stands on nothing; read `recipe.RunConfig` first.
"""

from deepsuper.config.align import AlignConfig as AlignConfig
from deepsuper.config.check import CheckConfig as CheckConfig
from deepsuper.config.compare import CompareConfig as CompareConfig
from deepsuper.config.compare import CompareFormat as CompareFormat
from deepsuper.config.compare import Correction as Correction
from deepsuper.config.compare import PaperTable as PaperTable
from deepsuper.config.demo import DemoConfig as DemoConfig
from deepsuper.config.dose import DoseConfig as DoseConfig
from deepsuper.config.dose import ReadingName as ReadingName
from deepsuper.config.eval import EvalConfig as EvalConfig
from deepsuper.config.join import JoinConfig as JoinConfig
from deepsuper.config.layers import Criterion as Criterion
from deepsuper.config.layers import LayersConfig as LayersConfig
from deepsuper.config.layers import Positions as Positions
from deepsuper.config.lens import LensConfig as LensConfig
from deepsuper.config.merge import MergeConfig as MergeConfig
from deepsuper.config.mix import MixConfig as MixConfig
from deepsuper.config.objective import ObjectiveConfig as ObjectiveConfig
from deepsuper.config.objective import Weight as Weight
from deepsuper.config.objective import WeightConfig as WeightConfig
from deepsuper.config.recipe import Bf16 as Bf16
from deepsuper.config.recipe import Completion as Completion
from deepsuper.config.recipe import DataConfig as DataConfig
from deepsuper.config.recipe import LoraConfig as LoraConfig
from deepsuper.config.recipe import ModelConfig as ModelConfig
from deepsuper.config.recipe import RunConfig as RunConfig
from deepsuper.config.recipe import SdrrlConfig as SdrrlConfig
from deepsuper.config.recipe import SourceConfig as SourceConfig
from deepsuper.config.recipe import StreamConfig as StreamConfig
from deepsuper.config.recipe import StreamSchedule as StreamSchedule
from deepsuper.config.recipe import TrainingConfig as TrainingConfig
from deepsuper.config.translate import TranslateConfig as TranslateConfig
