"""The files of a run: resolved configuration, manifest, metrics, checkpoints, model or adapter."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from deepsuper.common.errors import UserError
from deepsuper.common.files import model_hashes, sha256, whole_lines, write_json, write_text
from deepsuper.common.manifests import manifest_head
from deepsuper.common.outputs import check_folder
from deepsuper.config import RunConfig
from deepsuper.data.packaged import rows_path

END = "train_runtime"
"""A key of the last training record. A last evaluation may follow that record."""


class RunFolder:
    """The paths and files of one run. Files that are read again are written atomically."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config = path / "config.yaml"
        self.manifest = path / "manifest.json"
        self.metrics = path / "metrics.jsonl"
        self.skipped = path / "skipped.jsonl"
        self.checkpoints = path / "checkpoints"
        self.model = path / "model"
        self.adapter = path / "adapter"

    def check_new(self) -> None:
        """Raises: UserError if the folder already holds a run, or cannot be written."""
        check_folder("output_dir", self.path)
        if self.config.exists() or self.metrics.exists():
            raise UserError(f"output_dir {self.path}: holds a run: go on with --resume, or choose another folder")

    def check_same(self, config: RunConfig) -> None:
        """Raises: UserError if there is no run to resume, or if it was started with other options."""
        if not self.config.exists():
            raise UserError(f"output_dir {self.path}: no config.yaml, so no run to resume: start it without --resume")
        before = dict(_flat(yaml.safe_load(self.config.read_text(encoding="utf-8"))))
        now = dict(_flat(yaml.safe_load(dump(config))))
        for name in sorted(before.keys() | now.keys()):
            if before.get(name) != now.get(name):
                raise UserError(
                    f"{name}: the run was started with {before.get(name)!r}, got {now.get(name)!r}: "
                    "resume with the same values, or choose another output_dir"
                )

    def check_inputs(self, config: RunConfig, source: str, commit: str | None) -> None:
        """Raises: UserError naming the first file of rows, model or lens that has changed since the start."""
        manifest = self._manifest()
        base = manifest["base_model"]
        files = {path: sha256(file) for path, file in _data_files(config).items() if file.is_file()}
        lenses: dict[str, str] = manifest.get("tuned_lens", {})
        weights = {str(Path(source) / name): value for name, value in model_hashes(source).items()}
        changed = [path for path, value in files.items() if manifest["data"].get(path) != value]
        changed += [path for path, value in weights.items() if base["files"].get(Path(path).name) != value]
        changed += [path for path, value in lenses.items() if not Path(path).is_file() or sha256(Path(path)) != value]
        if commit is not None and base["commit"] not in (None, commit):
            changed.append(f"model.name {config.model.name} (commit {commit}, before {base['commit']})")
        if changed:
            raise UserError(
                f"{changed[0]}: has changed since the run was started: restore it, or choose another "
                "output_dir and start without --resume"
            )

    def changed_fingerprints(self, fingerprints: Mapping[str, str]) -> list[str]:
        """The hub data sets whose fingerprint differs from the one in the manifest."""
        before = self._manifest()["data"]
        return [name for name, value in fingerprints.items() if before.get(name) != value]

    def _manifest(self) -> dict[str, Any]:
        try:
            manifest: dict[str, Any] = json.loads(self.manifest.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UserError(
                f"{self.manifest}: cannot be read ({error}), so the data of the run are unknown: restore the file, "
                "or choose another output_dir and start without --resume"
            ) from error
        return manifest

    def start(self, config: RunConfig, manifest: Mapping[str, Any]) -> None:
        """Writes the configuration and the manifest."""
        self.path.mkdir(parents=True, exist_ok=True)
        write_json(self.manifest, manifest)
        write_text(self.config, dump(config))

    def finished(self, config: RunConfig) -> bool:
        """Whether the training has ended and its result is there, with its model card, which is written last."""
        result = self.model if config.lora is None or config.lora.merge else self.adapter
        return (result / "README.md").is_file() and any(END in record for record in self.read_metrics())

    def last_checkpoint(self) -> Path | None:
        """The newest complete checkpoint: one with a trainer state, which is written last."""
        whole = [p for p in self.checkpoints.glob("checkpoint-*") if _reads(p / "trainer_state.json")]
        return max(whole, key=lambda p: int(p.name.rpartition("-")[2]), default=None)

    def rewind(self, step: int) -> None:
        """Removes the metrics after `step`, and those after the end of training: the resumed run logs them again."""
        if self.metrics.exists():
            kept = []
            for line in whole_lines(self.metrics):
                record = json.loads(line)
                if record["step"] <= step:
                    kept.append(line)
                if END in record:
                    break
            write_text(self.metrics, "".join(line + "\n" for line in kept))

    def log(self, record: Mapping[str, Any]) -> None:
        """Adds one line to the metrics. The record of the end of training is not added twice."""
        if END in record and any(END in before for before in self.read_metrics()):
            return
        with self.metrics.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")

    def read_metrics(self) -> list[dict[str, Any]]:
        """Every logged record, in order."""
        return [json.loads(line) for line in whole_lines(self.metrics)]


def dump(config: RunConfig) -> str:
    """The configuration as YAML, with all values."""
    text: str = yaml.safe_dump(asdict(config), sort_keys=False, allow_unicode=True)
    return text


def make_manifest(
    config: RunConfig,
    source: str,
    command: Sequence[str] | None,
    notes: Mapping[str, Any],
    commit: str | None,
    fingerprints: Mapping[str, str],
) -> dict[str, Any]:
    """Versions, seed, command and inputs: hashes of the data files and of the base model's folder.

    For inputs from the hub: the `commit` of the model and the `fingerprints` of the data sets.
    """
    base = {"name": config.model.name, "revision": config.model.revision, "commit": commit}
    return {
        **manifest_head(sys.argv if command is None else command),
        "seed": config.training.seed,
        "data": {path: sha256(file) for path, file in _data_files(config).items()} | dict(fingerprints),
        "base_model": {**base, "files": model_hashes(source)},
        **notes,
    }


def _data_files(config: RunConfig) -> dict[str, Path]:
    """The files of rows by the path, or the packaged name, that the configuration has."""
    return {path: rows_path(path, name) for name, path in config.row_files()}


def _flat(value: Any, name: str = "") -> Iterable[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _flat(inner, f"{name}.{key}" if name else str(key))
    else:
        yield name, value


def _reads(path: Path) -> bool:
    try:
        return isinstance(json.loads(path.read_text(encoding="utf-8")), dict)
    except (OSError, ValueError):
        return False
