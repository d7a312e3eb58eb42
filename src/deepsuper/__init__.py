"""deepsuper: deep supervision fine-tuning for the non-English side of English-centric language models.

A method is a corpus plus an objective. The contents, in the order that data takes through them:

- what a run is made of: `RunConfig` and its parts; `train` makes a whole run of one
- rows of both languages: `load_corpus` reads them, `encode_rows` renders them as tokens, `Collator` makes batches
- equations 1 to 8: `Logits`, `Feature`, `Weight`, and their sum, `Objective`; `METHODS` is the paper's table of them
- a model with an objective: `Supervised` gives named losses; `Lens` reads any layer in the vocabulary
"""

from typing import TYPE_CHECKING, Any

from deepsuper.collate import Collator
from deepsuper.config import (
    DataConfig,
    LoraConfig,
    ModelConfig,
    ObjectiveConfig,
    RunConfig,
    SourceConfig,
    TrainingConfig,
    WeightConfig,
)
from deepsuper.corpora import Corpus, Row, load_corpus
from deepsuper.lens import Lens
from deepsuper.methods import METHODS, Method, build_objective, formula
from deepsuper.objective import Feature, Logits, Objective, Weight
from deepsuper.parallel import EncodedRow, ParallelBatch, Side
from deepsuper.supervised import Supervised
from deepsuper.templates import Template, encode_rows

if TYPE_CHECKING:
    from deepsuper.training import train

__all__ = [
    "METHODS",
    "Collator",
    "Corpus",
    "DataConfig",
    "EncodedRow",
    "Feature",
    "Lens",
    "Logits",
    "LoraConfig",
    "Method",
    "ModelConfig",
    "Objective",
    "ObjectiveConfig",
    "ParallelBatch",
    "Row",
    "RunConfig",
    "Side",
    "SourceConfig",
    "Supervised",
    "Template",
    "TrainingConfig",
    "Weight",
    "WeightConfig",
    "build_objective",
    "encode_rows",
    "formula",
    "load_corpus",
    "train",
]


def __getattr__(name: str) -> Any:
    """`train`, once it is asked for: it needs transformers, which takes seconds to import."""
    if name == "train":
        from deepsuper.training import train

        return train
    raise AttributeError(f"module 'deepsuper' has no attribute {name!r}")
