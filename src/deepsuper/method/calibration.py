"""The first running means of centred features, before the first step."""

from collections.abc import Iterable

import torch

from deepsuper.method.batch import ParallelBatch
from deepsuper.method.supervised import Supervised


def calibrate(supervised: Supervised, batches: Iterable[ParallelBatch]) -> None:
    """Sets the running means from `batches`, without gradient. Without this, the first step has no mean to subtract."""
    with torch.no_grad():
        for batch in batches:
            supervised(batch)
    supervised.means.commit()
