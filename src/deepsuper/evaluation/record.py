"""results.json of one model in one profile: what was asked, and the scores so far."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from deepsuper.common.errors import UserError
from deepsuper.common.files import write_json_lines, write_text
from deepsuper.config import EvalConfig, ModelConfig
from deepsuper.evaluation.items import items_file

log = logging.getLogger("deepsuper")

ANOTHER = "choose another --output_dir"
Asked = Mapping[str, Any]
"""The model with its options, the hashes of its files, the backend, the profile."""


class Record:
    """The scores of `asked` in a folder; each has its own limit, so that one benchmark may be cut and another whole."""

    def __init__(self, folder: Path, asked: Asked) -> None:
        self.folder, self.asked = folder, asked
        self.file = folder / "results.json"

    def check(self, keys: Iterable[str], limit: int | None) -> None:
        """Raises: UserError where a run would replace scores of another model, or of more items. `keys`: what it runs.

        Scores of other weights of the same model are replaced, with a line that names them.
        """
        before = self._written()
        if not before:
            return
        if not _same_model(before["asked"], self.asked):
            there, here = _called(before["asked"]), _called(self.asked)
            raise UserError(f"output_dir {self.folder}: holds results of {there}, and asked is {here}: {ANOTHER}")
        if not _same_weights(before["asked"], self.asked):
            old = ", ".join(before["scores"])
            log.warning(
                "%s: %s: scores of other weights than now, which go when the first new one is there", self.file, old
            )
            return
        for key in keys:
            if key not in before["scores"] or limit is None:
                continue
            there, items = (before["scores"][key][name] for name in ("limit", "items"))
            if items > limit:
                raise UserError(
                    f"output_dir {self.folder}: holds {key} with limit {there}, and asked is limit {limit}: {ANOTHER}"
                )

    def results(self) -> dict[str, Any]:
        """What results.json holds; nothing of other weights."""
        before = self._written()
        same = bool(before) and _same_model(before["asked"], self.asked) and _same_weights(before["asked"], self.asked)
        return before if same else {"asked": dict(self.asked), "scores": {}}

    def keep(self, key: str, items: Sequence[dict[str, Any]], score: Mapping[str, Any]) -> None:
        """Writes the items, and their score beside the others."""
        write_json_lines(items_file(self.folder, key), items)
        record = self.results()
        write_text(self.file, json.dumps({**record, "scores": {**record["scores"], key: score}}, indent=1) + "\n")

    def _written(self) -> dict[str, Any]:
        """The file as it is, if it is there. Raises: UserError where it cannot be read."""
        if not self.file.is_file():
            return {}
        try:
            found: dict[str, Any] = json.loads(self.file.read_text(encoding="utf-8"))
            found["scores"] = with_limits(found["asked"], found["scores"])
            found["asked"].pop("limit", None)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(f"{self.file}: is no record of an evaluation ({error}): delete it, or {ANOTHER}") from error
        return found


def with_limits(asked: Asked, scores: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The scores, each with its limit; records of before each had its own have one for all."""
    return {key: {"limit": asked.get("limit"), **score} for key, score in scores.items()}


def rows_identity(data: Mapping[str, Any] | None) -> Any:
    """What the rows of a score are, wherever they lie: their hash, or their name on the hub."""
    return data and (data.get("sha256") or {name: value for name, value in data.items() if name != "file"})


def identity(asked: Asked) -> dict[str, Any]:
    """What `asked` is, however its folder is spelt: hashes of the weights stand for the name where there are any."""
    model = {name: value for name, value in asked["model"].items() if name != "name" or not asked["files"]}
    return {**asked, "model": model}


def _same_weights(one: Asked, other: Asked) -> bool:
    return bool(one["files"] == other["files"])


def _same_model(one: Asked, other: Asked) -> bool:
    """Whether two records are of one model and how it is run, at whatever stage of its training."""
    same_name = one["model"]["name"] == other["model"]["name"]
    options = [{**asked, "model": {**asked["model"], "name": ""}, "files": {}} for asked in (one, other)]
    return options[0] == options[1] and (same_name or (bool(one["files"]) and _same_weights(one, other)))


def _called(asked: Asked) -> str:
    """A model and how it is loaded, in words: what is not as usual is named."""
    model, (backend, arguments) = asked["model"], asked["backend"]
    usual = asdict(ModelConfig(name=""))
    options = {name: value for name, value in model.items() if name != "name" and value != usual.get(name)}
    options |= {"backend": backend} if backend != EvalConfig.backend else {}
    options |= {"backend_args": arguments} if arguments else {}
    return ", ".join([f"model {model['name']}", *(f"{name} {value}" for name, value in options.items())])
