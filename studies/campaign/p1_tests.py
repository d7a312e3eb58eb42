"""The tests of P1 (docs/study.md): `python studies/campaign/p1_tests.py runs/campaign/p1`.

A run is one fold with one seed. For each language: the accuracy of each arm and of each of its runs; the difference of
`aligned` to either control, with a paired t-test over runs and a bootstrap over sentences; Holm's correction over the
two controls. The verdict is that of the protocol, for the primary language.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from deepsuper.common.intervals import mean_interval
from deepsuper.evaluation.compare.paired import corrected

ARMS = ("english", "aligned", "shuffled")
LANGUAGES = ("vi", "zh", "ar", "en")
USABLE = (0.30, 0.85)
"""The accuracies of the first arm between which a language can be the primary one."""
POINT, EQUAL = 0.01, 0.02
"""From which difference alignment "works", and within which the 90% interval must lie for "no effect"."""


@dataclass(frozen=True)
class Runs:
    """The accuracies of an arm in one language. Shapes: runs (R,), one each fold and seed; sentences (S,)."""

    runs: NDArray[np.float64]
    sentences: NDArray[np.float64]
    """The share of seeds that are right, sentence by sentence."""


@dataclass(frozen=True)
class Against:
    """`aligned` less a control."""

    mean: float
    of_runs: tuple[float, float]
    """95%, from the t-distribution."""
    of_runs_90: tuple[float, float]
    of_sentences: tuple[float, float]
    """95%, from the bootstrap."""
    p: float
    """Of the paired t-test."""


def read(folder: Path, arm: str, language: str) -> Runs:
    """Raises: SystemExit where a run is missing."""
    runs, right = [], dict[str, list[float]]()
    for cell in sorted((folder / "eval" / "p1").glob(f"{arm}.fold*.seed*")):
        files = list(cell.glob(f"*/paper/items/sib200.{language}.jsonl"))
        if len(files) != 1:
            raise SystemExit(f"{cell}: need the items of sib200.{language}, found {len(files)}: run the study first")
        items = [json.loads(line) for line in files[0].read_text("utf-8").splitlines()]
        runs.append(np.mean([item["acc"] for item in items]))
        for item in items:
            right.setdefault(item["id"], []).append(item["acc"])
    if len(runs) < 2:
        raise SystemExit(f"{folder}: need at least 2 runs of {arm}, found {len(runs)}: run the study first")
    return Runs(np.array(runs), np.array([np.mean(right[key]) for key in sorted(right)]))


def against(aligned: Runs, control: Runs) -> Against:
    gained = aligned.runs - control.runs
    test = stats.ttest_rel(aligned.runs, control.runs)
    wide, narrow = (test.confidence_interval(level) for level in (0.95, 0.90))
    sentences = mean_interval((aligned.sentences - control.sentences).tolist(), resamples=10_000)
    ends = ((float(one.low), float(one.high)) for one in (wide, narrow))
    return Against(float(gained.mean()), *ends, (sentences.low, sentences.high), float(test.pvalue))


def verdict(found: list[Against], p: list[float]) -> str:
    if all(one.mean >= POINT and one.of_runs[0] > 0 and one.of_sentences[0] > 0 for one in found) and max(p) < 0.05:
        return "works: alignment beats both controls"
    if all(one.of_runs_90[0] > -EQUAL and one.of_runs_90[1] < EQUAL for one in found):
        return "no effect above 2 points"
    return "undecided: ten more runs, once"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="the output_dir of the study")
    args = parser.parse_args()
    usable = {}
    for language in LANGUAGES:
        runs = {arm: read(args.folder, arm, language) for arm in ARMS}
        found = [against(runs["aligned"], runs[arm]) for arm in ("english", "shuffled")]
        p = corrected([one.p for one in found], "holm")
        usable[language] = USABLE[0] <= runs["english"].runs.mean() <= USABLE[1], verdict(found, p)
        for arm, own in runs.items():
            each = ", ".join(f"{100 * run:.1f}" for run in own.runs)
            print(f"{language} {arm}: {100 * own.runs.mean():.1f} ({each})")
        for arm, one, of_two in zip(("english", "shuffled"), found, p, strict=True):
            spans = [f"{100 * low:+.1f} to {100 * high:+.1f}" for low, high in (one.of_runs, one.of_sentences)]
            print(
                f"{language} aligned less {arm}: {100 * one.mean:+.1f} (runs {spans[0]}, sentences {spans[1]}), "
                f"p {one.p:.4f}, corrected {of_two:.4f}"
            )
    primary = "vi" if usable["vi"][0] else "zh"
    print(f"primary language {primary}: {usable[primary][1]}")


if __name__ == "__main__":
    main()
