"""results.json of one model in one profile: what was asked, and the scores so far."""

import json
import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from deepsuper.common.errors import UserError
from deepsuper.common.files import write_json_lines, write_text
from deepsuper.config import EvalConfig, ModelConfig
from deepsuper.evaluation.items import items_file
from deepsuper.evaluation.measures import BESIDE, MEASURES

log = logging.getLogger("deepsuper")

OTHER_FOLDER = "choose another --output_dir"
SCORE_FIELDS = ("items", "metric", "data", "limit", "task_version", "asks")
"""What every score has."""
PART_FIELDS = {"in_language": ("mean", "items"), "empty": ("mean",), "comet": ("mean", "model", "version")}
"""What parts of a score have, if they are there."""
Asked = Mapping[str, Any]
"""The model with its options, the hashes of its files, the backend, the profile."""


class Results:
    """The scores of `asked` in a folder. Each score has its own limit."""

    def __init__(self, folder: Path, asked: Asked) -> None:
        self.folder, self.asked = folder, asked
        self.file = folder / "results.json"

    def check(self, keys: Iterable[str], limit: int | None) -> None:
        """Raises: UserError where a run of `keys` would replace scores of another model, or of more items.

        Scores of the same model with other weights are replaced, with a warning that names them.
        """
        before = self._written()
        if not before:
            return
        if not _same_model(before["asked"], self.asked):
            there, here = _described(before["asked"]), _described(self.asked)
            raise UserError(f"output_dir {self.folder}: holds results of {there}, and asked is {here}: {OTHER_FOLDER}")
        if not _same_weights(before["asked"], self.asked):
            old = ", ".join(before["scores"])
            log.warning("%s: %s: scores of other weights, which the first new score will replace", self.file, old)
            return
        for key in keys:
            if key not in before["scores"] or limit is None:
                continue
            there, items = (before["scores"][key][name] for name in ("limit", "items"))
            if items > limit:
                raise UserError(
                    f"output_dir {self.folder}: holds {key} with limit {there}, and asked is limit {limit}: "
                    f"{OTHER_FOLDER}"
                )

    def read(self) -> dict[str, Any]:
        """What results.json holds; no score where it is of other weights."""
        before = self._written()
        same = bool(before) and _same_model(before["asked"], self.asked) and _same_weights(before["asked"], self.asked)
        return before if same else {"asked": dict(self.asked), "scores": {}}

    def keep(self, key: str, items: Sequence[dict[str, Any]], score: Mapping[str, Any]) -> None:
        """Writes the items, and their score beside the others."""
        write_json_lines(items_file(self.folder, key), items)
        results = self.read()
        write_text(self.file, json.dumps({**results, "scores": {**results["scores"], key: score}}, indent=1) + "\n")

    def _written(self) -> dict[str, Any]:
        """The file as it is, or {} without one. Raises: UserError where it cannot be read."""
        return read_results(self.file, f"delete it, or {OTHER_FOLDER}") if self.file.is_file() else {}


def read_results(file: Path, remedy: str) -> dict[str, Any]:
    """What a results.json holds. Raises: UserError naming the file if `deepsuper eval` did not write it."""
    try:
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        found["asked"]["model"]["name"], found["asked"]["profile"]
        for key, score in found["scores"].items():
            _check_score(key, score)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        why = f"has no {error}" if isinstance(error, KeyError) else str(error)
        raise UserError(f"{file}: is no result of `deepsuper eval` ({why}): {remedy}") from error
    return found


def _check_score(key: str, score: Mapping[str, Any]) -> None:
    needed = [*SCORE_FIELDS, *(["empty"] if "in_language" in score else [])]
    found = [(score, needed), *((score[name], names) for name, names in PART_FIELDS.items() if score.get(name))]
    for part, names in found:
        if missing := [name for name in names if name not in part]:
            raise UserError(f"{key} has no {missing[0]!r}")
    if score["metric"] not in MEASURES:
        raise UserError(f"{key} has the unknown metric {score['metric']!r}")
    parts = (score, *(score.get(name) for name in ("in_language", "empty", *BESIDE)))
    if "/" not in key or not all(math.isfinite(part["mean"]) for part in parts if part is not None):
        raise UserError(f"{key} is no BENCHMARK/LANGUAGE with a score")


def rows_identity(data: Mapping[str, Any]) -> Any:
    """What identifies the rows of a score, wherever they are: their hash, or else their name on the hub."""
    return data.get("sha256") or {name: value for name, value in data.items() if name != "file"}


def identity(asked: Asked) -> dict[str, Any]:
    """`asked` without the name of the model where the hashes of its weights identify it, since paths may differ."""
    model = {name: value for name, value in asked["model"].items() if name != "name" or not asked["files"]}
    return {**asked, "model": model}


def _same_weights(one: Asked, other: Asked) -> bool:
    return bool(one["files"] == other["files"])


def _same_model(one: Asked, other: Asked) -> bool:
    """Whether both are of one model, loaded in the same way; its weights may differ, if it was trained in between."""
    same_name = one["model"]["name"] == other["model"]["name"]
    options = [{**asked, "model": {**asked["model"], "name": ""}, "files": {}} for asked in (one, other)]
    return options[0] == options[1] and (same_name or (bool(one["files"]) and _same_weights(one, other)))


def _described(asked: Asked) -> str:
    """A model and its options that are not the default, in words."""
    model, (backend, arguments) = asked["model"], asked["backend"]
    default = asdict(ModelConfig(name=""))
    options = {name: value for name, value in model.items() if name != "name" and value != default.get(name)}
    options |= {"backend": backend} if backend != EvalConfig.backend else {}
    options |= {"backend_args": arguments} if arguments else {}
    return ", ".join([f"model {model['name']}", *(f"{name} {value}" for name, value in options.items())])
