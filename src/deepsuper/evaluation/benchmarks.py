"""The table of benchmarks: the task in each language, how it is scored, and how a local row becomes the hub's.

A local row has the fields that stand here or the hub's own (`official/rows.py` reads both). What the harness has no
task for (MKQA, FLORES-200) is a task of this project: `own_tasks` has its prompts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from deepsuper.evaluation.own_tasks import FLORES_DIRECTIONS, FLORES_TASKS, MKQA_TASKS

Row = dict[str, Any]


@dataclass(frozen=True)
class Benchmark:
    """One benchmark. `tasks`: variant (a language, or a direction of translation such as en-zh) -> task; `metric`: the
    measure of the tables, `also`: those beside it; `fields`: of a local row; `to_hub` makes the hub's of it; `values`:
    what stands in the fields, where their names do not say it; `own`: task -> its whole configuration, where the
    harness has none.
    """

    name: str
    tasks: Mapping[str, str]
    metric: str
    fields: tuple[str, ...]
    to_hub: Callable[[Row], Row]
    source: str
    values: str = ""
    also: tuple[str, ...] = ()
    own: Mapping[str, Row] = field(default_factory=dict)

    @property
    def generates(self) -> bool:
        """Whether the model writes its answer, or else only weighs the choices."""
        return self.metric != "acc"

    def variants(self, language: str) -> list[str]:
        """What there is to run in a language: English alone has no direction of translation."""
        return [variant for variant in self.tasks if file_language(variant) == language]

    def as_hub(self, row: Row) -> Row:
        """A local row, checked before, as the harness task reads it."""
        return {**self.to_hub(row), "id": row["id"]}


def file_language(variant: str) -> str:
    """The language whose file holds a variant's rows: the one that is not English."""
    return next((part for part in variant.split("-") if part != "en"), "en")


def answer_language(variant: str) -> str:
    """The language that the answer is asked in."""
    return variant.rpartition("-")[2]


def _named(pattern: str, *languages: str) -> dict[str, str]:
    return {language: pattern.format(language) for language in languages}


def _question(row: Row) -> Row:
    answers = row["answers"]
    if not isinstance(answers, dict):  # as the hub has them
        answers = {"text": answers, "answer_start": row.get("answer_start", [0] * len(answers))}
    return {"context": row["context"], "question": row["question"], "answers": answers}


def _truthful(row: Row) -> Row:
    choices, right = row["mc1_choices"], row["mc1_label"]
    # The harness takes the first choice for the right one; MC1 does not depend on the order of the others.
    ordered = [choices[right], *(c for n, c in enumerate(choices) if n != right)]
    labels = [1] + [0] * (len(choices) - 1)
    mc2 = {"choices": row.get("mc2_choices", ordered), "labels": row.get("mc2_labels", labels)}
    return {
        "question": row["question"],
        "mc1_targets_choices": ordered,
        "mc2_targets_choices": mc2["choices"],
        "mc2_targets_labels": mc2["labels"],
        "mc1_targets": {"choices": ordered, "labels": labels},
        "mc2_targets": mc2,
    }


def _four_choices(row: Row) -> Row:
    options = dict(zip(("option_a", "option_b", "option_c", "option_d"), row["choices"], strict=True))
    return {"instruction": row["question"], **options, "answer": "ABCD"[row["answer"]]}


def _story(row: Row) -> Row:
    sentences = {f"input_sentence_{n}": text for n, text in enumerate(row["sentences"], start=1)}
    endings = dict(zip(("sentence_quiz1", "sentence_quiz2"), row["endings"], strict=True))
    return {**sentences, **endings, "answer_right_ending": row["label"] + 1}


_WRITTEN = ("exact_match", "in_language", "empty")
_ASKED = ("context", "question", "answers")
_GOLDS = "answers: a list of all right ones"
BENCHMARKS = {
    benchmark.name: benchmark
    for benchmark in (
        Benchmark(
            "xquad", _named("xquad_{}", "en", "zh", "vi", "ar"), "f1", _ASKED, _question,
            "https://github.com/google-deepmind/xquad", _GOLDS, _WRITTEN,
        ),
        Benchmark(
            "mlqa", _named("mlqa_{0}_{0}", "en", "zh", "vi", "ar"), "f1", _ASKED, _question,
            "https://github.com/facebookresearch/MLQA", _GOLDS, _WRITTEN,
        ),
        Benchmark(
            "mkqa", _named("mkqa_{}", "en", "zh", "vi", "ar"), "official_f1", ("question", "answers"), dict,
            "https://github.com/apple/ml-mkqa/raw/main/dataset/mkqa.jsonl.gz",
            f'{_GOLDS}, [""] where no answer is right', ("answerable_f1", *_WRITTEN), MKQA_TASKS,
        ),
        Benchmark(
            "truthfulqa", {"en": "truthfulqa_mc1", **_named("truthfulqa_{}_mc1", "zh", "vi", "ar")}, "acc",
            ("question", "mc1_choices", "mc1_label"), _truthful,
            "https://huggingface.co/datasets/alexandrainst/m_truthfulqa",
            "mc1_label: the place of the right choice, from 0",
        ),
        Benchmark(
            "xnli", _named("xnli_{}", "en", "zh", "vi", "ar"), "acc", ("premise", "hypothesis", "label"), dict,
            "https://huggingface.co/datasets/facebook/xnli", "label: 0 entailment, 1 neutral, 2 contradiction",
        ),
        Benchmark(
            "xcopa", _named("xcopa_{}", "zh", "vi"), "acc",
            ("premise", "choice1", "choice2", "question", "label"), dict, "https://github.com/cambridgeltl/xcopa",
            "question: cause or effect; label: 0 (choice1) or 1 (choice2)",
        ),
        Benchmark(
            "xstorycloze", _named("xstorycloze_{}", "en", "zh", "ar"), "acc", ("sentences", "endings", "label"), _story,
            "https://huggingface.co/datasets/juletxara/xstory_cloze",
            "sentences: a list of four; endings: of two; label: the place of the right one, 0 or 1",
        ),
        Benchmark(
            "mmlu", _named("m_mmlu_{}", "en", "zh", "vi", "ar"), "acc", ("question", "choices", "answer"),
            _four_choices, "https://huggingface.co/datasets/alexandrainst/m_mmlu",
            "choices: a list of four; answer: the place of the right one, 0 to 3, or A to D",
        ),
        Benchmark(
            "flores", {direction: f"flores_{direction.replace('-', '_')}" for direction in FLORES_DIRECTIONS}, "chrf",
            ("text", "english"), dict, "https://dl.fbaipublicfiles.com/nllb/flores200_dataset.tar.gz",
            "text: the sentence in the file's language; english: the same in English",
            ("spbleu", "bleu", "comet", "in_language", "empty"), FLORES_TASKS,
        ),
    )
}  # fmt: skip
