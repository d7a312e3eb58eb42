"""A row of every benchmark, files of them, and `deepsuper eval` on those with a tiny model."""

from __future__ import annotations

import json
from pathlib import Path

from deepsuper.cli import main
from deepsuper.common.errors import UserError
from deepsuper.evaluation.benchmarks import BENCHMARKS, file_language
from runs import make_run

ROWS = {
    "xquad": {"id": "q1", "context": "the sky is blue", "question": "which colour", "answers": ["blue", "sky blue"]},
    "mlqa": {"id": "q1", "context": "the sky is blue", "question": "which colour", "answers": ["blue"]},
    "truthfulqa": {"question": "is it so", "mc1_choices": ["no", "yes it is", "maybe"], "mc1_label": 1},
    "xnli": {"premise": "it rains", "hypothesis": "it is wet", "label": 0},
    "xcopa": {"premise": "It rained.", "choice1": "Wet.", "choice2": "Dry.", "question": "effect", "label": 0},
    "xstorycloze": {"sentences": ["a b", "c d", "e f", "g h"], "endings": ["good end", "bad end"], "label": 1},
    "mmlu": {"question": "one and one", "choices": ["1", "2", "3", "4"], "answer": 1},
    "mkqa": {"question": "which colour", "answers": ["blue", "sky blue"]},
    "sib200": {"text": "天是蓝色的", "label": 1},
    "flores": {"text": "天是蓝色的", "english": "the sky is blue"},
}


def no_comet() -> Path:
    raise UserError("no COMET: make comet")


def write_rows(folder: Path) -> Path:
    """Two rows of every benchmark and language, made up in the layout's fields."""
    for name, benchmark in BENCHMARKS.items():
        (folder / name).mkdir(parents=True)
        for language in {file_language(variant) for variant in benchmark.tasks}:
            rows = [{**ROWS[name], "id": f"{name}-{n}"} for n in range(2)]
            (folder / name / f"{language}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def evaluate(tmp_path, data, *options: str, profile: str = "paper", folder: str = "out") -> dict:
    name = make_run(tmp_path).model.name
    line = ["eval", name, "--data_dir", str(data), "--output_dir", str(tmp_path / folder), "--langs", "zh"]
    main([*line, "--comet_model", "none", "--profile", profile, *options])
    return json.loads((tmp_path / folder / "base-llama" / profile.split(",")[-1] / "results.json").read_text())


def read_items(tmp_path, key: str, profile: str = "paper", folder: str = "out") -> list[dict]:
    file = tmp_path / folder / "base-llama" / profile / "items" / f"{key.replace('/', '.')}.jsonl"
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
