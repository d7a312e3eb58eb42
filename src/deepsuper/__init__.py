"""deepsuper: deep supervision fine-tuning for the non-English side of English-centric language models."""

from deepsuper.collate import Collator
from deepsuper.lens import Lens
from deepsuper.objective import Feature, Logits, Objective, Weight
from deepsuper.parallel import EncodedRow, ParallelBatch, Side
from deepsuper.supervised import Supervised

__all__ = [
    "Collator",
    "EncodedRow",
    "Feature",
    "Lens",
    "Logits",
    "Objective",
    "ParallelBatch",
    "Side",
    "Supervised",
    "Weight",
]
