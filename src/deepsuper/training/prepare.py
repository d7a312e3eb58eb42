"""Everything of a run that can be known, and be wrong, before a weight is loaded."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from deepsuper.common.errors import UserError
from deepsuper.config import RunConfig, SourceConfig
from deepsuper.data.rows import Row, SkippedRow, load_corpus
from deepsuper.data.templates import encode_rows
from deepsuper.method.batch import EncodedRow
from deepsuper.method.methods import method_of
from deepsuper.method.objective import Objective
from deepsuper.models.load import load_config, load_tokenizer
from deepsuper.training.resolve import resolve

QUESTIONS = 200
"""Of each language: enough to measure the layers on."""


@dataclass(frozen=True)
class Prepared:
    """The objective, the tokenizer and the encoded rows of a run."""

    objective: Objective
    tokenizer: Any
    train: list[EncodedRow]
    held_out: list[EncodedRow]
    skipped: list[SkippedRow]
    counts: dict[str, int]
    questions: dict[str, list[str]]
    """The first questions of each target language, as text."""
    fingerprints: dict[str, str]
    """Of data sets of the hub."""

    @property
    def num_layers(self) -> int:
        """L: the layer that answers are read at."""
        return self.objective.terms["tft"].layer

    @property
    def languages(self) -> tuple[str, ...]:
        """The target languages of the run."""
        return tuple(dict.fromkeys(row.language for row in self.train))


def prepare(config: RunConfig) -> Prepared:
    """Checks every value and reads every row. Raises: UserError naming option, or file and line, and remedy."""
    objective = resolve(config)
    load_config(config.model)  # refuses what transformers cannot load, and asks the hub which commit is meant
    tokenizer = load_tokenizer(config.model)
    kind = method_of(config.objective).corpus
    parts: dict[str, list[EncodedRow]] = {}
    skipped: list[SkippedRow] = []
    counts: dict[str, int] = {}
    questions: dict[str, list[str]] = {}
    fingerprints: dict[str, str] = {}
    for part, sources in (("train", config.data.train), ("held_out", config.data.held_out)):
        corpus = load_corpus(sources, config.data, kind=kind, seed=config.training.seed)
        _check_weights(part, sources, corpus.rows)
        encoded = encode_rows(corpus.rows, tokenizer, config.data, kind, progress=is_main())
        skipped += [*corpus.skipped, *encoded.skipped]
        fingerprints |= corpus.fingerprints
        if part == "train":
            questions = _first_questions(corpus.rows)
        parts[part] = encoded.rows
        counts[f"{part}_rows"] = len(encoded.rows)
        counts |= {f"{part}_{name}_cut": number for name, number in encoded.cut.items()}
    counts["skipped_rows"] = len(skipped)
    for part, sources in (("train", config.data.train), ("held_out", config.data.held_out)):
        if sources and not parts[part]:
            raise UserError(f"data.{part}: no row fits into data.max_length: raise it")
    return Prepared(objective, tokenizer, parts["train"], parts["held_out"], skipped, counts, questions, fingerprints)


def _first_questions(rows: Iterable[Row]) -> dict[str, list[str]]:
    """Up to `QUESTIONS` questions of each language."""
    questions: dict[str, list[str]] = {}
    for row in rows:
        if len(questions.setdefault(row.language, [])) < QUESTIONS:
            questions[row.language].append(row.instruction)
    return questions


def _check_weights(part: str, sources: Sequence[SourceConfig], rows: Sequence[Row]) -> None:
    """Raises: UserError naming the first source whose weight leaves no row of its language."""
    there = {row.language for row in rows}
    for n, source in enumerate(sources):
        if source.language not in there:
            raise UserError(
                f"data.{part}[{n}].weight {source.weight:g}: rounds to no row of {source.path or source.hub}: raise it"
            )


def is_main() -> bool:
    """Whether this process is the one that writes files and shows progress."""
    return int(os.environ.get("RANK", "0")) == 0
