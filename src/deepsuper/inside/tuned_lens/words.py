"""Some words of the vocabulary that stand for all: the likely ones, and a sample of the others with its weight."""

import math
from dataclasses import dataclass

import torch

from deepsuper.inside.tuned_lens.gather import Gathered
from deepsuper.method.cross_entropy import chunk_rows
from deepsuper.method.lens import Lens

LIKELY_TOKENS, LIKELY = 512, 16
"""Tokens whose likeliest words are always read, and how many words of each."""
SAMPLED = 4096
"""Words that are drawn from the others at each step."""


@dataclass(frozen=True)
class WordSample:
    """W_out's rows of some words, and what is added to their logits so that their sum stands for all words.

    Shapes: (S, D), (S,).
    """

    weight: torch.Tensor
    correction: torch.Tensor

    def logits(self, lens: Lens, read: torch.Tensor) -> torch.Tensor:
        """The logits of the words at what `Lens.states` gave. Shapes: (N, D) -> (N, S)."""
        logits = (read @ self.weight.T).float() * lens.scale
        return (logits if lens.softcap is None else torch.tanh(logits / lens.softcap) * lens.softcap) + self.correction


class WordSampler:
    """Draws words: a softmax over all 262,144 words of Gemma at each of 18 layers would take an hour on two cores.

    The words that the model itself finds likely are always there. Each other one is there with the same probability
    and counts for as many words as were left out, so that the sum over the vocabulary is right on average.
    """

    def __init__(self, lens: Lens, states: Gathered, generator: torch.Generator) -> None:
        self._weight, self._generator = lens.head.weight.detach(), generator
        likely = likely_words(lens, states)
        self.likely, self._others = (which.nonzero().squeeze(1) for which in (likely, ~likely))

    def draw(self) -> WordSample:
        """The likely words, and `SAMPLED` of the others or all of them."""
        count = min(SAMPLED, len(self._others))
        drawn = self._others[torch.randperm(len(self._others), generator=self._generator)[:count]]
        correction = torch.zeros(len(self.likely) + count)
        correction[len(self.likely) :] = math.log(len(self._others) / max(1, count))
        chosen = torch.cat([self.likely, drawn]).to(self._weight.device)
        return WordSample(self._weight[chosen].float(), correction.to(self._weight.device))


@torch.no_grad()
def likely_words(lens: Lens, states: Gathered) -> torch.Tensor:
    """Whether each word is among the likeliest that the model names after some of the tokens. Shape: (V,)."""
    weight = lens.head.weight
    likely = torch.zeros(len(weight), dtype=torch.bool)
    tokens = states.last[:: max(1, states.tokens // LIKELY_TOKENS)]
    rows = chunk_rows(len(weight), lens.chunk_mib)
    for start in range(0, len(tokens), rows):
        logits = lens.logits(tokens[start : start + rows].to(weight), lens.num_layers)
        likely[logits.topk(min(LIKELY, len(weight))).indices.flatten().cpu()] = True
    return likely
