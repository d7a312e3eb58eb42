"""The card of a model: metadata that a YAML reader takes back as they were, and how to use what lies beside it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from deepsuper.config import LoraConfig, MergeConfig, ModelConfig
from deepsuper.models.card import write_card
from deepsuper.models.merge import merge_adapter
from deepsuper.training.run import train
from runs import make_run


def header_and_body(folder: Path) -> tuple[dict, str]:
    _, header, body = (folder / "README.md").read_text().split("---\n", 2)
    return yaml.safe_load(header), body


def test_the_metadata_read_back_as_they_were(tmp_path):
    run = make_run(tmp_path, language="no")
    run = replace(run, model=ModelConfig("my: model #1"))
    write_card(tmp_path, run, "L = L_TFT", [], {"train_rows": 1, "skipped_rows": 0})
    header, body = header_and_body(tmp_path)
    assert header == {
        "base_model": "my: model #1",
        "language": ["no"],
        "library_name": "transformers",
        "tags": ["deepsuper", "deep-supervision", run.objective.method],
    }
    assert body.startswith("\n# my: model #1, tuned with")


@pytest.mark.slow
def test_a_merged_model_has_the_card_of_a_whole_one(tmp_path):
    run = replace(make_run(tmp_path, max_steps=1), lora=LoraConfig(r=2, merge=True))
    out = train(run)
    by_command = merge_adapter(MergeConfig(str(out / "adapter"), str(tmp_path / "merged")))
    of_adapter = header_and_body(out / "adapter")[0]
    assert of_adapter["library_name"] == "peft"
    for folder in (out / "model", by_command):
        header, body = header_and_body(folder)
        assert header == {**of_adapter, "library_name": "transformers"}
        assert "AutoModelForCausalLM.from_pretrained" in body and "held-out loss" in body and "LoRA" not in body
    (out / "adapter" / "README.md").write_text("somebody's own card")
    header, body = header_and_body(merge_adapter(MergeConfig(str(out / "adapter"), str(tmp_path / "again"))))
    assert header == {"base_model": run.model.name, "library_name": "transformers"}
    assert "AutoModelForCausalLM.from_pretrained" in body
