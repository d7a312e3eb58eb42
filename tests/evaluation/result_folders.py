"""Result folders as `deepsuper eval` writes them, with made-up items."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from deepsuper.config import CompareConfig
from deepsuper.evaluation.compare.run import groups_of
from deepsuper.evaluation.compare.runs import find_runs
from deepsuper.evaluation.compare.tables import Comparison, build
from deepsuper.evaluation.measures import MEASURES, Measure

Item = dict[str, Any]
SCORES = Mapping[str, tuple[str, Sequence[Item]]]
WORDS = ["the", "cat", "sat", "on", "a", "mat", "with", "two", "dogs", "and", "one", "bird"]


def write_run(
    folder: Path,
    scores: SCORES,
    *,
    model: str = "base",
    limit: int | None = None,
    profile: str = "paper",
    sha256: str = "0" * 64,
    asks: str = "a1",
    also: Sequence[str] = (),
    comet: str = "wmt22",
) -> Path:
    """A folder of one run. `scores`: key -> metric and items; `also`: measures beside it; `comet`: COMET's model.

    Returns the folder.
    """
    (folder / "items").mkdir(parents=True, exist_ok=True)
    record: dict[str, Any] = {}
    for key, (metric, items) in scores.items():
        record[key] = {"items": len(items), "metric": metric, **part(metric, items), "data": {"sha256": sha256}}
        record[key] |= {"limit": limit, "task_version": 1.0, "asks": asks}
        record[key] |= {name: part(name, items) for name in also}
        if "in_language" in items[0]:
            record[key] |= {"in_language": part("in_language", items), "empty": part("empty", items)}
            if record[key]["in_language"] is not None:
                record[key]["in_language"]["items"] = sum(item["in_language"] is not None for item in items)
        if "comet" in items[0]:
            record[key]["comet"] = {**part("comet", items), "model": comet, "version": "2.2.7"}
        lines = "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in items)
        (folder / "items" / f"{key.replace('/', '.')}.jsonl").write_text(lines, encoding="utf-8")
    asked = {"model": {"name": model}, "profile": profile}
    results = {"asked": asked, "scores": record, "versions": {}, "command": []}
    (folder / "results.json").write_text(json.dumps(results), encoding="utf-8")
    return folder


def part(metric: str, items: Sequence[Item]) -> dict[str, float | None] | None:
    interval = MEASURES[metric].interval(items, resamples=100)
    if interval is None:
        return None
    return {"mean": interval.mean, "low": interval.low, "high": interval.high, "stderr": interval.stderr}


def numbered(metric: str, values: Sequence[float], **more: Any) -> list[Item]:
    """Items q0, q1, ... with one number each."""
    return [{"id": f"q{n}", metric: float(value), **more} for n, value in enumerate(values)]


def made_up(seed: int, *, gain: float = 0.0, items: int = 60, languages: Sequence[str] = ("zh", "ar", "vi")) -> SCORES:
    """Every benchmark: each item has its own difficulty, the same for all seeds, and a run adds noise and `gain`."""
    scores: dict[str, tuple[str, Sequence[Item]]] = {}
    for language in languages:
        for benchmark in ("mmlu", "xnli", "xcopa", "xstorycloze", "truthfulqa"):
            if (benchmark, language) not in (("xcopa", "ar"), ("xstorycloze", "vi")):
                easy = _ease(f"{benchmark} {language}", seed, items) + gain > 0.5
                scores[f"{benchmark}/{language}"] = ("acc", numbered("acc", easy))
        for benchmark in ("xquad", "mlqa"):
            values = (_ease(f"{benchmark} {language}", seed, items) + gain).clip(0, 1)
            spoken = _ease("spoken", seed, items) + gain > 0.2
            found = [
                {**i, "in_language": bool(s), "prediction": "said"}
                for i, s in zip(numbered("f1", values), spoken, strict=True)
            ]
            scores[f"{benchmark}/{language}"] = ("f1", found)
        scores[f"mkqa/{language}"] = ("official_f1", _mkqa(f"mkqa {language}", seed, gain, items))
    scores["flores/en-zh"] = ("chrf", _translations(seed, gain, items))
    return scores


def _ease(what: str, seed: int, items: int) -> np.ndarray:
    own = np.random.default_rng([7, *what.encode()]).random(items)
    return 0.8 * own + 0.2 * np.random.default_rng([seed, *what.encode()]).random(items)


def _mkqa(what: str, seed: int, gain: float, items: int) -> list[Item]:
    values = (_ease(what, seed, items) + gain).clip(0, 1)
    return [
        {"id": n, "f1": float(v), "golds": [""] if n % 3 == 0 else ["x"], "prediction": "said" if v > 0.5 else ""}
        for n, v in enumerate(values)
    ]


def _translations(seed: int, gain: float, items: int) -> list[Item]:
    right = np.random.default_rng(7).choice(WORDS, (items, 12))
    rng = np.random.default_rng(seed)
    kept = rng.random((items, 12)) < 0.6 + gain
    said = np.where(kept, right, rng.choice(WORDS, (items, 12)))
    return [
        {"id": n, "prediction": " ".join(s), "gold": " ".join(r), "language": "en", "comet": float(k.mean())}
        for n, (s, r, k) in enumerate(zip(said, right, kept, strict=True))
    ]


def score_of(measure: Measure, items: Sequence[Mapping[str, Any]]) -> float:
    return measure.score(measure.numbers(items))


def compared(*folders: Path | str, **options) -> Comparison:
    config = CompareConfig(tuple(map(str, folders)), **{"resamples": 500, **options})
    return build(groups_of(find_runs(config.runs), config.baseline), config)


def only_difference(*folders: Path | str, **options):
    ((_, _, found),) = compared(*folders, **options).differences()
    return found
