"""The options of an objective and the words they are written in. No torch: the equations and the recipe share them."""

import math
from dataclasses import dataclass, field
from typing import Literal, get_args

MethodName = Literal[
    "sft",
    "tft",
    "both",
    "sdrrl",
    "dft-logits",
    "dft-feature",
    "lc-logits",
    "lc-feature",
    "et-logits",
    "et-feature",
    "et-output",
    "pairs",
    "mixture",
]
CorpusKind = Literal["english", "translated", "parallel", "both", "pairs"]
"""What each row of a corpus must have: an English side, a target side, or both sides.

both: each row is trained on twice, in English and in the target language. pairs: both texts, but no answer.
"""
TermKind = Literal["none", "logits", "feature"]
Alignment = Literal["conditional", "positional"]
Pooling = Literal["mean", "last"]
Center = Literal["none", "batch", "running"]
Similarity = Literal["cosine", "contrastive"]
Decay = Literal["none", "linear", "cosine"]
RetainKind = Literal["none", "cosine", "kl"]
LensKind = Literal["logit", "tuned"]
RENAMED = {("objective.similarity", "centered"): "objective.center: running"}
"""Options with a value of earlier versions, and what is written instead."""


def renamed(option: str, value: object) -> str:
    """What to write instead of a value of earlier versions; nothing if it is no such value."""
    own = option[option.find("objective.") :]  # a stream has an objective of its own
    new = RENAMED.get((own, str(value)))
    return f"{option} {value!r}: write {new}" if new else ""


Balancing = Literal["fixed", "ratio"]


@dataclass(frozen=True)
class Weight:
    """The factor of a term during training. Eq. 8 has 1 throughout; eq. 3 calls it alpha."""

    value: float = 1.0
    """The factor after the warm-up and before the decay."""
    warmup: float = 0.0
    """The share of training during which the factor rises linearly from 0."""
    decay: Decay = "none"
    """How the factor falls to 0 after the warm-up; none: it stays constant."""

    def __post_init__(self) -> None:
        if self.decay not in get_args(Decay):
            raise ValueError(f"decay: need one of {', '.join(get_args(Decay))}, got {self.decay!r}")

    def at(self, progress: float) -> float:
        """The factor at `progress`, the finished share of training in [0, 1]."""
        if progress < self.warmup:
            return self.value * progress / self.warmup
        rest = (progress - self.warmup) / (1.0 - self.warmup) if self.warmup < 1.0 else 0.0
        rest = min(max(rest, 0.0), 1.0)
        if self.decay == "linear":
            return self.value * (1.0 - rest)
        if self.decay == "cosine":
            return self.value * 0.5 * (1.0 + math.cos(math.pi * rest))
        return self.value


WeightConfig = Weight


@dataclass(frozen=True)
class ObjectiveConfig:
    """The method, and one option for each question that the paper leaves open (docs/decisions.md)."""

    method: MethodName = "dft-logits"
    """The corpus and the terms of the loss; mixture: TFT plus the terms given by `lc` and `et`."""
    lc: TermKind = "none"
    """The term at the early layer i; used by `mixture` and `pairs`."""
    et: TermKind = "none"
    """The term at the middle layer j; used by `mixture` and `pairs`."""
    layer_lc: int | None = None
    """i; null: chosen by `layers`."""
    layer_et: int | None = None
    """j; null: chosen by `layers`."""
    layers: Literal["proportion", "auto"] = "proportion"
    """If `layer_lc` or `layer_et` is null: the paper's shares of the depth, or what `deepsuper layers` chooses.

    auto measures them before training, on text of each language of the run: the layers on which two of the criteria
    entropy, language and alignment agree, else those of the entropy, else the paper's shares, with a warning.
    """
    lc_weight: Weight = field(default_factory=Weight)
    et_weight: Weight = field(default_factory=Weight)
    balance: Balancing = "fixed"
    """Weights as given; or times a factor that makes each term's gradient a given share of the task's (`ratio`)."""
    ratio: float = 0.2
    """For `balance: ratio`: the norm of a term's weighted gradient over the task's, both over the model's blocks."""
    balance_every: int = 50
    """For `balance: ratio`: measure the gradients before the first step and every N steps."""
    alignment: Alignment = "conditional"
    """For logits: the English text follows x^tgt, or position t of the target text predicts English token t."""
    pooling: Pooling = "mean"
    """For features: the mean over the query's tokens, or its last token."""
    center: Center = "none"
    """For features: the mean of each language, removed first; over the global micro-batch, or a running one."""
    similarity: Similarity = "cosine"
    """For features: the cosine; or contrastive, with the other rows of the global micro-batch as negatives."""
    detach_english: bool = True
    """For features: no gradient flows into the English side."""
    shuffle_english: bool = False
    """Give each row the English side of another row of its language: the control that keeps all but the meaning."""
    train_head_et: bool = False
    """For an et term of logits: W_out is trained by it too."""
    lens_norm: bool = True
    """Apply the final norm before W_out at an inner layer."""
    lens: LensKind = "logit"
    """Read an inner layer as it is, or through the kept tuned lens (`deepsuper layers MODEL --fit_lens`)."""
    temperature: float = 0.05
    """For `similarity: contrastive`."""
    momentum: float = 0.99
    """For `center: running`: the share of a mean that stays in each step."""
    retain: RetainKind = "none"
    """A term that keeps the model as it was on English text: its states, or its next-token distribution (kl)."""
    retain_layer: int | None = None
    """For `retain: cosine`: the layer of the states; null: the last."""
    retain_weight: Weight = field(default_factory=Weight)
