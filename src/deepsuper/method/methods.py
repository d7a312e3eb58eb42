"""The table: method -> corpus and terms. SFT and TFT differ in data, the deep-supervision variants in terms."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from deepsuper.common.errors import UserError
from deepsuper.config import Kind, ObjectiveConfig, WeightConfig
from deepsuper.config.recipe import CorpusKind
from deepsuper.method.objective import Feature, Logits, Objective, Weight

CRITICAL_LAYERS = {"lc": 2 / 32, "et": 15 / 32}
"""The two entropy drops that the paper found in LLaMA-2-7B (layers 2 and 15), as shares of the depth."""


@dataclass(frozen=True)
class Method:
    """What a method trains on, and which kind of supervision its early (lc) and middle (et) layer get.

    `synthesised`: it trains on rows that are made of the corpus (`sdrrl`).
    """

    corpus: CorpusKind
    lc: Kind = "none"
    et: Kind = "none"
    synthesised: bool = False


METHODS = {
    "sft": Method("english"),  # eq. 1
    "tft": Method("translated"),  # eq. 2
    "sdrrl": Method("parallel", synthesised=True),  # eq. 2 on a corpus made of both languages
    "dft-logits": Method("parallel", lc="logits", et="logits"),  # eq. 2 + 4 + 6
    "dft-feature": Method("parallel", lc="feature", et="feature"),  # eq. 2 + 5 + 7
    "lc-logits": Method("parallel", lc="logits"),  # table 3, 4
    "lc-feature": Method("parallel", lc="feature"),
    "et-logits": Method("parallel", et="logits"),
    "et-feature": Method("parallel", et="feature"),
}


def method_of(config: ObjectiveConfig) -> Method:
    """The row of the table; for `mixture`, the row that `config.lc` and `config.et` make."""
    if config.method == "mixture":
        return Method("parallel", config.lc, config.et)
    return METHODS[config.method]


def check_objective(objective: ObjectiveConfig) -> None:
    """Raises: UserError naming the first option that says nothing to the method, its value and the method."""
    if objective.method != "mixture" and (objective.lc, objective.et) != ("none", "none"):
        raise UserError(f"objective.lc and objective.et are read by method: mixture, got method: {objective.method}")
    if objective.method == "mixture" and (objective.lc, objective.et) == ("none", "none"):
        raise UserError("objective.method mixture: need objective.lc or objective.et to be logits or feature")
    method = method_of(objective)
    given = [name for name in ("layer_lc", "layer_et") if getattr(objective, name) is not None]
    if objective.layers == "auto" and given:
        raise UserError(f"objective.layers auto: measures the layers itself, got {given[0]} too: leave one out")
    if objective.layers == "auto" and (method.lc, method.et) == ("none", "none"):
        raise UserError(f"objective.layers auto: method {objective.method} supervises no inner layer: leave it out")
    for term in ("lc", "et"):
        layer = getattr(objective, f"layer_{term}")
        if getattr(method, term) != "none":
            continue
        if layer is not None:
            raise UserError(f"objective.layer_{term} {layer}: method {objective.method} has no {term} term")
        if getattr(objective, f"{term}_weight") != WeightConfig():
            raise UserError(f"objective.{term}_weight: method {objective.method} has no {term} term: leave it out")
    for name, reader, read in _readers(objective, {method.lc, method.et}, method.et):
        value = getattr(objective, name)
        similarity = f", similarity: {objective.similarity}" if "similarity" in reader else ""
        if not read and value != getattr(ObjectiveConfig, name):
            raise UserError(
                f"objective.{name} {value!r}: read by {reader}, got method: {objective.method}"
                f"{similarity}: leave it out"
            )


def _readers(objective: ObjectiveConfig, kinds: set[Kind], et: Kind) -> Iterator[tuple[str, str, bool]]:
    """An option, what reads it, and whether the method has such a term."""
    yield "alignment", "logits terms", "logits" in kinds
    yield "lens_norm", "logits terms and layers: auto", "logits" in kinds or objective.layers == "auto"
    yield "train_head_et", "an et term of logits", et == "logits"
    for name in ("pooling", "similarity", "detach_english"):
        yield name, "feature terms", "feature" in kinds
    for name, similarity in (("momentum", "centered"), ("temperature", "contrastive")):
        read = "feature" in kinds and objective.similarity == similarity
        yield name, f"feature terms with similarity: {similarity}", read


def default_layer(term: str, num_layers: int) -> int:
    """The layer at the paper's share of the depth. Paper silent on other models; `layers` will measure it."""
    return max(1, round(CRITICAL_LAYERS[term] * num_layers))


