"""Parallel sentences' states -> measures of alignment at each pair of layers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from deepsuper.common.intervals import Interval, mean_interval, paired_interval
from deepsuper.config import AlignConfig
from deepsuper.inside.similarity import (
    centered,
    cka_interval,
    cloud_distance,
    mismatched_cosine,
    pair_cosines,
    retrieved,
)
from deepsuper.method.methods import default_layer

States = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Aligned:
    """The measures of a pair of layers, English and target. `per_sentence`: the values behind the intervals."""

    measures: Mapping[str, Interval]
    per_sentence: Mapping[str, npt.NDArray[np.floating[Any]]]
    numbers: Mapping[str, float]


def compare_sides(english: States, target: States) -> Aligned:
    """All measures of one pair of layers. Shapes: (n, D), (n, D), row k of both the same sentence.

    `centered`: each language's mean over the sentences removed first.
    """
    en, tgt = centered(english), centered(target)
    per_sentence = {
        "cosine": pair_cosines(english, target),
        "centered cosine": pair_cosines(en, tgt),
        "retrieval en-tgt": retrieved(english, target),
        "retrieval tgt-en": retrieved(target, english),
        "centered retrieval en-tgt": retrieved(en, tgt),
        "centered retrieval tgt-en": retrieved(tgt, en),
    }
    measures = {name: mean_interval(values.tolist()) for name, values in per_sentence.items()}
    measures["cka"] = cka_interval(english, target)
    numbers = {
        "mismatched cosine": mismatched_cosine(english, target),
        "mismatched centered cosine": mismatched_cosine(en, tgt),
        "cloud distance": cloud_distance(english, target),
    }
    return Aligned(measures, per_sentence, numbers)


def difference(tuned: Aligned, base: Aligned) -> dict[str, Interval]:
    """The difference of each measure, tuned minus base, paired by sentence."""
    return {
        name: paired_interval(tuned.per_sentence[name].tolist(), values.tolist())
        for name, values in base.per_sentence.items()
    }


@dataclass(frozen=True)
class ModelAlignment:
    """One model: every layer with itself, h_L of English with h_j of the target (eq. 7), and the t-SNE points.

    `english_loss`: of the English sentences, in nats a token. `layer_et` is j, `shown` the layer of the points.
    """

    name: str
    english_loss: float
    layers: tuple[Aligned, ...]
    pair: Aligned
    layer_et: int
    shown: int
    points: npt.NDArray[np.float32]
    plane_distance: float


def tuning(base: ModelAlignment, tuned: ModelAlignment) -> list[dict[str, Interval]]:
    """The differences at each layer, tuned minus base."""
    return [difference(after, before) for before, after in zip(base.layers, tuned.layers, strict=True)]


def align_model(
    name: str, english: States, target: States, config: AlignConfig, *, english_loss: float
) -> ModelAlignment:
    """Measures the pooled states of a model. Shapes: (n, L + 1, D) both."""
    last = english.shape[1] - 1
    shown = last if config.layer is None else config.layer
    j = default_layer("et", last) if config.layer_et is None else config.layer_et
    points = tsne(english[:, shown], target[:, shown], config.seed)
    return ModelAlignment(
        name,
        english_loss,
        tuple(compare_sides(english[:, layer], target[:, layer]) for layer in range(last + 1)),
        compare_sides(english[:, last], target[:, j]),
        j,
        shown,
        points,
        cloud_distance(points[: len(english)], points[len(english) :]),
    )


def tsne(english: States, target: States, seed: int) -> States:
    """Both languages in one plane (van der Maaten and Hinton 2008), English first. Shape: (2 n, 2)."""
    from sklearn.manifold import TSNE

    states = np.concatenate([english, target])
    perplexity = min(30.0, (len(states) - 1) / 3.0)
    fitted: States = TSNE(perplexity=perplexity, init="pca", random_state=seed).fit_transform(states)
    return fitted
