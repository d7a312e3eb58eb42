"""How fast plain transformers computes on this machine: what turns the floor's operations into seconds."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import harmonic_mean

import torch
import torch.nn.functional as F
from torch import nn

from deepsuper.inside.dose.floor import Flops, ModelSizes
from deepsuper.method.gradients import block_parameters
from deepsuper.models.anatomy import base_model, find_decoder, text_config

HEAD_TOKENS = 128
"""How many states W_out is timed on: 128 MiB of logits for a vocabulary of 262,144."""


@dataclass(frozen=True)
class PlainSpeed:
    """Operations per second of a plain forward and backward pass: of the decoder, and of W_out with cross-entropy."""

    blocks: float
    head: float

    def seconds(self, flops: Flops) -> float:
        """How long plain passes of as many operations take."""
        return flops.blocks / self.blocks + flops.head / self.head

    @staticmethod
    def mean(speeds: Sequence["PlainSpeed"]) -> "PlainSpeed":
        """The speed of all measurements together, each of which did the same work."""
        return PlainSpeed(harmonic_mean([s.blocks for s in speeds]), harmonic_mean([s.head for s in speeds]))


def plain_speed(model: nn.Module, ids: torch.Tensor, sizes: ModelSizes) -> PlainSpeed:
    """Times the decoder and W_out of transformers, without this project's passes and losses. Shape: (B, T)."""
    rows, columns = ids.shape
    depth = len(sizes.matrices)
    parameters = list(block_parameters(model).values())

    def blocks() -> None:
        states = find_decoder(model)(input_ids=ids, use_cache=False).last_hidden_state
        torch.autograd.grad(states.float().square().mean(), parameters)

    head_of = base_model(model).get_output_embeddings()
    states = torch.randn(HEAD_TOKENS, text_config(model).hidden_size, device=ids.device, dtype=head_of.weight.dtype)
    states.requires_grad_()
    labels = torch.zeros(HEAD_TOKENS, dtype=torch.long, device=ids.device)

    def head() -> None:
        torch.autograd.grad(F.cross_entropy(head_of(states).float(), labels), [states])

    whole = sizes.forward(rows, columns, depth) + sizes.backward(rows, columns, depth)
    return PlainSpeed(whole / _seconds(blocks), sizes.logits(HEAD_TOKENS) / _seconds(head))


def _seconds(work: Callable[[], None]) -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    start = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start
