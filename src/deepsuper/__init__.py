"""deepsuper: deep supervision fine-tuning for the non-English side of English-centric language models.

A method is a corpus plus an objective. The contents, in the order in which data passes through them:

- a run: `RunConfig` and its parts are its options; `train` runs it
- rows in both languages: `load_corpus` reads them, `encode_rows` turns them into tokens, `Collator` makes batches
- equations 1 to 8: `Logits`, `Feature`, `Weight`, and their sum, `Objective`; `METHODS` is the paper's table of them
- a model with an objective: `Supervised` gives named losses; `Lens` reads any layer in the vocabulary
- inside a model: `select_layers` finds i and j, `read_text` shows the likeliest tokens at each layer, `compare_sides`
  measures how similar the states of two languages are
"""

import ast
import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # "as" says to a type checker that the name is given on
    from deepsuper.config import AlignConfig as AlignConfig
    from deepsuper.config import DataConfig as DataConfig
    from deepsuper.config import LayersConfig as LayersConfig
    from deepsuper.config import LoraConfig as LoraConfig
    from deepsuper.config import ModelConfig as ModelConfig
    from deepsuper.config import ObjectiveConfig as ObjectiveConfig
    from deepsuper.config import RunConfig as RunConfig
    from deepsuper.config import SourceConfig as SourceConfig
    from deepsuper.config import TrainingConfig as TrainingConfig
    from deepsuper.config import Weight as Weight
    from deepsuper.config import WeightConfig as WeightConfig
    from deepsuper.data.rows import Corpus as Corpus
    from deepsuper.data.rows import Row as Row
    from deepsuper.data.rows import load_corpus as load_corpus
    from deepsuper.data.templates import Template as Template
    from deepsuper.data.templates import encode_rows as encode_rows
    from deepsuper.inside.align import compare_sides as compare_sides
    from deepsuper.inside.layers import select_layers as select_layers
    from deepsuper.inside.logit_lens import read_text as read_text
    from deepsuper.method.batch import EncodedRow as EncodedRow
    from deepsuper.method.batch import ParallelBatch as ParallelBatch
    from deepsuper.method.batch import Side as Side
    from deepsuper.method.collate import Collator as Collator
    from deepsuper.method.formula import formula as formula
    from deepsuper.method.lens import Lens as Lens
    from deepsuper.method.methods import METHODS as METHODS
    from deepsuper.method.methods import Method as Method
    from deepsuper.method.methods import build_objective as build_objective
    from deepsuper.method.objective import Feature as Feature
    from deepsuper.method.objective import Logits as Logits
    from deepsuper.method.objective import Objective as Objective
    from deepsuper.method.supervised import Supervised as Supervised
    from deepsuper.training.run import train as train

_LATE = {
    alias.name: node.module
    for node in ast.walk(ast.parse(Path(__file__).read_text(encoding="utf-8")))
    if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("deepsuper.")
    for alias in node.names
}
"""Name -> module, read from the imports above, so that each name is listed once."""
__all__ = sorted(_LATE)


def __getattr__(name: str) -> Any:
    """Imports a name on first use: most need torch, which takes seconds to import and is not needed for `--help`."""
    if name not in _LATE:
        raise AttributeError(f"module 'deepsuper' has no attribute {name!r}")
    return getattr(importlib.import_module(_LATE[name]), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
