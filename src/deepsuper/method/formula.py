"""The objective as text, in the paper's symbols: what `deepsuper show` prints."""

from dataclasses import dataclass

from deepsuper.config.objective import Weight
from deepsuper.config.recipe import SdrrlConfig
from deepsuper.method.methods import Method
from deepsuper.method.objective import Feature, Logits, Objective, Retain

SYMBOLS = {"lc": "x^en", "et": "y^en"}


@dataclass(frozen=True)
class Trained:
    """The paper's symbols for what the first term trains on: its name, its question and its answer."""

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
    names = {"tft": trained.loss, "lc": "L_LC", "et": "L_ET", "retain": "L_RETAIN"}
    lines = ["L = " + " + ".join(_factor(objective, name) + names[name] for name in objective.terms)]
    for name, term in objective.terms.items():
        if isinstance(term, Logits):
            text = _logits_text(objective, term, trained)
        else:
            text = _retain_text(term) if isinstance(term, Retain) else _feature_text(term, num_layers)
        lines.append(f"  {names[name]} = {text}")
    if objective.balance is not None:
        factor, every = f"{objective.balance.ratio:g} |g({trained.loss})| / |g(term)|", objective.balance.every
        lines.append(f"  each weight is multiplied by {factor}, g: gradient over the blocks, every {every} steps")
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
    notes += ["tuned lens"] if term.translated else []
    notes.append("W_out learns" if term.train_head else "W_out and final norm frozen")
    return f"{text}    [{'; '.join(notes)}]"


def _feature_text(term: Feature, num_layers: int) -> str:
    a, b = f"h_{term.layer_en}^en", f"h_{term.layer}^tgt"
    if term.layer_en == num_layers:
        a = f"h_L^en (L = {num_layers})"
    if term.center != "none":
        a, b = f"{a} - mean^en", f"{b} - mean^tgt"
    text = {
        "cosine": f"1 - cos({a}, {b})",
        "contrastive": f"-log softmax over the micro-batch of cos({a}, {b}) / {term.temperature:g}",
    }[term.similarity]
    notes = [f"{term.pooling} over the query's content tokens"]
    notes += ["inner layers through the tuned lens"] if term.translated else []
    notes.append("English side detached" if term.detach_english else "English side learns")
    if term.center == "batch":
        notes.append("means of the micro-batch")
    if term.center == "running":
        notes.append(f"running means, momentum {term.momentum:g}")
    return f"{text}    [{'; '.join(notes)}]"


def _retain_text(term: Retain) -> str:
    query = term.text == "query"
    if term.kind == "kl":
        text = f"KL(P_before || P), P = P(next token | {'x^en' if query else 'x^en, y^en'})"
    else:
        text = f"1 - cos(h_{term.layer}^en before training, h_{term.layer}^en)"
    notes = [f"mean over the content tokens of {'x^en' if query else 'x^en y^en'}"]
    notes += ["W_out frozen"] if term.kind == "kl" else []
    return f"{text}    [{'; '.join(notes)}]"


def parts_text(parts: SdrrlConfig) -> str:
    """What the rows of SDRRL are made of, in one line."""
    own = any(direction.endswith("-en") for direction in parts.directions) and parts.distill
    pieces = [", ".join(parts.directions)] if parts.directions else []
    if own:
        pieces.append(f"English answers by {parts.teacher or 'the base model'} itself")
    if parts.code_switch and parts.directions:
        what = "questions and answers" if parts.switch_answers else "questions"
        pieces.append(f"{what} with {parts.code_switch:.0%} of their aligned words switched")
    if parts.completion:
        pieces.append(f"sentences to {' and to '.join(parts.completion)}")
    return "(x, y) of: " + "; ".join(pieces)
