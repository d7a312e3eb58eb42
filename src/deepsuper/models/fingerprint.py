"""Which weights a model has, as a short hash: what was fitted to one model must not be used with another."""

import hashlib
from typing import Any

import torch
from torch import nn

from deepsuper.models.anatomy import base_model

SAMPLE = 64
"""Numbers of each weight that are read: evenly spread, the first among them."""


def shape_name(config: Any) -> str:
    """The kind, depth and width of a model by its transformers configuration: known before a weight is loaded."""
    text = config.get_text_config()
    return f"{text.model_type}-{text.num_hidden_layers}x{text.hidden_size}"


@torch.no_grad()
def fingerprint(model: nn.Module) -> str:
    """A hash of the names and shapes of all weights and of `SAMPLE` numbers of each, rounded to bf16.

    It is the same for a model of the hub, a folder and a package, on any device and in any `dtype`, and another one
    after a training step. Reading it takes milliseconds.
    """
    digest = hashlib.sha256()
    for name, weight in sorted(base_model(model).named_parameters()):
        values = weight.detach().flatten()
        # Not all numbers: hashing a model of billions of weights takes as long as reading it.
        sample = values[:: max(1, len(values) // SAMPLE)][:SAMPLE]
        digest.update(f"{name} {tuple(weight.shape)} ".encode())
        digest.update(sample.to("cpu", torch.bfloat16).view(torch.int16).numpy().tobytes())
    return digest.hexdigest()[:16]
