"""What every benchmark works on: a base model, real parallel rows, and one objective for each method."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from deepsuper import Collator, Objective, ParallelBatch
from deepsuper.config import DataConfig, ModelConfig, ObjectiveConfig
from deepsuper.data.rows import Row
from deepsuper.data.templates import encode_rows
from deepsuper.method.batch import EncodedRow
from deepsuper.method.methods import build_objective
from deepsuper.models.anatomy import text_config
from deepsuper.models.load import load_model, load_tokenizer


def load_base(name: str) -> tuple[torch.nn.Module, Any]:
    """A model with its tokenizer; `tiny` is a random one of the test suite, for toy runs."""
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # as the command line does
    if name == "tiny":
        sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "models"))
        from tiny import make_model, make_tokenizer

        return make_model("gemma3"), make_tokenizer()
    config = ModelConfig(name=name)
    return load_model(config), load_tokenizer(config)


PAPER = {
    "tft": ObjectiveConfig(method="tft"),
    "logits-positional": ObjectiveConfig(method="dft-logits", alignment="positional"),
    "logits-conditional": ObjectiveConfig(method="dft-logits"),
    "feature": ObjectiveConfig(method="dft-feature"),
}
BEYOND = {
    "tft": PAPER["tft"],
    "et-output": ObjectiveConfig(method="et-output"),
    "contrastive": replace(PAPER["feature"], center="batch", similarity="contrastive", detach_english=False),
    "retain-cosine": replace(PAPER["feature"], retain="cosine"),
    "retain-kl": replace(PAPER["feature"], retain="kl"),
    "tuned-lens": replace(PAPER["logits-positional"], lens="tuned"),
}
"""The terms that the paper does not have, with what they stand beside."""
TERMS = {"paper": PAPER, "beyond": BEYOND}


def objectives(model: torch.nn.Module, terms: str = "paper") -> dict[str, Objective]:
    """The methods that are compared, with layers at the paper's proportions of the depth."""
    depth = text_config(model).num_hidden_layers
    return {name: build_objective(config, depth) for name, config in TERMS[terms].items()}


def demo_rows(count: int) -> list[Row]:
    """The first packaged XQuAD rows for training, Chinese."""
    from deepsuper.demo.run import load_rows

    return load_rows("zh", "train")[:count]


def encoded_rows(model_name: str, tokenizer: Any, count: int) -> list[EncodedRow]:
    """The first `count` demo rows as tokens; very short ones for `tiny`, whose tokens are characters."""
    data = DataConfig(train=[], template="plain", max_length=96 if model_name == "tiny" else 512)
    rows = demo_rows(count)
    if model_name == "tiny":
        rows = [Row(r.id, r.language, "q", "c", "a b", "q", "c", "a") for r in rows]
    return encode_rows(rows, tokenizer, data, "parallel").rows


def load_batches(model_name: str, tokenizer: Any, objective: Objective, count: int, rows: int) -> list[ParallelBatch]:
    """`count` batches of `rows` rows each, the same rows for every objective."""
    encoded = encoded_rows(model_name, tokenizer, count * rows)
    collate = Collator(tokenizer.pad_token_id, tokenizer.bos_token_id, objective)
    return [collate(encoded[n * rows : (n + 1) * rows]) for n in range(count)]


def peak_resident() -> int:
    """The highest resident size of this process in KiB. Not ru_maxrss: that starts from the parent's at exec."""
    status = Path("/proc/self/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))
