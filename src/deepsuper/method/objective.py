"""Equations 1 to 8 of the paper: two kinds of term, and their weighted sum.

Shape legend, everywhere in deepsuper: B batch, T tokens, D hidden, V vocabulary, L layers, N predicted tokens.
Layer index: 0 = embeddings, k = output of block k, L = after the final norm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import torch
import torch.nn.functional as F

from deepsuper.common.errors import UserError

Alignment = Literal["conditional", "positional"]
Pooling = Literal["mean", "last"]
Similarity = Literal["cosine", "centered", "contrastive"]
Decay = Literal["none", "linear", "cosine"]
Targets = Literal["tft", "lc", "et"]


def _check_choice(name: str, value: object, choices: Any) -> None:
    """Raises: UserError where a value is none of the choices, which are a Literal."""
    if value not in get_args(choices):
        raise UserError(f"{name}: need one of {', '.join(get_args(choices))}, got {value!r}")


@dataclass(frozen=True)
class Logits:
    """-log P(labels | x^tgt) read at `layer` through W_out. Eq. 1, 2 (layer L), 4 (layer i), 6 (layer j).

    `targets` names the text that is predicted: "tft" (y^tgt), "lc" (x^en) or "et" (y^en). With
    `train_head` false neither W_out nor the final norm, which is part of the lens, gets a gradient.
    """

    layer: int
    targets: Targets
    train_head: bool = False
    lens_norm: bool = True

    def __post_init__(self) -> None:
        _check_choice("targets", self.targets, Targets)

    @property
    def trains_head(self) -> bool:
        """Whether W_out gets a gradient: always from the answer, else where `train_head` says so."""
        return self.train_head or self.targets == "tft"


@dataclass(frozen=True)
class Feature:
    """1 - cos(h_layer_en^en, h_layer^tgt) of the pooled query states. Eq. 5 (i, i), 7 (L, j).

    `temperature` is read by the contrastive similarity alone, `momentum` by the centred one alone.
    """

    layer: int
    layer_en: int
    pooling: Pooling = "mean"
    similarity: Similarity = "cosine"
    detach_english: bool = True
    temperature: float = 0.05
    momentum: float = 0.99

    def __post_init__(self) -> None:
        _check_choice("pooling", self.pooling, Pooling)
        _check_choice("similarity", self.similarity, Similarity)


@dataclass(frozen=True)
class Weight:
    """The factor of a term over training. Eq. 8 has 1 throughout; eq. 3 calls it alpha.

    It rises linearly from 0 during the first `warmup` of training and then decays to 0 if `decay` says so.
    """

    value: float = 1.0
    warmup: float = 0.0
    decay: Decay = "none"

    def __post_init__(self) -> None:
        _check_choice("decay", self.decay, Decay)

    def at(self, progress: float) -> float:
        """The weight at `progress`, the finished share of training in [0, 1]."""
        if progress < self.warmup:
            return self.value * progress / self.warmup
        rest = (progress - self.warmup) / (1.0 - self.warmup) if self.warmup < 1.0 else 0.0
        rest = min(max(rest, 0.0), 1.0)
        if self.decay == "linear":
            return self.value * (1.0 - rest)
        if self.decay == "cosine":
            return self.value * 0.5 * (1.0 + float(torch.cos(torch.tensor(torch.pi * rest))))
        return self.value


@dataclass(frozen=True)
class Objective:
    """Named terms with weights; their sum is eq. 8. `alignment` says which position predicts which English token."""

    terms: Mapping[str, Logits | Feature]
    weights: Mapping[str, Weight] = field(default_factory=dict)
    alignment: Alignment = "conditional"

    def __post_init__(self) -> None:
        _check_choice("alignment", self.alignment, Alignment)
        for name in self.weights:
            if name not in self.terms:
                raise UserError(f"weight {name!r}: need the name of a term ({', '.join(self.terms)})")

    def weight(self, name: str, progress: float = 1.0) -> float:
        """The weight of term `name` at `progress`; 1 where none was given (eq. 8)."""
        return self.weights.get(name, Weight()).at(progress)

    def total(self, losses: Mapping[str, torch.Tensor], progress: float = 1.0) -> torch.Tensor:
        """L = L_TFT + a L_LC + b L_ET. Eq. 8. Shapes: dict of () -> ()."""
        return torch.stack([self.weight(name, progress) * loss.float() for name, loss in losses.items()]).sum()

    @property
    def features(self) -> dict[str, Feature]:
        """The terms that read the English side."""
        return {name: term for name, term in self.terms.items() if isinstance(term, Feature)}

    @property
    def branches(self) -> dict[str, int]:
        """Text -> layer at which its branch retires: "lc" and "et", where conditional alignment needs them."""
        if self.alignment == "positional":
            return {}
        return {t.targets: t.layer for t in self.terms.values() if isinstance(t, Logits) and t.targets != "tft"}

    @property
    def texts(self) -> frozenset[str]:
        """The English texts that logits are read of: "lc" and "et", whatever the alignment."""
        return frozenset(t.targets for t in self.terms.values() if isinstance(t, Logits) and t.targets != "tft")

    @property
    def centered(self) -> bool:
        """Whether a term reads each language's running means."""
        return any(term.similarity == "centered" for term in self.features.values())

    @property
    def joint_english(self) -> bool:
        """Whether the English query runs in the same pass, with gradient, rather than before it without."""
        return any(not term.detach_english for term in self.features.values())

    def check(self, num_layers: int) -> None:
        """Raises: UserError where a layer does not exist in a model of `num_layers` blocks, naming value and range."""
        for name, term in self.terms.items():
            if isinstance(term, Logits) and term.targets == "tft":
                if term.layer != num_layers:
                    raise UserError(
                        f"term {name}: answers are read at the last layer, need layer = {num_layers}, got {term.layer}"
                    )
                continue
            if not 0 < term.layer <= num_layers:
                raise UserError(f"term {name}: need 0 < layer <= {num_layers}, got {term.layer}")
            if isinstance(term, Feature) and not 0 < term.layer_en <= num_layers:
                raise UserError(f"term {name}: need 0 < layer_en <= {num_layers}, got {term.layer_en}")
        if "lc" in self.terms and "et" in self.terms and not self.terms["lc"].layer < self.terms["et"].layer:
            raise UserError(
                f"need 0 < layer_lc < layer_et <= {num_layers}, got {self.terms['lc'].layer}, {self.terms['et'].layer}"
            )


