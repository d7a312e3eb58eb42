"""The paper's layout: which benchmark stands in which table and where, and the paper's own numbers for it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from deepsuper.evaluation.compare.paired import Test
from deepsuper.evaluation.measures import title_of

TABLES = {
    "Question answering": ("xquad", "mlqa", "truthfulqa", "mkqa"),
    "Understanding": ("xnli", "xcopa", "xstorycloze", "mmlu"),
    "Translation": (),
    "Translation, COMET": (),
    "Other benchmarks": (),
}
"""The paper's tables 1, 2 and 4, and the benchmarks of each in order; the last two go by their measure."""
LANGUAGES = ("vi", "ar", "zh", "en")
PAPER_TABLES = Path(__file__).with_name("paper_tables.json")
PAPER_NAMES = {"xstorycloze": "xstory_cloze"}


@dataclass(frozen=True)
class Column:
    """One benchmark in one language by one measure."""

    benchmark: str
    language: str
    metric: str

    @property
    def key(self) -> str:
        """How results.json names it."""
        return f"{self.benchmark}/{self.language}"

    @property
    def beside(self) -> bool:
        """Whether it is a second look at a benchmark, which stands behind the first and enters no average."""
        return self.metric in ("answerable_f1", "spbleu")

    @property
    def measure(self) -> str:
        """What its numbers are called."""
        return title_of(self.benchmark, self.metric)

    @property
    def test(self) -> Test:
        """The test of a difference in it."""
        return "McNemar" if self.metric == "acc" and self.benchmark != "truthfulqa" else "bootstrap"

    @property
    def table(self) -> str:
        """The title of the table it stands in."""
        if self.metric in ("chrf", "bleu", "spbleu", "comet"):
            return "Translation, COMET" if self.metric == "comet" else "Translation"
        return next((title for title, names in TABLES.items() if self.benchmark in names), "Other benchmarks")


def in_order(columns: Iterable[Column]) -> list[Column]:
    """Each column once, as the paper orders them; what it has not comes after, by name."""

    def place(column: Column) -> tuple[object, ...]:
        names = TABLES[column.table]
        benchmark = names.index(column.benchmark) if column.benchmark in names else len(names)
        language = LANGUAGES.index(column.language) if column.language in LANGUAGES else len(LANGUAGES)
        table = list(TABLES).index(column.table)
        return table, benchmark, column.benchmark, column.beside, column.measure, language, column.language

    return sorted(set(columns), key=place)


def paper_rows(table: str) -> Mapping[str, Mapping[Column, float]]:
    """The paper's numbers for a base model (tables 1, 2, 4) or its ablation (3): method -> column -> score in 0..1."""
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
    """One method's scores; an F1 of the paper stands beside ours by either name."""
    for title, metrics in (("Question answering", ("f1", "official_f1")), ("Understanding", ("acc",))):
        for benchmark in TABLES[title]:
            for language, percent in benchmarks[PAPER_NAMES.get(benchmark, benchmark)].items():
                for metric in ("acc",) if benchmark == "truthfulqa" else metrics:
                    yield Column(benchmark, language, metric), percent / 100
