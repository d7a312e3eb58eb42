"""deepsuper: deep supervision fine-tuning for the non-English side of English-centric language models.

A method is a corpus plus an objective. The contents, in the order that data takes through them:

- what a run is made of: `RunConfig` and its parts; `train` makes a whole run of one
- rows of both languages: `load_corpus` reads them, `encode_rows` renders them as tokens, `Collator` makes batches
- equations 1 to 8: `Logits`, `Feature`, `Weight`, and their sum, `Objective`; `METHODS` is the paper's table of them
- a model with an objective: `Supervised` gives named losses; `Lens` reads any layer in the vocabulary
- inside a model: `select_layers` finds i and j, `read_text` shows what each layer would say, `compare_sides` measures
  how alike two languages' states are
"""

import importlib
from typing import TYPE_CHECKING, Any

from deepsuper.collate import Collator
from deepsuper.config import (
    AlignConfig,
    DataConfig,
    LayersConfig,
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
    from deepsuper.align import compare_sides
    from deepsuper.layers import select_layers
    from deepsuper.logit_lens import read_text
    from deepsuper.training import train

_LATE = {
    "compare_sides": "deepsuper.align",
    "read_text": "deepsuper.logit_lens",
    "select_layers": "deepsuper.layers",
    "train": "deepsuper.training",
}

__all__ = [
    "METHODS",
    "AlignConfig",
    "Collator",
    "Corpus",
    "DataConfig",
    "EncodedRow",
    "Feature",
    "LayersConfig",
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
    "compare_sides",
    "encode_rows",
    "formula",
    "load_corpus",
    "read_text",
    "select_layers",
    "train",
]


def __getattr__(name: str) -> Any:
    """What needs transformers or scikit-learn, which take seconds to import, once it is asked for."""
    if name in _LATE:
        return getattr(importlib.import_module(_LATE[name]), name)
    raise AttributeError(f"module 'deepsuper' has no attribute {name!r}")
