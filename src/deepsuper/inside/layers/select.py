"""Texts and a model -> what each criterion says of the critical layers, and the layers to use."""

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import nn

from deepsuper.common.arrays import Floats
from deepsuper.config import LayersConfig
from deepsuper.config.layers import CRITERIA
from deepsuper.data.texts import LANGUAGES, PARTS, Texts, load_texts
from deepsuper.inside.layers.agree import Agreed, agree
from deepsuper.inside.layers.criteria import Verdict, by_alignment, by_entropy, by_language, without_english
from deepsuper.inside.layers.drops import LayerChoice
from deepsuper.inside.layers.measure import Curves, measure
from deepsuper.inside.states import EncodedText, encode_texts, pooled_states
from deepsuper.inside.vocabulary import group_words, token_texts
from deepsuper.method.kept_lens import kept_lens
from deepsuper.method.lens import Lens

log = logging.getLogger("deepsuper")
LENS_OPTION = "tuned_lens (of a run: objective.lens)"
SAMPLE_TOKENS = 24
"""The heatmap shows the first sentence with at most this many tokens, so that they are readable."""


@dataclass(frozen=True)
class LayersReport:
    """The layers to use, with the reason, and all measurements.

    `resampled` is the mean entropy of each bootstrap sample, (resamples, L + 1).
    """

    config: LayersConfig
    source: str
    sentences: int
    tokens: int
    agreed: Agreed
    verdicts: tuple[Verdict, ...]
    choice: LayerChoice
    curves: Curves
    resampled: Floats
    sample_tokens: list[str]


def select_layers(model: nn.Module, tokenizer: Any, texts: Texts, config: LayersConfig) -> LayersReport:
    """Reads every layer once and applies each criterion. Raises: UserError for a text that is too short."""
    encoded = encode_sentences(tokenizer, texts.target, config, texts.source)
    _report_cut(encoded)
    size = Lens(model).head.weight.shape[0]
    criteria = config.criteria or CRITERIA
    with_language = "language" in criteria
    groups = group_words(tokenizer, size, *word_sources(texts)) if with_language else None
    short = [n for n, text in enumerate(encoded) if len(text.ids) <= SAMPLE_TOKENS]
    shown = short[0] if short else min(range(len(encoded)), key=lambda n: len(encoded[n].ids))
    tuned = kept_lens(model, config.model, LENS_OPTION) if config.tuned_lens else None
    curves = measure(
        model, encoded, lens_norm=config.lens_norm, groups=groups, bf16=config.bf16, sample_of=shown, tuned=tuned
    )
    samples = curves.resamples(config.resamples, config.seed)
    resampled = curves.resampled_entropy(samples)
    entropy, choice = by_entropy(curves, samples, resampled)
    verdicts = {"entropy": entropy}
    if with_language:
        verdicts["language"] = by_language(curves, samples)
    if "alignment" in criteria:
        pooled = None if texts.english is None else _pooled_pair(model, tokenizer, texts, config)
        verdicts["alignment"] = without_english() if pooled is None else by_alignment(*pooled, samples)
    chosen = tuple(verdicts[name] for name in criteria)
    ids = np.array(encoded[shown].ids)[np.array(encoded[shown].counted)]
    return LayersReport(
        config=config,
        source=texts.source,
        sentences=len(encoded),
        tokens=int(curves.tokens.sum()),
        agreed=agree(chosen, curves.num_layers),
        verdicts=chosen,
        choice=choice,
        curves=curves,
        resampled=resampled,
        sample_tokens=token_texts(tokenizer, ids.tolist()),
    )


def word_sources(texts: Texts) -> tuple[list[str], list[str]]:
    """Target and English texts, to tell the words of the languages: the given texts and all packaged ones."""
    target, english = list(texts.target), list(texts.english or ())
    known = texts.language if texts.language in LANGUAGES else LANGUAGES[0]
    for part in PARTS:
        packaged = load_texts(known, part=part, parallel=True)
        english += packaged.english or ()
        if known == texts.language:
            target += packaged.target
    return target, english


def encode_sentences(tokenizer: Any, texts: tuple[str, ...], config: LayersConfig, source: str) -> list[EncodedText]:
    return encode_texts(
        tokenizer, texts, positions=config.positions, max_length=config.max_length, named=f"{source}: sentence"
    )


def _report_cut(encoded: list[EncodedText]) -> None:
    cut = [text.cut for text in encoded if text.cut]
    if cut:
        log.warning("%d sentences were cut to max_length; %d tokens are left out", len(cut), sum(cut))


def _pooled_pair(
    model: nn.Module, tokenizer: Any, texts: Texts, config: LayersConfig
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Mean states of the English and the target sentences, without the first token, which is an attention sink."""
    assert texts.english is not None, "without English this criterion is silent"
    sides = []
    for name, side in (("English", texts.english), (texts.language, texts.target)):
        encoded = encode_texts(
            tokenizer, side, positions="inner", max_length=config.max_length, named=f"{texts.source}: {name} sentence"
        )
        sides.append(pooled_states(model, encoded, bf16=config.bf16, title=f"states of {name}"))
    return sides[0], sides[1]
