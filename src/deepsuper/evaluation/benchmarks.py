"""The table of benchmarks. A benchmark is one row of it: no other file names one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from deepsuper.evaluation import hub_rows
from deepsuper.evaluation.official import rows as official
from deepsuper.evaluation.own_tasks import FLORES_DIRECTIONS, FLORES_TASKS, MKQA_TASKS, SIB200_TASKS
from deepsuper.evaluation.scorers import mkqa_scores, mlqa_scores

PROFILES = ("paper", "corrected")
"""`paper` is the harness's own task with its faults; `corrected` mends those that docs/evaluation.md lists."""
IDS = ("id", "pairID", "InputStoryid", "story_id", "example_id")
"""The fields that hold a row's id in the official files, the best first."""


@dataclass(frozen=True)
class Download:
    """Where a benchmark's official download holds its rows, and how a row is read.

    Attributes:
        files: Patterns of file names, the best first. LANG stands for the language's code; a file without it holds all
            languages.
        read_row: Makes a local row of a record in the official format, of the hub or of the local layout.
        validation: Patterns of validation files, which are read with a warning where no other file is there.
        codes: The language's code in the file names, where it is not that of ISO 639-1.
        numbered: What is put before an id that is a number alone.
    """

    files: tuple[str, ...]
    read_row: Callable[[Mapping[str, Any], str], dict[str, Any]]
    validation: tuple[str, ...] = ()
    english: tuple[str, ...] = ()
    codes: Mapping[str, str] = field(default_factory=dict)
    ids: tuple[str, ...] = IDS
    numbered: str = ""


@dataclass(frozen=True)
class Benchmark:
    """One benchmark.

    Attributes:
        name: What `--benchmarks`, the folders and the results call it.
        tasks: Variant -> the harness's task. A variant is a language, or a direction of translation such as en-zh.
        metric: The measure of the tables.
        fields: The fields of a local row.
        to_hub: Makes the hub's row of a local one.
        folders: The harness's folders that hold these tasks.
        values: What the fields hold, where their names do not say it.
        also: The measures beside `metric`.
        own: Task -> its whole configuration, where the harness has no such task.
        corrections: Variant -> what the profile `corrected` changes in the configuration of the task.
        scorers: Profile -> the scores of an answer against all right ones, in a language; else the harness scores.
        titles: Measure -> its name on this benchmark, where it has another one than elsewhere.
    """

    name: str
    tasks: Mapping[str, str]
    metric: str
    fields: tuple[str, ...]
    to_hub: Callable[[dict[str, Any]], dict[str, Any]]
    source: str
    download: Download
    folders: tuple[str, ...] = ()
    values: str = ""
    also: tuple[str, ...] = ()
    own: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    corrections: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    scorers: Mapping[str, Callable[[str, Sequence[str], str], dict[str, float]]] = field(default_factory=dict)
    titles: Mapping[str, str] = field(default_factory=dict)

    @property
    def generates(self) -> bool:
        """Whether the model writes its answer; else it chooses among given ones."""
        return self.metric != "acc"

    @property
    def translates(self) -> bool:
        """Whether the variants are directions of translation, each file holding a language and English."""
        return any("-" in variant for variant in self.tasks)

    def variants(self, language: str) -> list[str]:
        """The variants that read a language's file; a benchmark of translations has none for English."""
        return [variant for variant in self.tasks if file_language(variant) == language]


def file_language(variant: str) -> str:
    """The language whose file holds a variant's rows: the one that is not English."""
    return next((part for part in variant.split("-") if part != "en"), "en")


def _named(pattern: str, *languages: str) -> dict[str, str]:
    return {language: pattern.format(language) for language in languages}


