"""deepsuper: deep supervision fine-tuning for the non-English side of English-centric language models.

A method is a corpus plus an objective. The contents, in the order in which data passes through them:

- a run: `RunConfig` and its parts are its options; `train` runs it
- rows in both languages: `load_corpus` reads them, `encode_rows` turns them into tokens, `Collator` makes batches
- equations 1 to 8: `Logits`, `Feature`, `Weight`, and their sum, `Objective`; `METHODS` is the paper's table of them
- a model with an objective: `Supervised` gives named losses; `Lens` reads any layer in the vocabulary
- inside a model: `select_layers` finds i and j, `read_text` shows the likeliest tokens at each layer, `compare_sides`
  measures how similar the states of two languages are
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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
        Weight,
        WeightConfig,
    )
    from deepsuper.data.rows import Corpus, Row, load_corpus
    from deepsuper.data.templates import Template, encode_rows
    from deepsuper.inside.align import compare_sides
    from deepsuper.inside.layers import select_layers
    from deepsuper.inside.logit_lens import read_text
    from deepsuper.method.batch import EncodedRow, ParallelBatch, Side
    from deepsuper.method.collate import Collator
    from deepsuper.method.formula import formula
    from deepsuper.method.lens import Lens
    from deepsuper.method.methods import METHODS, Method, build_objective
    from deepsuper.method.objective import Feature, Logits, Objective
    from deepsuper.method.supervised import Supervised
    from deepsuper.training.run import train

_LATE = {
    "deepsuper.config": (
        "AlignConfig",
        "DataConfig",
        "LayersConfig",
        "LoraConfig",
        "ModelConfig",
        "ObjectiveConfig",
        "RunConfig",
        "SourceConfig",
        "TrainingConfig",
        "Weight",
        "WeightConfig",
    ),
    "deepsuper.data.rows": ("Corpus", "Row", "load_corpus"),
    "deepsuper.inside.align": ("compare_sides",),
    "deepsuper.method.collate": ("Collator",),
    "deepsuper.inside.layers": ("select_layers",),
    "deepsuper.method.lens": ("Lens",),
    "deepsuper.inside.logit_lens": ("read_text",),
    "deepsuper.method.formula": ("formula",),
    "deepsuper.method.methods": ("METHODS", "Method", "build_objective"),
    "deepsuper.method.objective": ("Feature", "Logits", "Objective"),
    "deepsuper.method.batch": ("EncodedRow", "ParallelBatch", "Side"),
    "deepsuper.method.supervised": ("Supervised",),
    "deepsuper.data.templates": ("Template", "encode_rows"),
    "deepsuper.training.run": ("train",),
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
    """Imports a name on first use: most need torch, which takes seconds to import and is not needed for `--help`."""
    for module, names in _LATE.items():
        if name in names:
            return getattr(importlib.import_module(module), name)
    raise AttributeError(f"module 'deepsuper' has no attribute {name!r}")
