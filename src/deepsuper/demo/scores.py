"""Scores of a model's answers: F1 and exact match by MLQA's rules, and the share in the target language."""

from collections.abc import Sequence
from dataclasses import dataclass

from deepsuper.common.intervals import Interval, mean_interval
from deepsuper.data.rows import Row
from deepsuper.evaluation.fidelity import in_language
from deepsuper.evaluation.scorers import mlqa_scores


@dataclass(frozen=True)
class ScoredAnswers:
    """One model's answers to the questions, and the scores of each answer."""

    answers: list[str]
    f1: list[float]
    exact_match: list[float]
    in_language: list[bool | None]
    """None where the language of an answer cannot be told."""

    def intervals(self) -> dict[str, Interval]:
        """Measure -> mean with its interval."""
        told = [float(flag) for flag in self.in_language if flag is not None]
        return {
            "F1": mean_interval(self.f1),
            "exact match": mean_interval(self.exact_match),
            "in language": mean_interval(told or [0.0]),
        }


def score(answers: Sequence[str], rows: Sequence[Row], language: str) -> ScoredAnswers:
    """The scores of `answers` against the rows' own, by MLQA's rules, which XTREME also uses for XQuAD."""
    each = [mlqa_scores(answer, [row.output], language) for answer, row in zip(answers, rows, strict=True)]
    return ScoredAnswers(
        list(answers),
        [scores["f1"] for scores in each],
        [scores["exact_match"] for scores in each],
        [in_language(answer, language) for answer in answers],
    )
