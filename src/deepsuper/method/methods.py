"""The table: method -> corpus and terms. SFT and TFT differ in data, the deep-supervision variants in terms."""

from collections.abc import Iterator
from dataclasses import dataclass

from deepsuper.common.errors import UserError
from deepsuper.config.objective import CorpusKind, ObjectiveConfig, TermKind, Weight, renamed
from deepsuper.method.balance import Balance
from deepsuper.method.objective import Feature, Logits, Objective, Retain, RetainedText, Term

CRITICAL_LAYERS = {"lc": 2 / 32, "et": 15 / 32}
"""The two entropy drops that the paper found in LLaMA-2-7B (layers 2 and 15), as shares of the depth."""


LAYER_OPTIONS = {"lc": "layer_lc", "et": "layer_et", "retain": "retain_layer"}
"""The option that sets the layer of each term."""
MIDDLE = 1 / 2
"""The depth at which `pairs` compares both languages: layer 16 of 32 in Liu and Niehues, "Middle-Layer Representation
Alignment for Cross-Lingual Transfer in Fine-Tuned LLMs", ACL 2025."""


@dataclass(frozen=True)
class Method:
    """The corpus of a method, and the kind of term at its early (lc) and middle (et) layer.

    `task`: it learns answers (eq. 1, 2). `at_output`: its et term is read at L. `synthesised`: it trains on rows that
    are made from the corpus (`sdrrl`).
    """

    corpus: CorpusKind
    lc: TermKind = "none"
    et: TermKind = "none"
    synthesised: bool = False
    task: bool = True
    at_output: bool = False

    @property
    def reads_english(self) -> bool:
        """Whether a term compares a row with its own English side."""
        return self.corpus in ("parallel", "pairs") and (self.lc, self.et) != ("none", "none")

    @property
    def english_text(self) -> RetainedText | None:
        """Where its rows have English text that a term can retain."""
        return None if self.synthesised else ENGLISH_TEXT.get(self.corpus)


ENGLISH_TEXT: dict[CorpusKind, RetainedText] = {
    "english": "rows",
    "both": "english rows",
    "parallel": "query",
    "pairs": "query",
}
METHODS = {
    "sft": Method("english"),  # eq. 1
    "tft": Method("translated"),  # eq. 2
    "both": Method("both"),  # eq. 1 and 2: the control that sees both languages
    "sdrrl": Method("parallel", synthesised=True),  # eq. 2 on a corpus made of both languages
    "dft-logits": Method("parallel", lc="logits", et="logits"),  # eq. 2 + 4 + 6
    "dft-feature": Method("parallel", lc="feature", et="feature"),  # eq. 2 + 5 + 7
    "lc-logits": Method("parallel", lc="logits"),  # table 3, 4
    "lc-feature": Method("parallel", lc="feature"),
    "et-logits": Method("parallel", et="logits"),
    "et-feature": Method("parallel", et="feature"),
    "et-output": Method("parallel", et="logits", at_output=True),  # eq. 2 + 6 read at L: the control without depth
    "pairs": Method("pairs", lc="feature", task=False),  # eq. 5 alone, on texts without answers
}


def method_of(config: ObjectiveConfig) -> Method:
    """The row of the table; for `mixture` and `pairs`, one made from `config.lc` and `config.et`, if given."""
    given = (config.lc, config.et) != ("none", "none")
    if config.method == "mixture":
        return Method("parallel", config.lc, config.et)
    if config.method == "pairs" and given:
        return Method("pairs", config.lc, config.et, task=False)
    return METHODS[config.method]


def check_objective(objective: ObjectiveConfig) -> None:
    """Raises: UserError naming the first option that the method does not use, its value and the method."""
    if message := renamed("objective.similarity", objective.similarity):
        raise UserError(message)
    if objective.method not in ("mixture", "pairs") and (objective.lc, objective.et) != ("none", "none"):
        raise UserError(
            f"objective.lc and objective.et are read by method: mixture or pairs, got method: {objective.method}"
        )
    if objective.method == "mixture" and (objective.lc, objective.et) == ("none", "none"):
        raise UserError("objective.method mixture: need objective.lc or objective.et to be logits or feature")
    for name in ("lc", "et"):
        if objective.method == "pairs" and getattr(objective, name) == "logits":
            raise UserError(f"objective.{name} logits: method pairs has texts without answers: need feature or none")
    if objective.method == "et-output" and objective.layer_et is not None:
        raise UserError(f"objective.layer_et {objective.layer_et}: et-output reads the last layer: leave it out")
    if objective.shuffle_english and not method_of(objective).reads_english:
        raise UserError(f"objective.shuffle_english: method {objective.method} compares no row with its English side")
    if objective.lens == "tuned" and not objective.lens_norm:
        raise UserError(
            "objective.lens tuned: its maps end before the final norm, got objective.lens_norm false: drop one"
        )
    method = method_of(objective)
    _check_retain(objective, method)
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
        if getattr(objective, f"{term}_weight") != Weight():
            raise UserError(f"objective.{term}_weight: method {objective.method} has no {term} term: leave it out")
    for name, reader, read in _readers(objective, {method.lc, method.et}, method.et):
        value = getattr(objective, name)
        other = reader.partition(" with ")[2].partition(":")[0]
        got = f", {other}: {getattr(objective, other)}" if other else ""
        if not read and value != getattr(ObjectiveConfig, name):
            raise UserError(
                f"objective.{name} {value!r}: read by {reader}, got method: {objective.method}{got}: leave it out"
            )


