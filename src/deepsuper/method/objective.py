"""Equations 1 to 8 of the paper: two kinds of term, and their weighted sum; and a term that retains what the model was.

It loads without torch.

Shape legend, everywhere in deepsuper: B batch, T tokens, D hidden, V vocabulary, L layers, N predicted tokens.
Layer index: 0 = embeddings, k = output of block k, L = after the final norm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

from deepsuper.common.errors import UserError
from deepsuper.config.objective import Alignment, Center, LensKind, ObjectiveConfig, Pooling, Similarity, Weight
from deepsuper.method.balance import Balance

if TYPE_CHECKING:
    import torch

Targets = Literal["tft", "lc", "et"]
RetainedText = Literal["rows", "english rows", "query"]


def term_key(stream: str, term: str) -> str:
    """What a term is called in the log and in checkpoints: by its stream too, where a run has several."""
    return f"{stream}_{term}" if stream else term


def _check_choice(name: str, value: object, choices: Any) -> None:
    """Raises: UserError if `value` is not one of `choices`, a Literal."""
    if value not in get_args(choices):
        raise UserError(f"{name}: need one of {', '.join(get_args(choices))}, got {value!r}")


@dataclass(frozen=True)
class Logits:
    """-log P(labels | x^tgt) read at `layer` through W_out. Eq. 1, 2 (layer L), 4 (layer i), 6 (layer j).

    `targets` names the predicted text: "tft" (y^tgt), "lc" (x^en) or "et" (y^en). If `train_head` is false, W_out and
    the final norm, which is part of the lens, get no gradient. `lens`: how an inner layer is read.
    """

    layer: int
    targets: Targets
    train_head: bool = False
    lens_norm: bool = ObjectiveConfig.lens_norm
    lens: LensKind = ObjectiveConfig.lens

    def __post_init__(self) -> None:
        _check_choice("targets", self.targets, Targets)
        _check_choice("lens", self.lens, LensKind)

    @property
    def translated(self) -> frozenset[int]:
        """The layers that a tuned lens translates for this term."""
        return frozenset({self.layer} if self.lens == "tuned" else ())

    @property
    def trains_head(self) -> bool:
        """Whether W_out gets a gradient: always from the answer, otherwise if `train_head` is true."""
        return self.train_head or self.targets == "tft"


@dataclass(frozen=True)
class Feature:
    """1 - cos(h_layer_en^en, h_layer^tgt) of the pooled query states. Eq. 5 (i, i), 7 (L, j).

    `center`: the states stand apart from the mean of their language, over the micro-batch (with gradient through the
    mean) or running (without). Only the contrastive similarity uses `temperature`, and only running means `momentum`.
    `lens` tuned: states of two layers are compared in terms of layer L.
    """

    layer: int
    layer_en: int
    pooling: Pooling = ObjectiveConfig.pooling
    center: Center = ObjectiveConfig.center
    similarity: Similarity = ObjectiveConfig.similarity
    detach_english: bool = ObjectiveConfig.detach_english
    temperature: float = ObjectiveConfig.temperature
    momentum: float = ObjectiveConfig.momentum
    lens: LensKind = ObjectiveConfig.lens

    def __post_init__(self) -> None:
        _check_choice("lens", self.lens, LensKind)
        _check_choice("pooling", self.pooling, Pooling)
        _check_choice("center", self.center, Center)
        _check_choice("similarity", self.similarity, Similarity)

    @property
    def translated(self) -> frozenset[int]:
        """The layers that a tuned lens translates for this term: none where both sides are read at one layer."""
        return frozenset({self.layer, self.layer_en} if self.lens == "tuned" and self.layer != self.layer_en else ())

    @property
    def compares_rows(self) -> bool:
        """Whether the loss of a row depends on the other rows of its micro-batch."""
        return self.similarity == "contrastive" or self.center == "batch"


@dataclass(frozen=True)
class Retain:
    """How far each English token is from where the model before training has it. Not in the paper.

    cosine: 1 - cos of the two states at `layer`. kl: KL(before || trained) of the next token, at L. W_out gets no
    gradient. `text`: the rows themselves, those of language en, or the English query x^en beside a row.
    """

    layer: int
    kind: Literal["cosine", "kl"] = "cosine"
    text: RetainedText = "rows"

    def __post_init__(self) -> None:
        _check_choice("kind", self.kind, Literal["cosine", "kl"])
        _check_choice("text", self.text, RetainedText)


Term = Logits | Feature | Retain
Terms = Mapping[str, Term]


def english_layers(terms: Terms) -> set[int]:
    """The layers at which `terms` read the English query."""
    retained = {t.layer for t in terms.values() if isinstance(t, Retain) and t.text == "query"}
    return retained | {t.layer_en for t in terms.values() if isinstance(t, Feature)}


def trunk_layers(terms: Terms) -> set[int]:
    """The layers at which `terms` read x^tgt y^tgt, or a branch behind it."""
    return {t.layer for t in terms.values() if not (isinstance(t, Retain) and t.text == "query")}


@dataclass(frozen=True)
class Objective:
    """Named terms with weights; their sum is eq. 8. `alignment` says which position predicts which English token.

    `balance` multiplies the weights by factors that follow the gradients.
    """

    terms: Terms
    weights: Mapping[str, Weight] = field(default_factory=dict)
    alignment: Alignment = ObjectiveConfig.alignment
    balance: Balance | None = None

    def __post_init__(self) -> None:
        _check_choice("alignment", self.alignment, Alignment)
        for name in self.weights:
            if name not in self.terms:
                raise UserError(f"weight {name!r}: need the name of a term ({', '.join(self.terms)})")
        if len({term.text for term in self.retained.values()}) > 1:
            raise UserError(f"terms {', '.join(self.retained)}: need the same text in all of them")

    def weight(self, name: str, progress: float = 1.0) -> float:
        """The weight of term `name` at `progress`, balanced; 1 if none was given (eq. 8)."""
        factor = 1.0 if self.balance is None else self.balance.factor(name)
        return factor * self.weights.get(name, Weight()).at(progress)

    def total(self, losses: Mapping[str, torch.Tensor], progress: float = 1.0) -> torch.Tensor:
        """L = L_TFT + a L_LC + b L_ET. Eq. 8. Shapes: dict of () -> ()."""
        import torch

        return torch.stack([self.weight(name, progress) * loss.float() for name, loss in losses.items()]).sum()

    @property
    def features(self) -> dict[str, Feature]:
        """The terms that read the English side."""
        return {name: term for name, term in self.terms.items() if isinstance(term, Feature)}

    @property
    def retained(self) -> dict[str, Retain]:
        """The terms that read the model before training."""
        return {name: term for name, term in self.terms.items() if isinstance(term, Retain)}

    @property
    def texts(self) -> dict[str, int]:
        """The English texts that are predicted, "lc" and "et", with the highest layer that predicts each."""
        terms = [t for t in self.terms.values() if isinstance(t, Logits) and t.targets != "tft"]
        return {t.targets: t.layer for t in sorted(terms, key=lambda t: t.layer)}

    @property
    def branches(self) -> dict[str, int]:
        """The texts that run as branches behind x^tgt, with the layer at which each branch ends."""
        return self.texts if self.alignment == "conditional" else {}

    @property
    def centered(self) -> bool:
        """Whether a term removes each language's mean."""
        return any(term.center != "none" for term in self.features.values())

    @property
    def compares_rows(self) -> bool:
        """Whether a term compares a row with the others of its micro-batch."""
        return any(term.compares_rows for term in self.features.values())

    @property
    def translated(self) -> frozenset[int]:
        """The layers that a tuned lens translates for some term."""
        read = (term for term in self.terms.values() if not isinstance(term, Retain))
        return frozenset[int]().union(*(term.translated for term in read))

    @property
    def joint_english(self) -> bool:
        """Whether the English query runs in the same pass, with gradient, instead of before it, without."""
        learns = any(not term.detach_english for term in self.features.values())
        return learns or any(term.text == "query" for term in self.retained.values())

    def check(self, num_layers: int, options: Mapping[str, str] | None = None) -> None:
        """Raises: UserError if a layer does not exist in a model of `num_layers` blocks, naming value and range.

        `options`: the option that sets the layer of a term, by the term's name.
        """
        options = options or {}
        for name, term in self.terms.items():
            where = options.get(name, f"term {name}")
            if what := _read_at_the_end(term):
                if term.layer != num_layers:
                    raise UserError(
                        f"{where}: {what} are read at the last layer, need layer = {num_layers}, got {term.layer}"
                    )
                continue
            if not 0 < term.layer <= num_layers:
                raise UserError(f"{where}: need 0 < layer <= {num_layers}, got {term.layer}")
            if isinstance(term, Feature) and not 0 < term.layer_en <= num_layers:
                raise UserError(f"{where}: need 0 < layer_en <= {num_layers}, got {term.layer_en}")
        if "lc" in self.terms and "et" in self.terms and not self.terms["lc"].layer < self.terms["et"].layer:
            where = f"{options['lc']}, {options['et']}: " if options else ""
            raise UserError(
                f"{where}need 0 < layer_lc < layer_et <= {num_layers}, "
                f"got {self.terms['lc'].layer}, {self.terms['et'].layer}"
            )


def _read_at_the_end(term: Term) -> str:
    """What `term` reads at the last layer whatever the options; nothing for another term."""
    if isinstance(term, Logits) and term.targets == "tft":
        return "answers"
    return "distributions" if isinstance(term, Retain) and term.kind == "kl" else ""
