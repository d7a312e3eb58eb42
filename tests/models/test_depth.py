"""The number of layers, read without a framework, is the one that transformers finds."""

from __future__ import annotations

import json

import pytest
from transformers import AutoConfig, GPT2Config, LlamaConfig

from deepsuper.config import ModelConfig
from deepsuper.models.depth import depth_of
from deepsuper.models.load import load_config, num_layers
from deepsuper.models.packaged import PACKAGED
from tiny import CONFIGS


def write(folder, values):
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(values if isinstance(values, str) else json.dumps(values))
    return ModelConfig(str(folder))


@pytest.mark.parametrize("family", CONFIGS)
def test_the_depth_of_a_folder_is_read_from_its_configuration(tmp_path, monkeypatch, family):
    CONFIGS[family]().save_pretrained(tmp_path)
    config = ModelConfig(str(tmp_path))
    assert num_layers(load_config(config)) == 4
    monkeypatch.setattr("deepsuper.models.load.load_config", None)
    assert depth_of(config) == 4


def test_a_multimodal_model_has_the_depth_of_its_text_configuration(tmp_path):
    values = AutoConfig.for_model("gemma3", text_config={"num_hidden_layers": 3}).to_dict()
    config = write(tmp_path / "whole", values)
    assert depth_of(config) == num_layers(load_config(config)) == 3
    config = write(tmp_path / "default", {"model_type": "gemma3", "text_config": {"model_type": "gemma3_text"}})
    assert depth_of(config) == num_layers(load_config(config)) > 3


def test_other_configurations_are_read_by_transformers(tmp_path):
    assert depth_of(write(tmp_path / "gpt2", GPT2Config(n_layer=5).to_dict())) == 5
    bart = write(tmp_path / "bart", AutoConfig.for_model("bart", encoder_layers=2, decoder_layers=3).to_dict())
    assert depth_of(bart) == num_layers(load_config(bart))


@pytest.mark.parametrize("values", ["{", '{"num_hidden_layers": 4.5}', None])
def test_a_folder_without_a_usable_configuration_is_refused(tmp_path, values):
    config = ModelConfig(str(tmp_path)) if values is None else write(tmp_path, values)
    with pytest.raises(ValueError, match=r"model.name .* cannot be loaded"):
        depth_of(config)


def test_a_hub_model_in_the_cache_is_read_there(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    LlamaConfig(num_hidden_layers=7).save_pretrained(tmp_path / "models--some--tiny" / "snapshots" / "abc")
    (tmp_path / "models--some--tiny" / "refs").mkdir()
    (tmp_path / "models--some--tiny" / "refs" / "main").write_text("abc")
    monkeypatch.setattr("deepsuper.models.load.load_config", None)
    assert depth_of(ModelConfig("some/tiny")) == 7


def test_a_packaged_model_is_not_unpacked_to_count_its_layers(tmp_path, monkeypatch):
    monkeypatch.setenv("DEEPSUPER_CACHE", str(tmp_path / "empty"))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)
    assert depth_of(ModelConfig("gemma-3-270m")) == 18
    assert not (tmp_path / "empty").exists()


@pytest.mark.real
@pytest.mark.parametrize("name", PACKAGED)
def test_a_packaged_model_has_as_many_layers_as_the_table_says(name):
    assert num_layers(load_config(ModelConfig(name))) == depth_of(ModelConfig(name))
