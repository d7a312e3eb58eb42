"""Everything of a run that can be known, and be wrong, before a weight is loaded."""

import os
import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from deepsuper.common.errors import UserError
from deepsuper.config import ObjectiveConfig, RunConfig, SourceConfig
from deepsuper.config.recipe import option_of
from deepsuper.data.rows import Row, SkippedRow, load_corpus
from deepsuper.data.templates import encode_rows
from deepsuper.method.batch import EncodedRow
from deepsuper.method.kept_lens import check_kept
from deepsuper.method.methods import method_of
from deepsuper.method.objective import Objective
from deepsuper.models.load import load_config, load_tokenizer
from deepsuper.training.check_streams import of_stream, task_of
from deepsuper.training.resolve import resolve

QUESTIONS = 200
"""Of each language: enough to measure the layers on."""


@dataclass(frozen=True)
class Stream:
    """Encoded rows and what is learnt from them. A run without `streams` has one, without a name."""

    name: str
    objective: Objective
    rows: list[EncodedRow]

    def first_rows(self, count: int) -> list[EncodedRow]:
        """The first `count` rows of each language."""
        languages = dict.fromkeys(row.language for row in self.rows)
        return [row for name in languages for row in [r for r in self.rows if r.language == name][:count]]


@dataclass(frozen=True)
class Prepared:
    """The streams of a run, its held-out rows and its tokenizer."""

    streams: tuple[Stream, ...]
    tokenizer: Any
    held_out: list[EncodedRow]
    skipped: list[SkippedRow]
    counts: dict[str, int]
    questions: dict[str, list[tuple[str, str]]]
    """The first questions, or texts, of each language that is supervised at an inner layer, and their English."""
    fingerprints: dict[str, str]
    """Of data sets of the hub."""

    @property
    def task(self) -> Stream:
        """The first stream that learns answers: the one whose held-out loss is measured."""
        return next(stream for stream in self.streams if "tft" in stream.objective.terms)

    @property
    def objectives(self) -> dict[str, Objective]:
        """The objective of each stream."""
        return {stream.name: stream.objective for stream in self.streams}

    @property
    def num_layers(self) -> int:
        """L: the layer that answers are read at."""
        return self.task.objective.terms["tft"].layer

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages of the run's rows."""
        return tuple(dict.fromkeys(row.language for stream in self.streams for row in stream.rows))


def prepare(config: RunConfig) -> Prepared:
    """Checks every value and reads every row. Raises: UserError naming option, or file and line, and remedy."""
    objectives = resolve(config)
    load_config(config.model)  # refuses what transformers cannot load, and asks the hub which commit is meant
    for name, stream in config.all_streams.items():
        if stream.objective.lens == "tuned":
            with of_stream(name):
                check_kept(config.model, "objective.lens")
    reader = _Reader(config, load_tokenizer(config.model))
    streams = []
    for name, stream in config.all_streams.items():
        rows = reader.read(f"{option_of(name, 'data')}train", stream.train, stream.objective)
        if stream.objective.shuffle_english:
            rows = shuffled_english(rows, config.training.seed)
        reader.counts[f"{name or 'train'}_rows"] = len(rows)
        streams.append(Stream(name, objectives[name], rows))
    task = config.all_streams[task_of(config)]
    held_out = reader.read("data.held_out", config.data.held_out, task.objective) if config.data.held_out else []
    counts = {"train_rows": sum(len(stream.rows) for stream in streams), "held_out_rows": len(held_out)}
    counts |= reader.counts | {"skipped_rows": len(reader.skipped)}
    return Prepared(
        tuple(streams), reader.tokenizer, held_out, reader.skipped, counts, reader.questions, reader.fingerprints
    )


@dataclass
class _Reader:
    """Reads and encodes the rows of one source list after another, and keeps what was seen on the way."""

    config: RunConfig
    tokenizer: Any
    skipped: list[SkippedRow] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    questions: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    fingerprints: dict[str, str] = field(default_factory=dict)

    def read(self, option: str, sources: Sequence[SourceConfig], objective: ObjectiveConfig) -> list[EncodedRow]:
        """The rows of `sources`, which `option` names. Raises: UserError as `load_corpus` and `encode_rows` do."""
        data, method = self.config.data, method_of(objective)
        corpus = load_corpus(sources, data, kind=method.corpus, seed=self.config.training.seed)
        _check_weights(option, sources, corpus.rows)
        encoded = encode_rows(corpus.rows, self.tokenizer, data, method.corpus, progress=is_main())
        if not encoded.rows:
            raise UserError(f"{option}: no row fits into data.max_length: raise it")
        self.skipped += [*corpus.skipped, *encoded.skipped]
        self.fingerprints |= corpus.fingerprints
        part = option.removeprefix("data.").removeprefix("streams.").removesuffix(".train")
        self.counts |= {f"{part}_{name}_cut": number for name, number in encoded.cut.items()}
        supervised = (method.lc, method.et) != ("none", "none") and option != "data.held_out"
        for row in corpus.rows if supervised else ():
            if len(self.questions.setdefault(row.language, [])) < QUESTIONS:
                self.questions[row.language].append((row.question, row.text_en or row.instruction_en))
        return encoded.rows


def shuffled_english(rows: Sequence[EncodedRow], seed: int) -> list[EncodedRow]:
    """The rows with the English side of another row of their language: none keeps its own. The control of `pairs`."""
    numbers: dict[str, list[int]] = {}
    for number, row in enumerate(rows):
        numbers.setdefault(row.language, []).append(number)
    shuffled = list(rows)
    for language, own in numbers.items():
        if len(own) < 2:
            raise UserError(f"objective.shuffle_english: need at least 2 rows of {language}, got 1")
        random.Random(f"{seed} {language}").shuffle(own)
        for here, other in zip(own, [*own[1:], own[0]], strict=True):
            shuffled[here] = replace(rows[here], en=rows[other].en)
    return shuffled


def _check_weights(option: str, sources: Sequence[SourceConfig], rows: Sequence[Row]) -> None:
    """Raises: UserError naming the first source whose weight leaves no row of its language."""
    there = {row.language for row in rows}
    for n, source in enumerate(sources):
        if source.language not in there:
            raise UserError(
                f"{option}[{n}].weight {source.weight:g}: rounds to no row of {source.path or source.hub}: raise it"
            )


def is_main() -> bool:
    """Whether this process is the one that writes files and shows progress."""
    return int(os.environ.get("RANK", "0")) == 0
