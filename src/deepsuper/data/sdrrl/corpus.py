"""Parallel rows and a model's own answers -> the rows that SDRRL trains on, part by part."""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from deepsuper.common.progress import progress
from deepsuper.config import SdrrlConfig
from deepsuper.data.rows import TARGET_FIELDS, Row, SkippedRow
from deepsuper.data.sdrrl.code_switching import choose, switch_english, switch_target, units
from deepsuper.data.sdrrl.completion import completion_rows
from deepsuper.data.sdrrl.distillation import Distilled
from deepsuper.data.words import Lexicon, segment


@dataclass
class Synthesis:
    """The rows of each part (with target fields only, which are trained on), and counts."""

    parts: dict[str, list[Row]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    skipped: list[SkippedRow] = field(default_factory=list)
    """Bad rows that were left out."""

    def add(self, part: str, rows: Sequence[Row]) -> None:
        """Adds rows to a part."""
        self.parts.setdefault(part, []).extend(rows)

    @property
    def rows(self) -> list[Row]:
        """All rows, part after part."""
        return [row for rows in self.parts.values() for row in rows]


def make_rows(rows: Sequence[Row], distilled: Distilled | None, parts: SdrrlConfig, seed: int) -> Synthesis:
    """All parts that are switched on, the same for the same seed. `distilled` None: the rows' own answers are used."""
    made = Synthesis()
    if distilled is not None:
        made.counts.update({f"answers_{outcome}": number for outcome, number in distilled.counts.items()})
    for direction in parts.directions:
        made.add(direction, [_direct(row, direction, distilled) for row in rows])
    languages = list(dict.fromkeys(row.language for row in rows))
    if parts.code_switch and parts.directions:
        for language in languages:
            _add_switched(made, [row for row in rows if row.language == language], distilled, parts, seed)
    for language in languages:
        for kind, more in completion_rows(language, parts).items():
            made.add(kind, more)
    return made


def train_lexicon(rows: Sequence[Row]) -> Lexicon:
    """The lexicon of rows of one language, learnt field by field."""
    return Lexicon.train(
        (segment(english, "en"), segment(target, row.language))
        for row in rows
        for english, target in ((getattr(row, f"{name}_en"), getattr(row, name)) for name in TARGET_FIELDS)
        if english and target
    )


def _direct(row: Row, direction: str, distilled: Distilled | None) -> Row:
    question, _, answer = direction.partition("-")
    instruction, context = _question(row, question)
    return _row(row, direction, instruction, context, _answer(row, answer, distilled))


def _row(row: Row, part: str, instruction: str, context: str, output: str) -> Row:
    return Row(f"{part}:{row.language}:{row.id}", row.language, instruction, context, output, where=row.where)


def _question(row: Row, side: str) -> tuple[str, str]:
    return (row.instruction_en, row.input_en) if side == "en" else (row.instruction, row.input)


def _answer(row: Row, side: str, distilled: Distilled | None) -> str:
    if side == "tgt":
        return row.output
    own = {} if distilled is None else distilled.answers
    return own.get((row.instruction_en, row.input_en), row.output_en)


def _add_switched(
    made: Synthesis, rows: Sequence[Row], distilled: Distilled | None, parts: SdrrlConfig, seed: int
) -> None:
    """One code-switched row for each row and language of its question, with an answer in one of its languages."""
    answers: Mapping[str, list[str]] = {
        side: [d.partition("-")[2] for d in parts.directions if d.startswith(f"{side}-")] for side in ("en", "tgt")
    }
    switched = partial(_switched, train_lexicon(rows), parts.code_switch, made.counts)
    for row in progress(rows, f"Code-switching ({rows[0].language})"):
        for side in ("en", "tgt"):
            if not answers[side]:
                continue
            part = f"switched-{side}"
            rng = random.Random(f"{seed}:{part}:{row.language}:{row.id}")
            instruction, context = (switched(row, name, side, rng) for name in ("instruction", "input"))
            if (instruction, context) == _question(row, side):
                made.counts[f"{part}_nothing_to_switch"] += 1
                continue
            answer = rng.choice(answers[side])
            output = _answer(row, answer, distilled)
            # A distilled answer has no translation to take words from.
            if parts.switch_answers and (answer == "tgt" or output == row.output_en):
                output = switched(row, "output", answer, rng)
            made.add(part, [_row(row, part, instruction, context, output)])


def _switched(
    lexicon: Lexicon, share: float, counts: Counter[str], row: Row, name: str, side: str, rng: random.Random
) -> str:
    """One side of a row's field with a share of its words switched; counts the words."""
    english, target = getattr(row, f"{name}_en"), getattr(row, name)
    found = units(lexicon, english, target, row.language)
    chosen = choose(found, share, rng)
    counts.update(words_aligned=len(found), words_switched=len(chosen))
    return (switch_english if side == "en" else switch_target)(english, target, chosen)