def pool(states: torch.Tensor, mask: torch.Tensor, pooling: Pooling) -> torch.Tensor:
    """One vector for each row's query. Eq. 5, 7 (paper silent on how). Shapes: (B, T, D), (B, T) -> (B, D) float32."""
    if pooling == "last":
        last = (mask * torch.arange(mask.shape[1], device=mask.device)).argmax(dim=1)
        return states[torch.arange(len(states), device=states.device), last].float()
    weights = mask.to(states.dtype).unsqueeze(1)
    return (weights @ states).squeeze(1).float() / mask.sum(dim=1, keepdim=True).clamp(min=1)


def cosine_loss(english: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """1 - cos(a, b) of each row. Eq. 5, 7. Shapes: (B, D), (B, D) -> (B,)."""
    return 1.0 - F.cosine_similarity(english, target, dim=-1)


def contrastive_loss(english: torch.Tensor, target: torch.Tensor, temperature: float) -> torch.Tensor:
    """InfoNCE over the batch: each target query should be nearest to its own English one. Paper silent.

    Shapes: (B, D), (B, D) -> (B,). The other rows of the same micro-batch are the negatives.
    """
    similarity = F.normalize(target, dim=-1) @ F.normalize(english, dim=-1).T / temperature
    return F.cross_entropy(similarity, torch.arange(len(target), device=target.device), reduction="none")
