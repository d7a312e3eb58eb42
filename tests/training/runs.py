"""Small runs on disk: a tiny model folder, a file of parallel rows, a configuration."""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deepsuper.config import (
    DataConfig,
    ModelConfig,
    ObjectiveConfig,
    RunConfig,
    SourceConfig,
    StreamConfig,
    TrainingConfig,
)
from deepsuper.training.run_folder import dump
from forked import Forked, command
from tiny import make_model, make_tokenizer

PAIRS = ObjectiveConfig(method="pairs", layer_lc=2, similarity="contrastive", detach_english=False)


def make_run(folder: Path, *, family: str = "llama", rows: int = 24, language: str = "zh", **changes: Any) -> RunConfig:
    """A configuration whose model and rows lie in `folder`. `changes`: fields of ObjectiveConfig or TrainingConfig."""
    base = folder / f"base-{family}"
    if not base.exists():
        make_model(family).save_pretrained(base)
        make_tokenizer().save_pretrained(base)
    data = folder / "rows.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in make_records(rows)))
    training = TrainingConfig(
        learning_rate=1e-3, batch_size=4, micro_batch_size=4, epochs=1.0, bf16=False, log_every=1, seed=3
    )
    objective = ObjectiveConfig(layer_lc=1, layer_et=3)
    for name, value in changes.items():
        if name in ObjectiveConfig.__dataclass_fields__:
            objective = replace(objective, **{name: value})
        else:
            training = replace(training, **{name: value})
    sources = [SourceConfig(language=language, path=str(data))]
    return RunConfig(
        model=ModelConfig(name=str(base), attention="eager" if family == "gemma2" else "auto"),
        data=DataConfig(train=sources, held_out=sources, template="plain", max_length=64),
        objective=objective,
        training=training,
        output_dir=str(folder / "run"),
    )


def with_streams(run: RunConfig, folder: Path, *, task: str = "sft", **changes) -> RunConfig:
    """The run's rows as a task, and 10 pairs of texts as a second stream. `changes`: fields of the run."""
    pairs = folder / "pairs.jsonl"
    texts = [{"id": n, "text": f"abc {n} fed", "text_en": f"hah {n * 7} bad"} for n in range(10)]
    pairs.write_text("".join(json.dumps(row) + "\n" for row in texts))
    streams = {
        "task": StreamConfig(run.data.train, ObjectiveConfig(method=task)),
        "pairs": StreamConfig([SourceConfig(language="zh", path=str(pairs))], PAIRS),
    }
    data = replace(run.data, train=[])
    return replace(run, data=data, objective=ObjectiveConfig(), streams=streams, **changes)


def make_records(count: int) -> list[dict[str, Any]]:
    rng = random.Random(1)

    def words(longest: int) -> str:
        return "".join(rng.choice("abcdefgh ") for _ in range(rng.randint(3, longest))).strip() or "a"

    names = ("instruction", "input", "output", "instruction_en", "input_en", "output_en")
    return [{"id": n, **{name: words(12) for name in names}} for n in range(count)]


def losses(run: Path, prefix: str = "loss") -> list[dict[str, float]]:
    """The logged losses of each step."""
    records = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [
        {k: v for k, v in r.items() if k.startswith(prefix) or k == "step"}
        for r in records
        if any(k.startswith(prefix) for k in r)
    ]


def close(a, b, tolerance=1e-4):
    assert [set(x) for x in a] == [set(y) for y in b]
    for x, y in zip(a, b, strict=True):
        assert x == pytest.approx(y, rel=tolerance, abs=1e-6)


def free_of_layers(run: RunConfig, method: str) -> RunConfig:
    layers = {} if method.startswith("dft") else {"layer_lc": None, "layer_et": None}
    return replace(run, objective=replace(run.objective, method=method, **layers))


def centered(method: str) -> dict[str, str]:
    """The centring with a state of its own, where the method has features."""
    return {"center": "running"} if "feature" in method else {}


def start(run: RunConfig, *arguments: str, processes: int = 1) -> list[Forked]:
    """`deepsuper train` in one process or in several, each told its rank as a launcher tells it."""
    line = ["train", write_recipe(run), *arguments]
    if processes == 1:
        return [Forked(command, *line)]
    group = {"WORLD_SIZE": processes, "LOCAL_WORLD_SIZE": processes, "MASTER_ADDR": "localhost", "MASTER_PORT": port()}
    ranks = ({**group, "RANK": rank, "LOCAL_RANK": rank} for rank in range(processes))
    return [Forked(command, *line, environment={k: str(v) for k, v in rank.items()}) for rank in ranks]


def finish(processes: list[Forked]) -> str:
    """What all of them said; each must end well."""
    return "".join(process.finish() + process.errors() for process in processes)


def launch(run: RunConfig, *arguments: str, processes: int) -> subprocess.Popen[str]:
    """`torchrun` with `deepsuper train`."""
    launcher = ["torch.distributed.run", f"--nproc_per_node={processes}", f"--master_port={port()}"]
    line = [sys.executable, "-m", *launcher, "-m", "deepsuper", "train", write_recipe(run), *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)


def write_recipe(run: RunConfig) -> str:
    path = Path(run.output_dir).parent / f"{Path(run.output_dir).name}.yaml"
    path.write_text(dump(run))
    return str(path)


def port() -> int:
    """A free one."""
    with socket.socket() as s:
        s.bind(("localhost", 0))
        free: int = s.getsockname()[1]
        return free
