"""What can be measured: the recipe's own terms, and each reading at each layer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

from deepsuper.config import ObjectiveConfig, ReadingName
from deepsuper.config.objective import Alignment, Center, Similarity
from deepsuper.method.objective import Feature, Logits, Objective, Retain, term_key

OWN = "recipe"
"""The reading of the recipe's own terms."""
DISTANCES: dict[str, tuple[Similarity, Center]] = {
    "raw": ("cosine", "none"),
    "centered": ("cosine", "batch"),
    "contrastive": ("contrastive", "none"),
    "centered-contrastive": ("contrastive", "batch"),
}
"""The readings of pooled states (eq. 5, 7). The mean is that of the batch: before a run there is no running one."""


@dataclass(frozen=True)
class Candidate:
    """A term to measure. `side`: the name of the term, lc or et, that it is or could be; `reading`: see `DISTANCES`.

    `stream`: the stream whose rows it reads, "" in a run without `streams`.
    """

    side: str
    reading: str
    term: Logits | Feature
    stream: str = ""

    @property
    def name(self) -> str:
        """One name for each candidate, such as `lc raw 8`; that of the recipe's term is its own."""
        return term_key(self.stream, self.side) if self.reading == OWN else f"{self.title} {self.term.layer}"

    @property
    def title(self) -> str:
        """The same at every layer: a row of the picture."""
        return f"{self.name} ({OWN})" if self.reading == OWN else f"{self.side} {self.reading}"


def own_terms(objectives: Mapping[str, Objective]) -> list[Candidate]:
    """The terms of a recipe beside the tasks of its streams. One that retains has no gradient before a run."""
    return [
        Candidate(name, OWN, term, stream)
        for stream, objective in objectives.items()
        for name, term in objective.terms.items()
        if name != "tft" and not isinstance(term, Retain)
    ]


def readings_at(
    readings: Sequence[ReadingName],
    layers: Sequence[int],
    config: ObjectiveConfig,
    num_layers: int,
    stream: str = "",
) -> list[Candidate]:
    """Each reading at each layer, with the pooling, temperature and lens that the recipe has. Eq. 4, 5, 6, 7."""
    found = []
    for name in get_args(ReadingName):
        if name not in readings:
            continue
        for side in ("lc", "et") if name in DISTANCES else (name[:2],):
            reading = name if name in DISTANCES else name[3:]
            terms = [_term(config, side, reading, layer, num_layers) for layer in layers]
            found += [Candidate(side, reading, term, stream) for term in terms]
    return found


def _term(config: ObjectiveConfig, side: str, reading: str, layer: int, num_layers: int) -> Logits | Feature:
    if reading == "logits":
        return Logits(layer, "lc" if side == "lc" else "et", lens_norm=config.lens_norm, lens=config.lens)
    similarity, center = DISTANCES[reading]
    return Feature(
        layer,
        layer if side == "lc" else num_layers,
        pooling=config.pooling,
        center=center,
        similarity=similarity,
        detach_english=config.detach_english,
        temperature=config.temperature,
        lens=config.lens,
    )


@dataclass(frozen=True)
class SharedPass:
    """Candidates of one stream whose columns are the same, so that one forward pass serves all of them.

    `answers`: the pass needs the target's answers. The columns of all others end with the question, and so does
    their backward.
    """

    stream: str
    objective: Objective
    answers: bool = False


def shared_passes(candidates: Sequence[Candidate], alignments: Mapping[str, Alignment]) -> list[SharedPass]:
    """As few passes as need no column that one of their candidates does not read: features, and each English text.

    `alignments`: that of each stream.
    """
    groups: dict[tuple[str, str, bool], dict[str, Logits | Feature]] = {}
    for one in candidates:
        term = one.term
        kind = (term.targets, False) if isinstance(term, Logits) else ("features", term.detach_english)
        groups.setdefault((one.stream, *kind), {})[one.name] = term
    return [
        SharedPass(
            stream,
            Objective(terms, alignment=alignments[stream]),
            answers=text == "et" and alignments[stream] == "positional",
        )
        for (stream, text, _), terms in groups.items()
    ]
