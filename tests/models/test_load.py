"""A model folder that is damaged ends in a message that names it."""

from __future__ import annotations

import json
import shutil

import pytest

from deepsuper.common.errors import UserError
from deepsuper.config import ModelConfig
from deepsuper.models.adapters import base_of
from deepsuper.models.load import load_config, load_merged, load_model, load_tokenizer
from tiny import make_model, make_tokenizer


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    make_model("llama").save_pretrained(folder)
    make_tokenizer().save_pretrained(folder)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "content", "load"),
    [
        ("config.json", b"{", load_config),
        ("config.json", b"\xff\xfe", load_config),
        ("config.json", b"{}", load_config),
        ("config.json", b'{"model_type": "nope"}', load_config),
        ("config.json", b'{"model_type": "llama", "num_hidden_layers": "x"}', load_config),
        ("config.json", b'{"model_type": "t5"}', load_model),
        ("tokenizer.json", b"{", load_tokenizer),
        ("tokenizer_config.json", b"{", load_tokenizer),
        ("model.safetensors", b"cut off", load_model),
        ("model.safetensors", None, load_model),
    ],
)
def test_a_damaged_file_is_reported_with_the_model(whole, tmp_path, file, content, load):
    folder = tmp_path / "damaged"
    shutil.copytree(whole, folder)
    (folder / file).unlink()
    if content is not None:
        (folder / file).write_bytes(content)
    with pytest.raises(UserError, match=r"^model.name '.*damaged' cannot be loaded: [^\n]+$"):
        load(ModelConfig(str(folder)))


def test_a_misspelt_packaged_model_is_answered_with_its_name(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(UserError, match=r"cannot be loaded: .*: did you mean gemma-3-270m\?"):
        load_config(ModelConfig("gemma-3-270"))


@pytest.mark.parametrize("text", ["{", "[]", '{"peft_type": "NOPE"}', '{"peft_type": "LORA"}', "\0"])
def test_an_adapter_whose_configuration_is_damaged_is_named(tmp_path, text):
    (tmp_path / "adapter_config.json").write_text(text)
    with pytest.raises(UserError, match=rf"^{tmp_path}/adapter_config.json: "):
        base_of(ModelConfig(str(tmp_path)))


def test_an_adapter_without_weights_is_named(whole, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    config = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "r": 2, "target_modules": ["q_proj"]}
    (tmp_path / "adapter_config.json").write_text(json.dumps({**config, "base_model_name_or_path": str(whole)}))
    with pytest.raises(UserError, match="the adapter's weights cannot be loaded"):
        load_merged(ModelConfig(str(tmp_path)))
