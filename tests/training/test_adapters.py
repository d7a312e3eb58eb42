"""LoRA: what an adapter trains, and that it merges into the model it was trained on."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from transformers import AutoModelForCausalLM

from deepsuper.config import LoraConfig, MergeConfig, ModelConfig
from deepsuper.models import load as models
from deepsuper.models.load import load_model
from deepsuper.models.merge import merge_adapter
from deepsuper.training.prepare import prepare
from deepsuper.training.run import train
from runs import make_run


@pytest.mark.slow
def test_a_lora_run_leaves_an_adapter_that_merges(tmp_path):
    run = replace(make_run(tmp_path, learning_rate=1e-2), lora=LoraConfig(r=4, alpha=8, merge=True))
    out = train(run)
    assert (out / "adapter" / "adapter_model.safetensors").is_file()
    merged = AutoModelForCausalLM.from_pretrained(out / "model")
    base = AutoModelForCausalLM.from_pretrained(run.model.name)
    changed = [n for n, p in base.named_parameters() if not torch.equal(p, merged.get_parameter(n))]
    assert changed and all("proj" in name for name in changed)
    again = merge_adapter(MergeConfig(str(out / "adapter"), str(tmp_path / "merged")))
    twice = AutoModelForCausalLM.from_pretrained(again)
    assert all(torch.equal(p, twice.get_parameter(n)) for n, p in merged.named_parameters())
    with pytest.raises(ValueError, match="exists: choose another folder"):
        merge_adapter(MergeConfig(str(out / "adapter"), str(tmp_path / "merged")))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Setting `save_embedding_layers`")
@pytest.mark.parametrize("family", ["llama", "gemma3"])
def test_an_adapter_trains_the_embedding_only_where_it_is_not_the_output_embeddings_too(tmp_path, family):
    lora = LoraConfig(r=4, target_modules=["embed_tokens"], merge=True)
    run = replace(make_run(tmp_path, family=family, max_steps=2, learning_rate=1e-2), lora=lora)
    if family == "gemma3":
        with pytest.raises(ValueError, match=r"\(down_proj, gate_proj, .*, got 'embed_tokens', which is .* tied to"):
            prepare(run)
        return
    merged = AutoModelForCausalLM.from_pretrained(train(run) / "model")
    base = AutoModelForCausalLM.from_pretrained(run.model.name)
    changed = [n for n, p in base.named_parameters() if not torch.equal(p, merged.get_parameter(n))]
    assert changed == ["model.embed_tokens.weight"]


@pytest.mark.slow
def test_an_adapter_is_merged_into_the_revision_and_dtype_it_was_trained_on(tmp_path, monkeypatch):
    run = replace(make_run(tmp_path, max_steps=1), lora=LoraConfig(r=4, merge=True))
    run = replace(run, model=replace(run.model, revision="v1", dtype="bfloat16"))
    loaded = []
    monkeypatch.setattr(models, "load_model", lambda config: loaded.append(config) or load_model(config))
    out = train(run)
    assert [(config.revision, config.dtype) for config in loaded] == [("v1", "bfloat16")]
    assert json.loads((out / "model" / "config.json").read_text())["dtype"] == "bfloat16"
    assert json.loads((out / "adapter" / "adapter_config.json").read_text())["revision"] == "v1"
    merge_adapter(MergeConfig(str(out / "adapter"), str(tmp_path / "merged"), ModelConfig("", dtype="float16")))
    assert (loaded[1].revision, loaded[1].dtype) == ("v1", "float16")
