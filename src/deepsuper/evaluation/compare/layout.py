"""The paper's layout: the place of each benchmark in its tables, and the paper's own numbers."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from deepsuper.evaluation.benchmarks import BENCHMARKS
from deepsuper.evaluation.compare.paired import Test
from deepsuper.evaluation.measures import title_of

QUESTIONS, UNDERSTANDING = "Question answering", "Understanding"
TRANSLATION, COMET, OTHERS = "Translation", "Translation, COMET", "Other benchmarks"
TABLES = {
    QUESTIONS: ("xquad", "mlqa", "truthfulqa", "mkqa"),
    UNDERSTANDING: ("xnli", "xcopa", "xstorycloze", "mmlu"),
    TRANSLATION: (),
    COMET: (),
    OTHERS: (),
}
"""The paper's tables 1, 2 and 4 with their benchmarks in order; the last three get what is in no other."""
LANGUAGES = ("vi", "ar", "zh", "en")
PAPER_TABLES = Path(__file__).with_name("paper_tables.json")
PAPER_NAMES = {"xstorycloze": "xstory_cloze"}


@dataclass(frozen=True)
class Column:
    """One benchmark in one language, by one measure."""

    benchmark: str
    language: str
    metric: str

    @property
    def key(self) -> str:
        """Its name in results.json."""
        return f"{self.benchmark}/{self.language}"

    @property
    def beside(self) -> bool:
        """Whether it is a second measure of a benchmark: it comes after the first one and is in no average."""
        return self.metric in ("answerable_f1", "spbleu")

    @property
    def measure(self) -> str:
        """The title of its measure."""
        return title_of(self.benchmark, self.metric)

    @property
    def test(self) -> Test:
        """The test of a difference: McNemar's for accuracies, but not for the MC1 of the question answering table."""
        return "McNemar" if self.metric == "acc" and self.table != QUESTIONS else "bootstrap"

    @property
    def table(self) -> str:
        """The title of its table."""
        if self.metric in ("chrf", "bleu", "spbleu", "comet"):
            return COMET if self.metric == "comet" else TRANSLATION
        return next((title for title, names in TABLES.items() if self.benchmark in names), OTHERS)


def in_order(columns: Iterable[Column]) -> list[Column]:
    """Each column once, in the order of the paper; then those that the paper does not have, by name."""

    def place(column: Column) -> tuple[object, ...]:
        names = TABLES[column.table]
        benchmark = names.index(column.benchmark) if column.benchmark in names else len(names)
        language = LANGUAGES.index(column.language) if column.language in LANGUAGES else len(LANGUAGES)
        table = list(TABLES).index(column.table)
        return table, benchmark, column.benchmark, column.beside, column.measure, language, column.language

    return sorted(set(columns), key=place)


def paper_rows(table: str) -> Mapping[str, Mapping[Column, float]]:
    """The paper's numbers: method -> column -> score in [0, 1]. `table`: a base model, or its ablation in Chinese."""
    tables = json.loads(PAPER_TABLES.read_text(encoding="utf-8"))
    model, _, ablation = table.partition(".")
    if ablation:
        methods = {
            method: {benchmark: {"zh": percent} for benchmark, percent in benchmarks.items()}
            for method, benchmarks in tables[f"{ablation}_zh_{model}"].items()
        }
    else:
        methods = tables["results"][model]
    rows = {method: dict(_paper_columns(benchmarks)) for method, benchmarks in methods.items()}
    # The paper translates between English and Chinese only.
    for method, directions in tables.get(f"translation_comet_{model}_zh", {}).items():
        for direction, percent in directions.items():
            rows.setdefault(method, {})[Column("flores", direction, "comet")] = percent / 100
    return rows


def _paper_columns(benchmarks: Mapping[str, Mapping[str, float]]) -> Iterator[tuple[Column, float]]:
    """The scores of one method, each by the measure that `deepsuper eval` has for the benchmark."""
    for benchmark in (*TABLES[QUESTIONS], *TABLES[UNDERSTANDING]):
        for language, percent in benchmarks[PAPER_NAMES.get(benchmark, benchmark)].items():
            yield Column(benchmark, language, BENCHMARKS[benchmark].metric), percent / 100