def build_objective(config: ObjectiveConfig, num_layers: int) -> Objective:
    """The terms and weights of eq. 8. Raises: UserError where a layer is not one of the model's."""
    method = method_of(config)
    i = config.layer_lc if config.layer_lc is not None else default_layer("lc", num_layers)
    j = config.layer_et if config.layer_et is not None else default_layer("et", num_layers)
    terms: dict[str, Logits | Feature] = {"tft": Logits(num_layers, "tft", train_head=True)}
    if method.lc == "logits":
        terms["lc"] = Logits(i, "lc", lens_norm=config.lens_norm)
    if method.lc == "feature":
        terms["lc"] = _feature(config, i, i)
    if method.et == "logits":
        terms["et"] = Logits(j, "et", train_head=config.train_head_et, lens_norm=config.lens_norm)
    if method.et == "feature":
        terms["et"] = _feature(config, j, num_layers)
    weights = {"lc": _weight(config.lc_weight), "et": _weight(config.et_weight)}
    objective = Objective(terms, {k: w for k, w in weights.items() if k in terms}, config.alignment)
    objective.check(num_layers)
    return objective


def _weight(config: WeightConfig) -> Weight:
    return Weight(config.value, config.warmup, config.decay)


def _feature(config: ObjectiveConfig, layer: int, layer_en: int) -> Feature:
    return Feature(
        layer,
        layer_en,
        pooling=config.pooling,
        similarity=config.similarity,
        detach_english=config.detach_english,
        temperature=config.temperature,
        momentum=config.momentum,
    )


SYMBOLS = {"lc": "x^en", "et": "y^en"}


@dataclass(frozen=True)
class Trained:
    """How the paper writes what the first term trains on: its name, its question and its answer."""

    loss: str
    query: str
    response: str


TRAINED = {"english": Trained("L_SFT", "x^en", "y^en"), "translated": Trained("L_TFT", "x^tgt", "y^tgt")}
SYNTHESISED = Trained("L_SDRRL", "x", "y")


def trained_on(method: Method) -> Trained:
    """What the first term of a method trains on."""
    return SYNTHESISED if method.synthesised else TRAINED.get(method.corpus, TRAINED["translated"])


def formula(objective: Objective, num_layers: int, trained: Trained = TRAINED["translated"]) -> str:
    """The objective as the paper writes it, one line for the sum (eq. 8) and one for each term."""
    names = {"tft": trained.loss, "lc": "L_LC", "et": "L_ET"}
    lines = ["L = " + " + ".join(_factor(objective, name) + names[name] for name in objective.terms)]
    for name, term in objective.terms.items():
        text = _logits_text(objective, term, trained) if isinstance(term, Logits) else _feature_text(term, num_layers)
        lines.append(f"  {names[name]} = {text}")
    return "\n".join(lines)


def _factor(objective: Objective, name: str) -> str:
    weight = objective.weights.get(name, Weight())
    text = f"{weight.value:g} "
    if weight.warmup:
        text += f"(from 0 over the first {weight.warmup:.0%}) "
    if weight.decay != "none":
        text += f"({weight.decay} decay to 0) "
    return "" if name == "tft" else text


def _logits_text(objective: Objective, term: Logits, trained: Trained) -> str:
    predicted = SYMBOLS.get(term.targets, trained.response)
    text = f"-log P({predicted} | {trained.query}; theta_1:{term.layer}, W_out)"
    if term.targets == "tft":
        return text
    notes = [objective.alignment, "final norm in the lens" if term.lens_norm else "no final norm"]
    notes.append("W_out learns" if term.train_head else "W_out and final norm frozen")
    return f"{text}    [{'; '.join(notes)}]"


def _feature_text(term: Feature, num_layers: int) -> str:
    a, b = f"h_{term.layer_en}^en", f"h_{term.layer}^tgt"
    if term.layer_en == num_layers:
        a = f"h_L^en (L = {num_layers})"
    text = {
        "cosine": f"1 - cos({a}, {b})",
        "centered": f"1 - cos({a} - mean^en, {b} - mean^tgt)",
        "contrastive": f"-log softmax over the batch of cos({a}, {b}) / {term.temperature:g}",
    }[term.similarity]
    notes = [f"{term.pooling} over the query's content tokens"]
    notes.append("English side detached" if term.detach_english else "English side learns")
    if term.similarity == "centered":
        notes.append(f"momentum {term.momentum:g}")
    return f"{text}    [{'; '.join(notes)}]"