_WRITTEN = ("exact_match", "in_language", "empty")
_GOLDS = "answers: a list of all right ones; title, if every row has one: the article, drawn as one in intervals"
_XCOPA = "{{{{premise.strip()}}}} {{{{'{cause}' if question == 'cause' else '{effect}'}}}}"
_STORY = "{{[input_sentence_1, input_sentence_2, input_sentence_3, input_sentence_4]|join('')}}"
_TABLE = (
    Benchmark(
        name="xquad",
        tasks=_named("xquad_{}", "en", "zh", "vi", "ar"),
        folders=("xquad",),
        metric="f1",
        also=_WRITTEN,
        fields=("context", "question", "answers"),
        values=_GOLDS,
        to_hub=hub_rows.question,
        source="https://github.com/google-deepmind/xquad",
        download=Download((r"xquad\.LANG\.jsonl?", r"xquad\.LANG/validation-[^/]*\.parquet"), official.question),
        # The harness's word for "context" lacks its last letter.
        corrections={"ar": {"doc_to_text": "سياق: {{context}}\n\nسؤال: {{question}}\n\nإجابة:"}},
        scorers={"corrected": mlqa_scores},
    ),
    Benchmark(
        name="mlqa",
        tasks=_named("mlqa_{0}_{0}", "en", "zh", "vi", "ar"),
        folders=("mlqa",),
        metric="f1",
        also=_WRITTEN,
        fields=("context", "question", "answers"),
        values=_GOLDS,
        to_hub=hub_rows.question,
        source="https://github.com/facebookresearch/MLQA",
        download=Download((r"test-context-LANG-question-LANG\.json",), official.question),
        scorers={"corrected": mlqa_scores},
    ),
    Benchmark(
        name="mkqa",
        tasks=_named("mkqa_{}", "en", "zh", "vi", "ar"),
        metric="official_f1",
        also=("answerable_f1", *_WRITTEN),
        fields=("question", "answers"),
        values=f'{_GOLDS}, [""] where no answer is right',
        to_hub=dict,
        source="https://github.com/apple/ml-mkqa/raw/main/dataset/mkqa.jsonl.gz",
        download=Download((r"(test_)?mkqa(_test_fixture)?\.jsonl",), official.open_question),
        own=MKQA_TASKS,
        scorers=dict.fromkeys(PROFILES, mkqa_scores),
    ),
    Benchmark(
        name="truthfulqa",
        tasks={"en": "truthfulqa_mc1", **_named("truthfulqa_{}_mc1", "zh", "vi", "ar")},
        folders=("truthfulqa", "okapi"),
        metric="acc",
        titles={"acc": "MC1"},
        fields=("question", "mc1_choices", "mc1_label"),
        values="mc1_label: the place of the right choice, from 0",
        to_hub=hub_rows.truthful,
        source="https://huggingface.co/datasets/alexandrainst/m_truthfulqa",
        download=Download(
            (r"LANG/val\.jsonl", r"LANG/val-[^/]*\.parquet", r"LANG_validation\.json"),
            official.truthful,
            english=(r"mc_task\.json",),
        ),
        # The harness puts six English questions and answers before every question.
        corrections={language: {"doc_to_text": "Q: {{question}}\nA:"} for language in ("zh", "vi", "ar")},
    ),
    Benchmark(
        name="xnli",
        tasks=_named("xnli_{}", "en", "zh", "vi", "ar"),
        folders=("xnli",),
        metric="acc",
        fields=("premise", "hypothesis", "label"),
        values="label: 0 entailment, 1 neutral, 2 contradiction",
        to_hub=dict,
        source="https://huggingface.co/datasets/facebook/xnli",
        download=Download(
            (r"xnli\.dev\.tsv", r"xnli\.dev\.jsonl", r"LANG/validation-[^/]*\.parquet"), official.entailment
        ),
        # The harness's Arabic "No" is رقم, a number.
        corrections={
            "ar": {
                "doc_to_choice": "{{[premise+', صحيح? نعم, '+hypothesis, premise+', صحيح? لذا, '+hypothesis, "
                "premise+', صحيح? لا, '+hypothesis]}}"
            }
        },
    ),
    Benchmark(
        name="xcopa",
        tasks=_named("xcopa_{}", "zh", "vi"),
        folders=("xcopa",),
        metric="acc",
        fields=("premise", "choice1", "choice2", "question", "label"),
        values="question: cause or effect; label: 0 (choice1) or 1 (choice2)",
        to_hub=dict,
        source="https://github.com/cambridgeltl/xcopa",
        # The official repository also has data-gmt/: machine translations into English, under the same names.
        download=Download(
            (r"data/LANG/test\.LANG\.jsonl", r"test\.LANG\.jsonl", r"LANG/test-[^/]*\.parquet"),
            official.cause_or_effect,
        ),
        # The harness cuts the last character of the premise, whatever it is: in both languages it is the full stop.
        corrections={
            "zh": {"doc_to_text": _XCOPA.format(cause="因为", effect="所以")},
            "vi": {"doc_to_text": _XCOPA.format(cause="bởi vì", effect="vì vậy")},
        },
    ),
    Benchmark(
        name="xstorycloze",
        tasks=_named("xstorycloze_{}", "en", "zh", "ar"),
        folders=("xstorycloze",),
        metric="acc",
        fields=("sentences", "endings", "label"),
        values="sentences: a list of four; endings: of two; label: the place of the right one, 0 or 1",
        to_hub=hub_rows.story,
        source="https://huggingface.co/datasets/juletxara/xstory_cloze",
        download=Download((r"spring2016\.val\.LANG\.tsv\.split_20_80_eval\.tsv",), official.story),
        # Chinese has no spaces between sentences.
        corrections={"zh": {"doc_to_text": _STORY, "target_delimiter": ""}},
    ),
    Benchmark(
        name="mmlu",
        tasks=_named("m_mmlu_{}", "en", "zh", "vi", "ar"),
        folders=("mmlu", "okapi"),
        metric="acc",
        fields=("question", "choices", "answer"),
        values="choices: a list of four; answer: the place of the right one, 0 to 3, or A to D",
        to_hub=hub_rows.four_choices,
        source="https://huggingface.co/datasets/alexandrainst/m_mmlu",
        # The harness scores the test split.
        download=Download(
            (
                r"LANG/test\.jsonl", r"LANG/test-[^/]*\.parquet", r"LANG_test\.json", r"m?_?mmlu\.test\.LANG\.jsonl",
                r"test\.LANG\.jsonl", r"mmlu_LANG-[a-z]{2}\.csv",
            ),
            official.four_choices,
            validation=(
                r"LANG/val\.jsonl", r"LANG/val-[^/]*\.parquet", r"LANG_val\.json", r"m_mmlu\.val\.LANG\.jsonl",
            ),
            english=(r"test/[a-z_]+_test\.csv", r"[a-z_]+_test\.csv", r"mmlu\.csv"),
        ),
    ),
    Benchmark(
        name="flores",
        tasks={direction: f"flores_{direction.replace('-', '_')}" for direction in FLORES_DIRECTIONS},
        metric="chrf",
        also=("spbleu", "bleu", "comet", "in_language", "empty"),
        fields=("text", "english"),
        values="text: the sentence in the file's language; english: the same in English",
        to_hub=dict,
        source="https://dl.fbaipublicfiles.com/nllb/flores200_dataset.tar.gz",
        download=Download(
            (r"devtest/LANG\.devtest", r"LANG\.devtest", r"flores_devtest\.en-LANG\.jsonl", r"flores_sib200\.jsonl"),
            official.translation,
            codes={"zh": "zho_Hans", "vi": "vie_Latn", "ar": "arb_Arab", "en": "eng_Latn"},
            ids=("devtest_id", "id"),
            # A sentence has one id, whichever file it is read from.
            numbered="flores-devtest-",
        ),
        own=FLORES_TASKS,
    ),
    Benchmark(
        name="sib200",
        tasks=_named("sib200_{}", "en", "zh", "vi", "ar"),
        metric="acc",
        fields=("text", "label"),
        values="label: 0 science/technology, 1 travel, 2 politics, 3 sports, 4 health, 5 entertainment, 6 geography",
        to_hub=dict,
        source="https://github.com/dadelani/sib-200/archive/e7a172159963fd28c65f1ea53a0cea931bd08719.zip",
        download=Download(
            (r"LANG/test\.tsv",),
            official.topic,
            codes={"zh": "zho_Hans", "vi": "vie_Latn", "ar": "arb_Arab", "en": "eng_Latn"},
            ids=("index_id", "id"),
        ),
        own=SIB200_TASKS,
    ),
)  # fmt: skip
BENCHMARKS = {benchmark.name: benchmark for benchmark in _TABLE}
