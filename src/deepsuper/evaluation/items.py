"""One line for each item: prompt, answer, right answers and score; and the summary of all items."""

import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

from deepsuper.common.errors import UserError
from deepsuper.evaluation.benchmarks import Benchmark
from deepsuper.evaluation.fidelity import in_language
from deepsuper.evaluation.measures import MEASURES, unanswerable

log = logging.getLogger("deepsuper")

AGAIN = "run `deepsuper eval` again"


def as_item(sample: dict[str, Any], benchmark: Benchmark, variant: str, profile: str) -> dict[str, Any]:
    """What is kept of a sample of the harness: enough to compute every score again without the model."""
    doc = sample["doc"]
    name = sample["doc_id"] if doc.get("id") is None else doc["id"]
    item = {"id": name, "prompt": sample["arguments"][0][0], "gold": sample["target"]}
    if doc.get("title"):
        item["cluster"] = doc["title"]
    if not benchmark.generates:
        item["choices"] = [argument[1] for argument in sample["arguments"]]
        item["logprobs"] = [float(response[0]) for response in sample["filtered_resps"]]
        return {**item, "acc": float(sample["acc"])}
    said, language = sample["filtered_resps"][0], variant.rpartition("-")[2]
    item |= {"prediction": said, "language": language, "in_language": in_language(said, language)}
    if benchmark.translates:
        return {**item, "source": doc["english" if language != "en" else "text"]}
    golds = list(doc["answers"]["text"] if isinstance(doc["answers"], dict) else doc["answers"])
    scorer = benchmark.scorers.get(profile)
    scores = sample if scorer is None else scorer(said, golds, language)
    return {**item, "golds": golds, **{name: float(scores[name]) for name in ("f1", "exact_match")}}


def summarise(items: Sequence[dict[str, Any]], benchmark: Benchmark) -> dict[str, Any]:
    """The score with its interval, and the other measures: None where no item counts, some with how many count."""
    intervals = {name: measured(name, items) for name in (benchmark.metric, *benchmark.also)}
    main, *others = intervals
    if (in_language := intervals.get("in_language")) is not None:
        in_language["items"] = sum(item["in_language"] is not None for item in items)
    if (answerable := intervals.get("answerable_f1")) is not None:
        answerable["items"] = sum(not unanswerable(item) for item in items)
    named = {name: intervals[name] for name in others}
    return {"items": len(items), "metric": main, **(intervals[main] or {}), **named}


def measured(name: str, items: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """A measure of the items with its interval; None where no item counts or, with a warning, it cannot be computed."""
    try:
        interval = MEASURES[name].interval(items)
    except OSError as error:  # sacrebleu downloads the tokenizer of spBLEU
        _warn_once(f"{name}: left out: its tokenizer cannot be fetched: {error}")
        return None
    return None if interval is None else asdict(interval)


@lru_cache(maxsize=8)
def _warn_once(message: str) -> None:
    log.warning("%s", message)


def items_file(folder: Path, key: str) -> Path:
    """The file with the items of a score, in the folder of its results.json."""
    return folder / "items" / f"{key.replace('/', '.')}.jsonl"


def read_item_lines(file: Path) -> Iterator[dict[str, Any]]:
    """The items of a score, in order. Raises: UserError naming the file and line of a bad item."""
    # Only \n ends a line: a prediction may hold any other line end.
    with file.open(encoding="utf-8", newline="\n") as lines:
        try:
            for n, line in enumerate(lines, start=1):
                yield _read_item(line, f"{file}:{n}")
        except UnicodeDecodeError as error:
            raise UserError(f"{file}: is not UTF-8 text ({error.reason}): {AGAIN}") from error


def _read_item(line: str, where: str) -> dict[str, Any]:
    try:
        item = json.loads(line)
    except ValueError as error:
        raise UserError(f"{where}: is no JSON ({error}): {AGAIN}") from error
    if not isinstance(item, dict) or type(item.get("id")) not in (str, int):
        raise UserError(f"{where}: need an item with an id, which pairs the runs' items: {AGAIN} on rows with ids")
    return item
