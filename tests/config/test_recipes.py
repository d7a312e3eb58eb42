"""Every recipe is valid, and its layers exist in a model of the true size (on the meta device)."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml
from transformers import AutoModelForCausalLM, Gemma2Config, LlamaConfig

from deepsuper import Supervised
from deepsuper.cli.arguments import parse_recipe
from deepsuper.common.errors import UserError
from deepsuper.common.files import sha256
from deepsuper.data import packaged
from deepsuper.data.packaged import rows_path
from deepsuper.method.methods import METHODS, build_objective, method_of
from deepsuper.models.packaged import PACKAGED
from deepsuper.training.check import check
from deepsuper.training.prepare import prepare
from deepsuper.training.run import train
from deepsuper.training.run_folder import RunFolder
from tiny import make_model, make_tokenizer

ROOT = Path(__file__).parents[2]
RECIPES = sorted(p for p in (ROOT / "recipes").rglob("*.yaml") if p.name != "fsdp.yaml")
PAPER = [p for p in RECIPES if p.parent.name == "recipes"]
# The shapes of the true models, from their published configurations.
TRUE = {
    "meta-llama/Llama-2-7b-hf": LlamaConfig(
        vocab_size=32000, hidden_size=4096, intermediate_size=11008, num_hidden_layers=32, num_attention_heads=32
    ),
    "google/gemma-2-2b": Gemma2Config(
        vocab_size=256000,
        hidden_size=2304,
        intermediate_size=9216,
        num_hidden_layers=26,
        num_attention_heads=8,
        num_key_value_heads=4,
        head_dim=256,
    ),
}
DEPTH = {**{name: c.num_hidden_layers for name, c in TRUE.items()}, "gemma-3-270m": 18, "smollm2-135m": 30}


@pytest.fixture(scope="module")
def true_models():
    with torch.device("meta"):
        return {name: AutoModelForCausalLM.from_config(c, dtype=torch.bfloat16) for name, c in TRUE.items()}


def recipe(path: Path, tmp_path: Path):
    """The recipe with its data files standing in `tmp_path`: the paper's data is not in the repository."""
    config = parse_recipe([str(path)])
    (tmp_path / "rows.jsonl").touch()
    train, held_out = (
        [replace(s, path=str(tmp_path / "rows.jsonl")) for s in sources]
        for sources in (config.data.train, config.data.held_out)
    )
    return replace(config, data=replace(config.data, train=train, held_out=held_out))


@pytest.mark.parametrize("path", RECIPES, ids=lambda p: p.stem)
def test_a_recipe_is_valid_and_named_for_what_it_does(path, tmp_path):
    config = recipe(path, tmp_path)
    check(config)
    for stream in config.all_streams.values():
        build_objective(stream.objective, DEPTH[config.model.name])
    parts = path.name.removesuffix(".yaml").split(".")
    assert ".".join(parts) in config.output_dir and config.method.replace(" ", "") in parts
    assert f"recipes/{path.relative_to(ROOT / 'recipes')}" in path.read_text()
    assert not config.model.trust_remote_code


@pytest.mark.parametrize("path", PAPER, ids=lambda p: p.stem)
def test_a_recipe_of_the_paper_has_its_settings_and_fits_the_true_model(path, tmp_path, true_models):
    config = recipe(path, tmp_path)
    t = config.training
    assert (t.batch_size, t.epochs, t.learning_rate, t.fsdp) == (128, 3, 2e-5, True)
    model = true_models[config.model.name]
    assert next(model.parameters()).is_meta
    objective = build_objective(config.objective, DEPTH[config.model.name])
    supervised = Supervised(model, objective)
    assert supervised.lens.head.weight.shape == (model.config.vocab_size, model.config.hidden_size)
    method = method_of(config.objective)
    assert {"lc": method.lc != "none", "et": method.et != "none"} == {n: n in objective.terms for n in ("lc", "et")}
    if "llama" in path.name:
        assert [objective.terms[n].layer for n in ("lc", "et") if n in objective.terms] == [
            layer for n, layer in (("lc", 2), ("et", 15)) if n in objective.terms
        ]


def test_every_row_of_the_papers_tables_has_a_recipe():
    names = {p.stem for p in PAPER}
    main = {
        f"{model}.{language}.{method}"
        for model in ("llama-2-7b", "gemma-2-2b")
        for language in ("zh", "vi", "ar")
        for method in ("sft", "tft", "sdrrl", "dft-logits", "dft-feature")
    }
    ablation = {f"llama-2-7b.zh.{method}" for method in METHODS if method[:2] in ("lc", "et") and method != "et-output"}
    assert names == main | ablation and len(ablation) == 4


@pytest.mark.slow
@pytest.mark.parametrize("path", [p for p in RECIPES if p not in PAPER], ids=lambda p: p.stem)
def test_every_row_of_a_small_recipe_fits_in_an_empty_folder(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    counts = prepare(parse_recipe([str(path)])).counts
    assert counts["train_rows"] > 900
    assert not any(count for name, count in counts.items() if name.endswith("cut") or name == "skipped_rows")


def test_small_recipes_cover_both_packaged_models():
    small = [parse_recipe([str(p)]) for p in RECIPES if p not in PAPER]
    assert {c.model.name for c in small} == set(PACKAGED)


@pytest.mark.slow
def test_a_small_recipe_trains_in_an_empty_folder_and_resumes_where_the_package_has_moved(tmp_path, monkeypatch):
    tiny, here = tmp_path / "tiny", tmp_path / "empty"
    make_model("gemma3").save_pretrained(tiny)
    make_tokenizer().save_pretrained(tiny)
    here.mkdir()
    monkeypatch.chdir(here)
    path = ROOT / "recipes" / "small" / "gemma-3-270m.zh.dft-feature.yaml"
    options = {"model.name": tiny, "training.max_steps": 1, "training.eval_every": 0, "data.max_length": 2048}
    options["data.held_out.weight"] = 0.05
    config = parse_recipe([str(path), *(f"--{name}={value}" for name, value in options.items())])
    folder = RunFolder(train(config))
    names = ("packaged:xquad.zh.train", "packaged:xquad.zh.held_out")
    assert json.loads(folder.manifest.read_text())["data"] == {n: sha256(rows_path(n, "path")) for n in names}
    assert yaml.safe_load(folder.config.read_text())["data"]["train"][0]["path"] == "packaged:xquad.zh.train"
    moved = tmp_path / "moved"
    shutil.copytree(packaged.FOLDER, moved)
    monkeypatch.setattr(packaged, "FOLDER", moved)
    folder.check_inputs(config, str(tiny), None)
    (moved / "xquad.zh.train.jsonl.gz").write_bytes(b"")
    with pytest.raises(UserError, match=r"packaged:xquad\.zh\.train: has changed since the run was started"):
        folder.check_inputs(config, str(tiny), None)


def test_packaged_rows_that_are_not_there_are_refused_with_the_option_and_the_names():
    path = RECIPES[-1]
    config = parse_recipe([str(path), "--data.train", "[{language: zh, path: packaged:xquad.zh}]"])
    with pytest.raises(UserError, match=r"data.train\[0\].path: need a file or one of packaged:xquad.ar.held_out, "):
        check(config)
