"""Parallel sentences and one or two models -> measures of alignment at each layer."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console

from deepsuper.checks import check_ranges, reading_ranges
from deepsuper.config import AlignConfig, ModelConfig
from deepsuper.intervals import Interval, mean_interval, paired_interval
from deepsuper.methods import default_layer
from deepsuper.models import inside_run, load_config, load_for_reading, load_tokenizer, num_layers
from deepsuper.outputs import check_folder
from deepsuper.similarity import (
    centered,
    cka_interval,
    cloud_distance,
    mismatched_cosine,
    pair_cosines,
    retrieved,
)
from deepsuper.states import EncodedText, encode_texts, pooled_states
from deepsuper.texts import Texts, load_texts

log = logging.getLogger("deepsuper")
States = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Aligned:
    """English and target states of a pair of layers, measured. `per_sentence` is what the intervals come from."""

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
    """Tuned less base of each measure, sentence by sentence."""
    return {
        name: paired_interval(tuned.per_sentence[name].tolist(), values.tolist())
        for name, values in base.per_sentence.items()
    }


@dataclass(frozen=True)
class ModelAlignment:
    """One model: every layer with itself, h_L of English with h_j of the target (eq. 7), and the t-SNE points.

    `layer_et` is j, `shown` the layer of the points.
    """

    name: str
    layers: tuple[Aligned, ...]
    pair: Aligned
    layer_et: int
    shown: int
    points: npt.NDArray[np.float32]
    plane_distance: float


def tuning(base: ModelAlignment, tuned: ModelAlignment) -> list[dict[str, Interval]]:
    """What tuning changed at each layer."""
    return [difference(after, before) for before, after in zip(base.layers, tuned.layers, strict=True)]


def align_model(name: str, english: States, target: States, config: AlignConfig) -> ModelAlignment:
    """Measures the pooled states of a model. Shapes: (n, L + 1, D) both."""
    last = english.shape[1] - 1
    shown = last if config.layer is None else config.layer
    j = default_layer("et", last) if config.layer_et is None else config.layer_et
    points = tsne(english[:, shown], target[:, shown], config.seed)
    return ModelAlignment(
        name,
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


def run_align(config: AlignConfig, output_dir: Path) -> list[ModelAlignment]:
    """`deepsuper align`: checks, loads one model after the other, prints, writes align.json, align.png and tsne.png.

    Raises: ValueError naming the option, or file and line, at fault, before a weight is loaded.
    """
    from deepsuper.align.report import print_report, write_report

    check_folder("output_dir", output_dir)
    path = None if config.data is None else Path(config.data)
    texts = load_texts(config.language, path, part="devtest", parallel=True).first(config.sentences)
    sources = [config.model, *([replace(config.model, name=config.tuned)] if config.tuned is not None else [])]
    sources = [inside_run(source) for source in sources]
    check_align(config, texts, sources)
    encoded = [_encode(source, texts, config) for source in sources]
    aligned = []
    for source, (english, target) in zip(sources, encoded, strict=True):
        model = load_for_reading(source)
        sides = [
            pooled_states(model, side, bf16=config.bf16, title=f"{Path(source.name).name}: {language}")
            for side, language in ((english, "en"), (target, config.language))
        ]
        del model
        aligned.append(align_model(source.name, sides[0], sides[1], config))
    changes = tuning(*aligned) if config.tuned is not None else []
    print_report(Console(), aligned, changes, config)
    write_report(aligned, changes, config, texts, output_dir)
    log.info("align.json, align.png and tsne.png: %s", output_dir)
    return aligned


def check_align(config: AlignConfig, texts: Texts, sources: list[ModelConfig]) -> None:
    """Raises: ValueError naming the first option out of range."""
    check_ranges(reading_ranges(config))
    if len(texts.target) < 4:
        raise ValueError(f"{texts.source}: need at least 4 sentences to compare, got {len(texts.target)}")
    depths = [num_layers(load_config(source)) for source in sources]
    if len(set(depths)) > 1:
        raise ValueError(f"tuned {config.tuned!r}: has {depths[1]} layers, {config.model.name!r} has {depths[0]}")
    for name in ("layer", "layer_et"):
        layer = getattr(config, name)
        if layer is not None and not 0 <= layer <= depths[0]:
            raise ValueError(f"{name}: need 0 <= {name} <= {depths[0]}, got {layer}")


def _encode(source: ModelConfig, texts: Texts, config: AlignConfig) -> tuple[list[EncodedText], list[EncodedText]]:
    tokenizer = load_tokenizer(source)
    assert texts.english is not None, "load_texts was asked for both sides"
    english, target = (
        encode_texts(
            tokenizer,
            side,
            positions=config.positions,
            max_length=config.max_length,
            named=f"{texts.source}: {language} sentence",
        )
        for side, language in ((texts.english, "English"), (texts.target, config.language))
    )
    return english, target