def _check_retain(objective: ObjectiveConfig, method: Method) -> None:
    """Raises: UserError where there is no English text to retain, or nothing that reads an option of it."""
    kind, layer = objective.retain, objective.retain_layer
    if kind == "none":
        for name in ("retain_layer", "retain_weight"):
            if getattr(objective, name) != getattr(ObjectiveConfig(), name):
                raise UserError(f"objective.{name}: read by objective.retain: cosine or kl, got none: leave it out")
        return
    if kind == "kl" and layer is not None:
        raise UserError(f"objective.retain_layer {layer}: retain: kl reads the last layer: leave it out")
    if method.english_text is None:
        raise UserError(
            f"objective.retain {kind}: method {objective.method} has no English text of its rows: need method sft, "
            "both, pairs or one that reads parallel rows, such as a stream of sft beside it"
        )


def _readers(objective: ObjectiveConfig, kinds: set[TermKind], et: TermKind) -> Iterator[tuple[str, str, bool]]:
    """Each option, what reads it, and whether the method has such a term."""
    yield "alignment", "logits terms", "logits" in kinds
    yield "lens_norm", "logits terms and layers: auto", "logits" in kinds or objective.layers == "auto"
    # At L there is nothing to translate.
    lens = ("logits" in kinds and objective.method != "et-output") or et == "feature" or objective.layers == "auto"
    yield "lens", "inner logits terms, an et term of features and layers: auto", lens
    yield "train_head_et", "an et term of logits", et == "logits"
    for name in ("pooling", "center", "similarity", "detach_english"):
        yield name, "feature terms", "feature" in kinds
    for name, other, value in (("momentum", "center", "running"), ("temperature", "similarity", "contrastive")):
        read = "feature" in kinds and getattr(objective, other) == value
        yield name, f"feature terms with {other}: {value}", read
    yield "balance", "lc and et terms", kinds != {"none"}
    for name in ("ratio", "balance_every"):
        yield name, "methods with balance: ratio", objective.balance == "ratio"


def default_layer(term: str, num_layers: int) -> int:
    """The layer at the paper's share of the depth. Paper silent on other models; `deepsuper layers` measures it."""
    return max(1, round(CRITICAL_LAYERS[term] * num_layers))


def build_objective(config: ObjectiveConfig, num_layers: int) -> Objective:
    """The terms and weights of eq. 8. Raises: UserError naming the option if the model has no such layer."""
    method = method_of(config)
    i = config.layer_lc if config.layer_lc is not None else default_layer("lc", num_layers)
    j = config.layer_et if config.layer_et is not None else default_layer("et", num_layers)
    if config.layer_lc is None and not method.task:
        i = max(1, round(MIDDLE * num_layers))
    if method.at_output:
        j = num_layers
    terms: dict[str, Term] = {}
    if method.task:
        terms["tft"] = Logits(num_layers, "tft", train_head=True)
    if method.lc == "logits":
        terms["lc"] = Logits(i, "lc", lens_norm=config.lens_norm, lens=config.lens)
    if method.lc == "feature":
        terms["lc"] = _feature(config, i, i)
    if method.et == "logits":
        terms["et"] = Logits(j, "et", train_head=config.train_head_et, lens_norm=config.lens_norm, lens=config.lens)
    if method.et == "feature":
        terms["et"] = _feature(config, j, num_layers)
    if config.retain != "none" and method.english_text is not None:
        layer = num_layers if config.retain_layer is None else config.retain_layer
        terms["retain"] = Retain(layer, config.retain, method.english_text)
    weights = {"lc": config.lc_weight, "et": config.et_weight, "retain": config.retain_weight}
    balance = Balance(config.ratio, config.balance_every) if config.balance == "ratio" else None
    objective = Objective(terms, {k: w for k, w in weights.items() if k in terms}, config.alignment, balance)
    objective.check(num_layers, {name: f"objective.{option}" for name, option in LAYER_OPTIONS.items()})
    return objective


def _feature(config: ObjectiveConfig, layer: int, layer_en: int) -> Feature:
    return Feature(
        layer,
        layer_en,
        pooling=config.pooling,
        center=config.center,
        similarity=config.similarity,
        detach_english=config.detach_english,
        temperature=config.temperature,
        momentum=config.momentum,
        lens=config.lens,
    )
