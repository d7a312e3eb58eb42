"""What the lens reads at every layer of every sentence: entropy, and the probability of English and target words."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from deepsuper.common.arrays import Floats
from deepsuper.common.progress import progress_bar
from deepsuper.config import Bf16
from deepsuper.inside.entropy import read_states
from deepsuper.inside.states import EncodedText, TextBatch, layer_states, make_batches
from deepsuper.inside.vocabulary import Groups
from deepsuper.method.lens import Lens
from deepsuper.method.tuned_lens import TunedLens
from deepsuper.models.precision import use_bf16


@dataclass(frozen=True)
class Curves:
    """Sums over the counted tokens of each sentence. Shapes: (n, L + 1) nats, (n, L + 1, G), (n,).

    `sample` is the entropy of every token of sentence `sample_of`, (L + 1, T): the paper's figure 2a.
    """

    entropy: Floats
    mass: Floats
    tokens: Floats
    groups: tuple[str, ...]
    sample_of: int
    sample: Floats

    @property
    def num_layers(self) -> int:
        """L."""
        return int(self.entropy.shape[1]) - 1

    def mean_entropy(self, sentences: npt.NDArray[np.intp] | None = None) -> Floats:
        """Mean entropy over the tokens of all or some sentences. Shape: (L + 1,), in nats."""
        chosen = slice(None) if sentences is None else sentences
        mean: Floats = self.entropy[chosen].sum(axis=0) / self.tokens[chosen].sum()
        return mean

    def mean_mass(self, sentences: npt.NDArray[np.intp] | None = None) -> Floats:
        """Mean probability of each group. Shape: (L + 1, G)."""
        chosen = slice(None) if sentences is None else sentences
        mean: Floats = self.mass[chosen].sum(axis=0) / self.tokens[chosen].sum()
        return mean

    def resampled_entropy(self, samples: Sequence[npt.NDArray[np.intp]]) -> Floats:
        """Mean entropy of each bootstrap sample. Shape: (samples, L + 1)."""
        return np.array([self.mean_entropy(sample) for sample in samples])

    def resamples(self, count: int, seed: int) -> list[npt.NDArray[np.intp]]:
        """Bootstrap samples of the sentences: numbers of as many, drawn with replacement."""
        rng = np.random.default_rng(seed)
        return list(rng.integers(0, len(self.tokens), size=(count, len(self.tokens))))


def measure(
    model: nn.Module,
    texts: Sequence[EncodedText],
    *,
    lens_norm: bool = True,
    groups: Groups | None = None,
    bf16: Bf16 = "auto",
    sample_of: int = 0,
    tuned: TunedLens | None = None,
    title: str = "layers 0..L",
) -> Curves:
    """Reads all layers of each batch in one forward pass, with a part of the logits in memory at a time."""
    lens = Lens(model, tuned=tuned)
    device = lens.head.weight.device
    one_hot = None if groups is None else groups.one_hot().to(device)
    shape = (len(texts), lens.num_layers + 1)
    entropy, mass = np.zeros(shape), np.zeros((*shape, 0 if groups is None else len(groups.names)))
    tokens = np.array([sum(text.counted) for text in texts], dtype=float)
    sample: Floats = np.zeros((shape[1], 0))
    autocast = torch.autocast(device.type, torch.bfloat16, enabled=use_bf16(bf16))
    with progress_bar(title, float(tokens.sum())) as advance, autocast:
        for batch in make_batches(texts):
            reading = _read_batch(model, lens, batch, lens_norm, one_hot)
            for row, n in enumerate(batch.order):
                here = reading.rows == row
                entropy[n] = reading.entropy[:, here].sum(axis=1)
                mass[n] = reading.mass[:, here].sum(axis=1)
                if n == sample_of:
                    sample = reading.entropy[:, here]
            advance(float(batch.counted.sum()))
    return Curves(entropy, mass, tokens, () if groups is None else groups.names, sample_of, sample)


@dataclass(frozen=True)
class _BatchReading:
    """Of the counted tokens of a batch, at every layer. Shapes: (L + 1, N), (L + 1, N, G); the row of each, (N,)."""

    entropy: Floats
    mass: Floats
    rows: npt.NDArray[np.intp]


@torch.no_grad()
def _read_batch(
    model: nn.Module, lens: Lens, batch: TextBatch, lens_norm: bool, one_hot: torch.Tensor | None
) -> _BatchReading:
    states = layer_states(model, batch)
    counted = batch.counted.to(states[0].device)
    read_by_head = [lens.states(h[counted], layer, norm=lens_norm, train=True) for layer, h in enumerate(states)]
    reading = read_states(lens, torch.cat(read_by_head), groups=one_hot)
    depth = len(states)
    entropy, mass = (t.double().cpu().numpy() for t in (reading.entropy, reading.mass))
    rows = np.nonzero(batch.counted.numpy())[0]
    return _BatchReading(entropy.reshape(depth, -1), mass.reshape(depth, len(rows), -1), rows)
