"""From items to a score in [0, 1]: a measure gives numbers for each item and a function from numbers to a score, so
that every score can be bootstrapped. A mean has one number for each item; BLEU and chrF++ have counts to sum.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from deepsuper.common.intervals import Interval, mean_interval, share_interval
from deepsuper.evaluation.benchmarks import BENCHMARKS

Item = Mapping[str, Any]
Numbers = NDArray[np.float64]
Clusters = NDArray[np.int64]
"""The number of the article, or other cluster, that each item belongs to, from 0. Shape: (N,)."""
RowsScore = Callable[[NDArray[np.int64]], float]
"""The score of the rows with these numbers."""
CELLS = 2**23
"""The most numbers that are drawn at once: 64 MiB."""


@dataclass(frozen=True)
class Measure:
    """`numbers`: items -> (N, S), NaN where an item does not count; `score`: from some of those rows, in order;
    `binary`: each number is 0 or 1, and the score is their share.
    """

    title: str
    numbers: Callable[[Sequence[Item]], Numbers]
    score: Callable[[Numbers], float]
    binary: bool = False

    def interval(self, items: Sequence[Item], *, resamples: int = 1000, seed: int = 0) -> Interval | None:
        """The score with its interval, Wilson's for a share and else a bootstrap's; None where no item counts.

        Where the items name their clusters, such as the articles of XQuAD, the bootstrap draws those, also for shares.
        """
        numbers = self.numbers(items)
        counted = np.logical_not(np.isnan(numbers).any(axis=1))
        if not counted.any():
            return None
        own = numbers[counted]
        clusters = clusters_of([items[n] for n in np.flatnonzero(counted).tolist()])
        if self.binary and (clusters is None or np.ptp(own) == 0.0):
            return share_interval(own[:, 0].astype(bool).tolist())
        if clusters is None and own.shape[1] == 1:
            return mean_interval(own[:, 0].tolist(), resamples=resamples, seed=seed)
        return resampled(lambda rows: self.score(own[rows]), len(own), clusters, resamples=resamples, seed=seed)


def clusters_of(items: Sequence[Item]) -> Clusters | None:
    """The cluster of each item; None where an item names none, or all items are of one or each of its own."""
    names = [item.get("cluster") for item in items]
    numbers = {name: n for n, name in enumerate(dict.fromkeys(names))}
    if None in numbers or not 1 < len(numbers) < len(names):
        return None
    return np.array([numbers[name] for name in names])


def resampled(score: RowsScore, count: int, clusters: Clusters | None = None, *, resamples: int, seed: int) -> Interval:
    """The score of all `count` rows, with a percentile bootstrap interval. Each draw keeps the order of the rows."""
    whole = score(np.arange(count))
    if count == 1:
        return Interval(whole, whole, whole, 0.0)
    drawn = draw(score, count, clusters, resamples=resamples, seed=seed)
    low, high = drawn.confidence_interval
    return Interval(whole, float(low), float(high), float(drawn.standard_error))


def draw(score: RowsScore, count: int, clusters: Clusters | None = None, *, resamples: int, seed: int) -> Any:
    """scipy's bootstrap of a score over `count` rows, at least two, or over their clusters, each with all its rows.

    Each draw keeps the order of the rows.
    """
    rows_of = None if clusters is None else members(clusters)

    def drawn(chosen: NDArray[np.int64]) -> float:
        return score(np.sort(chosen if rows_of is None else np.concatenate([rows_of[n] for n in chosen])))

    units = count if rows_of is None else len(rows_of)
    return stats.bootstrap(
        (np.arange(units),), drawn, n_resamples=resamples, vectorized=False, method="percentile",
        batch=max(1, CELLS // count), rng=np.random.default_rng(seed),
    )  # fmt: skip


def members(clusters: Clusters) -> list[NDArray[np.int64]]:
    """The rows of each cluster, in order."""
    return [np.flatnonzero(clusters == n) for n in range(int(clusters.max()) + 1)]


def _mean(title: str, value: Callable[[Item], float | None], *, binary: bool = False) -> Measure:
    def numbers(items: Sequence[Item]) -> Numbers:
        return np.array([[np.nan if (v := value(item)) is None else float(v)] for item in items]).reshape(-1, 1)

    return Measure(title, numbers, lambda rows: float(np.nanmean(rows)), binary)


def unanswerable(item: Item) -> bool:
    """Whether an MKQA question has no answer, by the official rule."""
    return list(item["golds"]) == [""]


def _mkqa_numbers(items: Sequence[Item]) -> Numbers:
    """What each answer adds to the official score, and whether the question has no answer."""
    rows = [
        (-float(bool(item["prediction"].strip())), 1.0) if unanswerable(item) else (float(item["f1"]), 0.0)
        for item in items
    ]
    return np.array(rows).reshape(-1, 2)


def _mkqa_score(rows: Numbers) -> float:
    """The official best F1 over thresholds of the no-answer probability, which is the same for every question here.

    The official script then moves its threshold through the file question by question. So the score is the best over
    all beginnings of the file, the empty one included, and is at least the share of unanswerable questions.
    """
    best = max(0.0, float(np.cumsum(rows[:, 0]).max()))
    return (float(rows[:, 1].sum()) + best) / len(rows)


@lru_cache(maxsize=8)
def _made(name: str, tokenizer: str | None) -> Any:
    """A metric of sacrebleu, or the error where it cannot fetch a tokenizer, so that this is tried once."""
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF

    try:
        return CHRF(word_order=2) if name == "chrf" else BLEU(tokenize=tokenizer)
    except OSError as error:
        return error


def _sacrebleu(name: str, tokenizer: str | None = None) -> Any:
    """Raises: OSError where the tokenizer cannot be fetched."""
    if isinstance(metric := _made(name, tokenizer), OSError):
        raise metric
    return metric


def _translation(title: str, name: str, tokenizer: Callable[[Item], str | None]) -> Measure:
    """A corpus score of sacrebleu, from the statistics of each sentence that its own significance tests use."""

    def numbers(items: Sequence[Item]) -> Numbers:
        metric = _sacrebleu(name, tokenizer(items[0]))
        said, right = [item["prediction"] for item in items], [item["gold"] for item in items]
        return np.asarray(metric._extract_corpus_statistics(said, [right]), dtype=float)

    def score(rows: Numbers) -> float:
        metric = _sacrebleu(name)
        return float(metric._compute_score_from_stats(rows.sum(axis=0).tolist()).score) / 100.0

    return Measure(title, numbers, score)


MEASURES: dict[str, Measure] = {
    "f1": _mean("F1", lambda item: item["f1"]),
    "exact_match": _mean("exact match", lambda item: item["exact_match"], binary=True),
    "acc": _mean("accuracy", lambda item: item["acc"], binary=True),
    "in_language": _mean("answers in the language", lambda item: item["in_language"], binary=True),
    "empty": _mean("empty answers", lambda item: not item["prediction"].strip(), binary=True),
    "official_f1": Measure("F1, official", _mkqa_numbers, _mkqa_score),
    "answerable_f1": _mean("F1, answerable", lambda item: None if unanswerable(item) else item["f1"]),
    "chrf": _translation("chrF++", "chrf", lambda item: None),
    "bleu": _translation("BLEU", "bleu", lambda item: "zh" if item["language"] == "zh" else "13a"),
    "spbleu": _translation("spBLEU", "bleu", lambda item: "flores200"),
    "comet": _mean("COMET", lambda item: item.get("comet")),
}
BESIDE = ("answerable_f1", "spbleu", "comet")
"""Measures that are shown beside the main one, where a score has them: of MKQA and of translations."""


def title_of(benchmark: str, metric: str) -> str:
    """The name of a measure on a benchmark, for tables."""
    titles = BENCHMARKS[benchmark].titles if benchmark in BENCHMARKS else {}
    return titles.get(metric, MEASURES[metric].title)


def measures_of(score: Mapping[str, Any]) -> Iterator[str]:
    """The measures of a score in results.json that are shown and compared: the main one first."""
    yield score["metric"]
    yield from (name for name in BESIDE if score.get(name) is not None)
