"""The answers of the arms to the same items, side by side: those that the arms disagree on come first."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from deepsuper.common.errors import UserError
from deepsuper.evaluation.compare.pairing import Run
from deepsuper.evaluation.items import items_file, read_item_lines
from deepsuper.evaluation.measures import MEASURES
from deepsuper.study.findings import GroupFindings, StudyFindings

ITEMS = 300
"""The most items that a page shows, and CHARACTERS of each of their texts; BYTES of all texts together."""
CHARACTERS = 800
BYTES = 2_000_000
SAME = 1e-9
OF_ONE = {"official_f1": "answerable_f1"}
"""The measure of one item, where the score is not made of items alone."""


@dataclass(frozen=True)
class ArmAnswer:
    """What one arm said. `score`: of this item alone, None where it does not count."""

    arm: str
    text: str
    score: float | None

    @property
    def sign(self) -> str:
        """A sign for right, wrong and in between."""
        return "–" if self.score is None else "✔" if self.score >= 1 - SAME else "✖" if self.score <= SAME else "◐"


@dataclass(frozen=True)
class ItemAnswers:
    """One item with the answers of the arms' first seeds. `apart`: how far their scores are from each other."""

    group: str
    benchmark: str
    language: str
    id: str
    prompt: str
    gold: str
    answers: tuple[ArmAnswer, ...]

    @property
    def apart(self) -> float:
        """The range of the scores; a little where only the texts differ."""
        scores = [answer.score for answer in self.answers if answer.score is not None]
        differ = len({answer.text.strip() for answer in self.answers}) > 1
        return (max(scores) - min(scores) if scores else 0.0) + (SAME if differ else 0.0)

    @property
    def disagree(self) -> bool:
        """Whether their scores differ."""
        return self.apart > 2 * SAME


@dataclass(frozen=True)
class ShownAnswers:
    """The items on a page, of `total` ones. `remarks`: which could not be read."""

    items: tuple[ItemAnswers, ...]
    total: int
    remarks: tuple[str, ...]


def answers_of(found: StudyFindings) -> ShownAnswers:
    """The items to browse: an equal share of each benchmark and language, then those with the largest disagreement."""
    remarks: list[str] = []
    scores = [(group, key, runs) for group in found.groups for key, runs in _keys(group)]
    share = max(1, ITEMS // max(len(scores), 1))
    kept, total = [], 0
    for group, key, runs in scores:
        items = sorted(_answers(group, key, runs, remarks), key=lambda item: -item.apart)
        total += len(items)
        kept += [_cut(item) for item in items[:share]]
    shown, size = [], 0
    for item in sorted(kept, key=lambda item: -item.apart)[:ITEMS]:
        size += sum(len(text.encode("utf-8", "replace")) for text in _texts(item))
        if size > BYTES:
            break
        shown.append(item)
    return ShownAnswers(tuple(shown), total, tuple(remarks))


def _keys(group: GroupFindings) -> Iterator[tuple[str, dict[str, Run]]]:
    """Each score of the arms' first seeds in their first profile, with the runs that have it."""
    runs = {arm: own[0].runs[0] for arm, own in group.used.items() if own and own[0].runs}
    for key in dict.fromkeys(key for run in runs.values() for key in run.scores):
        yield key, {arm: run for arm, run in runs.items() if key in run.scores}


def _answers(group: GroupFindings, key: str, runs: Mapping[str, Run], remarks: list[str]) -> Iterator[ItemAnswers]:
    """The items that all these runs have, in the order of the first. A file that cannot be read is a remark."""
    metric = next(iter(runs.values())).scores[key]["metric"]
    try:
        of_arm = {arm: _scored(run, key, metric) for arm, run in runs.items()}
    except (UserError, OSError) as error:
        remarks.append(f"{group.group.name}, {key}: {error}")
        return
    benchmark, _, language = key.partition("/")
    first = next(iter(of_arm.values()))
    for one, (item, _) in first.items():
        if all(one in items for items in of_arm.values()):
            answers = tuple(ArmAnswer(arm, _said(items[one][0]), items[one][1]) for arm, items in of_arm.items())
            prompt = str(item.get("source") or item.get("prompt", ""))
            yield ItemAnswers(group.group.name, benchmark, language, str(one), prompt, _gold(item), answers)


def _scored(run: Run, key: str, metric: str) -> dict[str | int, tuple[dict[str, Any], float | None]]:
    """id -> the item and its own score."""
    items = list(read_item_lines(items_file(run.folder, key)))
    scores = _scores(items, metric)
    return {item["id"]: (item, score) for item, score in zip(items, scores, strict=True)}


def _scores(items: Sequence[Mapping[str, Any]], metric: str) -> list[float | None]:
    measure = MEASURES[OF_ONE.get(metric, metric)]
    try:
        rows = measure.numbers(items)
    except (KeyError, TypeError, ValueError):
        return [None] * len(items)
    return [None if np.isnan(row).all() else float(measure.score(row[None])) for row in rows]


def _said(item: Mapping[str, Any]) -> str:
    """The answer: the written one, or the choice with the highest probability."""
    if item.get("choices") and item.get("logprobs"):
        return str(item["choices"][int(np.argmax(item["logprobs"]))])
    return str(item.get("prediction", ""))


def _gold(item: Mapping[str, Any]) -> str:
    """The right answers."""
    gold, choices = item.get("gold", ""), item.get("choices") or []
    if item.get("golds"):
        return " | ".join(map(str, item["golds"]))
    if isinstance(gold, int) and 0 <= gold < len(choices):
        return str(choices[gold])
    return " | ".join(map(str, gold)) if isinstance(gold, list) else str(gold)


def _texts(item: ItemAnswers) -> list[str]:
    return [item.id, item.prompt, item.gold, *(text for a in item.answers for text in (a.arm, a.text))]


def _cut(item: ItemAnswers) -> ItemAnswers:
    """The item with shortened texts: of a prompt its end, which asks the question."""
    prompt = item.prompt if len(item.prompt) <= CHARACTERS else "…" + item.prompt[-CHARACTERS:]
    answers = tuple(replace(answer, text=_start(answer.text)) for answer in item.answers)
    return replace(item, id=item.id[:80], prompt=prompt, gold=_start(item.gold), answers=answers)


def _start(text: str) -> str:
    return text if len(text) <= CHARACTERS else text[:CHARACTERS] + "…"
