"""Self-distillation: a model's own answers to the English instructions, saved batch by batch."""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from deepsuper.common.files import cache_folder, json_line, model_hashes, whole_lines, write_text
from deepsuper.common.progress import progress
from deepsuper.config import ModelConfig, RunConfig, SdrrlConfig
from deepsuper.data.rows import Row
from deepsuper.data.templates import Template
from deepsuper.models.generation import Decoding, Written, batches_by_length, write
from deepsuper.models.load import inside_run, load_for_reading, load_tokenizer
from deepsuper.models.packaged import source_of
from deepsuper.models.precision import use_bf16

STOPS = {"plain": "\n", "alpaca": "\n###", "chat": None}
"""What ends an answer, beside EOS: a base model often continues with another question of the template."""
Question = tuple[str, str]
"""An English instruction and its input."""
Outcome = Literal["own", "cut", "empty"]


@dataclass
class Distilled:
    """A model's own answers, by question, and the number of questions of each outcome."""

    answers: dict[Question, str] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, question: Question, written: Written) -> None:
        """Adds an answer, unless it is empty or was cut by the limit."""
        outcome: Outcome = "empty" if not written.text else "own" if written.ended else "cut"
        self.counts[outcome] += 1
        if outcome == "own":
            self.answers[question] = written.text


def distil(config: RunConfig, parts: SdrrlConfig, rows: Sequence[Row]) -> Distilled:
    """The answers of the teacher, or else the base model, to the English questions of the rows.

    They are saved under a hash of everything that they depend on: an interrupted run resumes after its last batch, and
    a later run with the same model, rows and options reuses them.
    """
    questions = list(dict.fromkeys((row.instruction_en, row.input_en) for row in rows))
    model = inside_run(config.model if parts.teacher is None else replace(config.model, name=parts.teacher))
    model = replace(model, dtype="bfloat16") if use_bf16(config.training.bf16) else model
    tokenizer = load_tokenizer(model)
    template = Template(config.data.template, tokenizer)
    prompts = [template.render(*question) for question in questions]
    seed = config.training.seed if parts.temperature else 0  # greedy answers are the same for every seed
    decoding = Decoding(parts.max_answer, STOPS[config.data.template], parts.temperature, seed)
    batches = batches_by_length(prompts, parts.batch_size)
    kept = AnswerFile(answer_file(model, decoding, parts.batch_size, prompts))
    if len(kept.batches) < len(batches):
        _answer(kept, model, template, [[prompts[n] for n in batch] for batch in batches], decoding)
    distilled = Distilled()
    for number, batch in enumerate(batches):
        for n, written in zip(batch, kept.batches[number], strict=True):
            distilled.add(questions[n], written)
    return distilled


def _answer(
    kept: "AnswerFile", model: ModelConfig, template: Template, batches: Sequence[Sequence[str]], decoding: Decoding
) -> None:
    loaded = load_for_reading(model)
    missing = [n for n in range(len(batches)) if n not in kept.batches]
    for n in progress(missing, "Own answers"):
        # Each batch has its own seed, so that its answers do not depend on where a run resumed.
        seeded = replace(decoding, seed=decoding.seed + n)
        kept.add(n, write(loaded, template.tokenizer, batches[n], seeded, special=template.add_special_tokens))


class AnswerFile:
    """Answers on disk, a line for each batch. Complete lines of an earlier run are read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.batches: dict[int, list[Written]] = {}
        lines = whole_lines(path)
        for line in lines:
            record = json.loads(line)
            self.batches[record["batch"]] = [Written(**answer) for answer in record["answers"]]
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, "".join(line + "\n" for line in lines))  # without the incomplete last line of a killed run

    def add(self, number: int, answers: list[Written]) -> None:
        """Appends a batch."""
        self.batches[number] = answers
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json_line({"batch": number, "answers": [asdict(answer) for answer in answers]}))


def answer_file(model: ModelConfig, decoding: Decoding, batch_size: int, prompts: Sequence[str]) -> Path:
    """The file of a model's answers to these prompts, in the cache folder of the project."""
    made_of: dict[str, Any] = {
        "model": [asdict(model), model_hashes(source_of(model))],
        "decoding": asdict(decoding),
        "batch_size": batch_size,  # padding changes the last bits of sums, which may change a word
        "prompts": list(prompts),
    }
    name = hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()
    return cache_folder() / "sdrrl" / f"{name[:32]}.jsonl"
