"""The laws of a run: the same losses however the batch is cut, killed or spread; an ordinary model at the end."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from deepsuper.config import ModelConfig, SourceConfig
from deepsuper.method.tree import Tree
from deepsuper.training.prepare import prepare
from deepsuper.training.run import train
from deepsuper.training.run_folder import RunFolder, dump
from deepsuper.training.trainer import Diverged
from runs import centered, close, free_of_layers, losses, make_records, make_run

METHODS = ["sft", "tft", "dft-logits", "dft-feature"]


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_a_run_leaves_an_ordinary_model_folder_with_its_papers(tmp_path, method):
    run = free_of_layers(make_run(tmp_path, log_every=2), method)
    out = train(run, command=["deepsuper", "train"])
    model = AutoModelForCausalLM.from_pretrained(out / "model")
    tokenizer = AutoTokenizer.from_pretrained(out / "model")
    ids = tokenizer("abc", return_tensors="pt").input_ids
    assert model.generate(ids, max_new_tokens=2, do_sample=False).shape[1] > ids.shape[1]
    base = AutoModelForCausalLM.from_pretrained(run.model.name)
    assert not torch.equal(model.lm_head.weight, base.lm_head.weight)
    assert {p.suffix for p in (out / "model").iterdir()} <= {".json", ".safetensors", ".md"}
    assert method in (out / "model" / "README.md").read_text()
    assert (out / "config.yaml").read_text() == dump(run)
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["seed"] == 3 and manifest["command"] == ["deepsuper", "train"]
    assert (
        len(manifest["data"][run.data.train[0].path]) == len(manifest["base_model"]["files"]["model.safetensors"]) == 64
    )
    assert not list(out.glob("**/*.partial"))
    logged, held_out = losses(out), losses(out, "eval_loss")
    assert [r["step"] for r in logged] == [2, 4, 6] and len(held_out) == 1
    terms = {"loss_tft", "loss_lc", "loss_et"} if method.startswith("dft") else {"loss_tft"}
    assert set(logged[0]) == terms | {"step", "loss"} and set(held_out[0]) == {f"eval_{t}" for t in terms} | {
        "step",
        "eval_loss",
    }


@pytest.mark.slow
def test_the_logged_loss_is_the_sum_of_its_terms(tmp_path):
    from deepsuper.config import WeightConfig

    run = make_run(tmp_path, lc_weight=WeightConfig(0.5), et_weight=WeightConfig(2.0))
    for r in losses(train(run)):
        assert r["loss"] == pytest.approx(r["loss_tft"] + 0.5 * r["loss_lc"] + 2.0 * r["loss_et"], rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["dft-logits", "dft-feature"])
def test_accumulated_micro_batches_train_as_one_batch(tmp_path, method):
    runs = []
    for micro in (4, 1):
        run = make_run(tmp_path, micro_batch_size=micro, grad_norms_every=1, method=method, **centered(method))
        out = train(replace(run, output_dir=str(tmp_path / f"run{micro}")))
        runs.append((losses(out), losses(out, "grad_norm_"), losses(out, "eval_loss")))
    for whole, cut in zip(*runs, strict=True):
        close(whole, cut)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["tft", "dft-logits", "dft-feature"])
def test_packed_rows_train_as_padded_ones(tmp_path, monkeypatch, method):
    monkeypatch.setattr("deepsuper.method.layout.WIDTH", 64)
    shared, run_tree = {}, Tree.run

    def run(self, segments, *rest):
        shared.setdefault(len(runs), set()).add(segments[0].rows is not None)
        return run_tree(self, segments, *rest)

    monkeypatch.setattr(Tree, "run", run)
    runs = []
    for packing in ("none", "packed"):
        options = {} if method == "tft" else centered(method)
        made = free_of_layers(make_run(tmp_path, batch_size=8, micro_batch_size=4, packing=packing, **options), method)
        out = train(replace(made, output_dir=str(tmp_path / packing)))
        runs.append((losses(out), losses(out, "eval_loss")))
    assert shared[0] == {False} and True in shared[1]
    for padded, packed in zip(*runs, strict=True):
        close(padded, packed)


@pytest.mark.slow
def test_the_held_out_loss_does_not_depend_on_the_micro_batch(tmp_path):
    evaluated = []
    for micro, rows in ((4, 22), (2, 22)):
        run = make_run(tmp_path, rows=rows, batch_size=4, micro_batch_size=micro, learning_rate=1e-9)
        evaluated.append(losses(train(replace(run, output_dir=str(tmp_path / str(micro)))), "eval_loss"))
    close(*evaluated, tolerance=1e-5)


@pytest.mark.slow
def test_a_row_without_negatives_is_left_out_of_the_contrastive_mean(tmp_path):
    """Of 5 rows the last is alone in its micro-batch; those before it have the same negatives without it."""
    held_out = []
    for rows in (5, 4):
        folder = tmp_path / str(rows)
        folder.mkdir()
        run = make_run(folder, rows=rows, method="dft-feature", similarity="contrastive", learning_rate=1e-9)
        held_out += losses(train(run), "eval_loss")
    for term in ("lc", "et"):
        five, four = (record[f"eval_loss_{term}"] for record in held_out)
        assert five == pytest.approx(four, rel=1e-4) and four > 0


@pytest.mark.slow
def test_gradient_norms_are_logged_when_asked(tmp_path):
    out = train(make_run(tmp_path, grad_norms_every=3))
    with_norms = [r["step"] for r in losses(out, "grad_norm_")]
    assert with_norms == [3, 6]
    assert set(losses(out, "grad_norm_")[0]) == {"step", "grad_norm_tft", "grad_norm_lc", "grad_norm_et"}


@pytest.mark.slow
def test_a_logged_gradient_norm_is_of_one_step_however_rarely_it_is_logged(tmp_path):
    """The root of the mean square over the measured steps; and none is lost in a checkpoint between two logs."""
    each = losses(train(make_run(tmp_path, grad_norms_every=1)), "grad_norm_")
    run = make_run(tmp_path, grad_norms_every=2, log_every=6, save_every=3)
    rare = replace(run, output_dir=str(tmp_path / "rare"))
    (logged,) = losses(train(rare), "grad_norm_")
    for term in ("tft", "lc", "et"):
        norms = [record[f"grad_norm_{term}"] for record in each if record["step"] in (2, 4, 6)]
        assert logged[f"grad_norm_{term}"] == pytest.approx((sum(n**2 for n in norms) / 3) ** 0.5, rel=1e-4)
    (Path(rare.output_dir) / "checkpoints" / "checkpoint-6" / "trainer_state.json").unlink()
    close([logged], losses(train(rare, resume=True), "grad_norm_"))


@pytest.mark.slow
def test_checkpointing_changes_no_loss(tmp_path):
    plain = losses(train(make_run(tmp_path)))
    run = make_run(tmp_path, gradient_checkpointing=True)
    close(plain, losses(train(replace(run, output_dir=str(tmp_path / "again")))))


@pytest.mark.slow
def test_a_loss_that_is_not_a_number_stops_the_run_naming_step_and_term(tmp_path, monkeypatch):
    from deepsuper.method import supervised

    calls = []

    def poisoned(*args):
        calls.append(1)
        return torch.full((4,), float("nan"), requires_grad=True) if len(calls) > 4 else supervised.torch.ones(4)

    monkeypatch.setattr(supervised, "cosine_loss", poisoned)
    with pytest.raises(Diverged, match=r"step 3: the loss of term lc is not finite.*or the weight of that term"):
        train(make_run(tmp_path, method="dft-feature"))


@pytest.mark.slow
@pytest.mark.parametrize("log_every", [2, 4])
def test_every_step_is_logged_whatever_log_every_leaves_over(tmp_path, log_every):
    each = {r["step"]: r["loss_tft"] for r in losses(train(make_run(tmp_path, max_steps=5)))}
    run = replace(make_run(tmp_path, max_steps=5, log_every=log_every), output_dir=str(tmp_path / "rare"))
    logged = losses(train(run))
    assert [r["step"] for r in logged] == [*range(log_every, 5, log_every), 5]
    for r, before in zip(logged, [{"step": 0}, *logged], strict=False):
        steps = range(before["step"] + 1, r["step"] + 1)
        assert r["loss_tft"] == pytest.approx(sum(each[n] for n in steps) / len(steps), rel=1e-5)


@pytest.mark.slow
def test_a_held_out_loss_that_is_not_a_number_stops_the_run_naming_step_and_term(tmp_path, monkeypatch):
    from deepsuper.method import supervised

    cosine_loss = supervised.cosine_loss
    monkeypatch.setattr(
        supervised, "cosine_loss", lambda a, b: cosine_loss(a, b) * (1.0 if torch.is_grad_enabled() else float("nan"))
    )
    run = make_run(tmp_path, method="dft-feature", log_every=4)
    with pytest.raises(Diverged, match=r"step 6: the held-out loss of term lc is not finite.*learning_rate"):
        train(run)
    assert not RunFolder(Path(run.output_dir)).model.exists()


@pytest.mark.slow
def test_a_gradient_that_is_not_a_number_in_the_last_step_stops_the_run(tmp_path, monkeypatch):
    run = make_run(tmp_path, max_steps=1, log_every=4)
    run = replace(run, data=replace(run.data, held_out=[]))

    class Poison(torch.autograd.Function):
        @staticmethod
        def forward(ctx, loss):
            return loss.clone()

        @staticmethod
        def backward(ctx, grad):
            return grad * float("nan")

    monkeypatch.setattr("deepsuper.method.objective.Objective.total", lambda _, losses, __: Poison.apply(losses["tft"]))
    with pytest.raises(Diverged, match="step 1: the norm of the gradient is not finite"):
        train(run)
    assert not RunFolder(Path(run.output_dir)).model.exists()


@pytest.mark.slow
def test_each_term_goes_to_the_tracker_that_is_asked_for(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    out = train(make_run(tmp_path, max_steps=2, report_to=["tensorboard"], grad_norms_every=1))
    # One file in the folder itself; transformers puts the arguments of the run into one below it.
    events = min(out.rglob("events.out.tfevents.*"), key=lambda path: len(path.parts))
    reader = EventAccumulator(str(events.parent))
    reader.Reload()
    logged = losses(out)
    for term in ("", "_tft", "_lc", "_et"):
        points = reader.Scalars(f"train/loss{term}")
        assert [(p.step, pytest.approx(p.value)) for p in points] == [(r["step"], r[f"loss{term}"]) for r in logged]
    assert {f"train/grad_norm_{term}" for term in ("tft", "lc", "et")} <= set(reader.Tags()["scalars"])
    assert "eval/loss_lc" in reader.Tags()["scalars"]


@pytest.mark.slow
def test_the_manifest_names_what_came_from_the_hub(tmp_path, monkeypatch, caplog):
    """The commit of a model, as the hub's cache has it, and the fingerprint of a data set, which its files change."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    run, commits = make_run(tmp_path), ["a1" * 20, "b2" * 20]
    for commit, ref in zip(commits, ("main", "v1"), strict=True):
        cached = tmp_path / "hub" / "models--somebody--tiny"
        shutil.copytree(run.model.name, cached / "snapshots" / commit)
        (cached / "refs").mkdir(exist_ok=True)
        (cached / "refs" / ref).write_text(commit)
    data, fingerprints = tmp_path / "data", []
    data.mkdir()
    hub = replace(run, data=replace(run.data, train=[SourceConfig(language="zh", hub=str(data))], held_out=[]))
    for rows, commit, revision in zip((4, 5), commits, (None, "v1"), strict=True):
        (data / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in make_records(rows)))
        model = ModelConfig("somebody/tiny", revision)
        manifest = json.loads(
            (train(replace(hub, model=model, output_dir=str(tmp_path / commit))) / "manifest.json").read_text()
        )
        assert manifest["base_model"] == {"name": "somebody/tiny", "revision": revision, "commit": commit, "files": {}}
        fingerprints.append(manifest["data"][f"{data}[train]"])
    assert fingerprints[0] != fingerprints[1]
    with caplog.at_level("WARNING", "deepsuper"):
        train(replace(hub, model=ModelConfig("somebody/tiny"), output_dir=str(tmp_path / commits[0])), resume=True)
    assert f"{data}[train]: may have changed since the run was started" in caplog.text
    (tmp_path / "hub" / "models--somebody--tiny" / "refs" / "v1").write_text(commits[0])
    with pytest.raises(ValueError, match=rf"somebody/tiny \(commit {commits[0]}, before {commits[1]}\): has changed"):
        train(replace(hub, model=model, output_dir=str(tmp_path / commits[1])), resume=True)


def test_bad_rows_are_named_before_a_weight_is_loaded(tmp_path, monkeypatch):
    run = make_run(tmp_path)
    (Path(run.model.name) / "model.safetensors").unlink()
    with Path(run.data.train[0].path).open("a") as file:
        file.write('{"id": 99}\n')
    with pytest.raises(ValueError, match=r"rows\.jsonl:25: field 'instruction' is missing"):
        train(run)
    skip = replace(run, data=replace(run.data, on_bad_row="skip"))
    assert prepare(skip).counts["skipped_rows"] == 2  # once in each part that reads the file
    long = tmp_path / "long.jsonl"
    long.write_text(json.dumps({**make_records(1)[0], "instruction": "a" * 100}) + "\n")
    held_out = [replace(run.data.held_out[0], path=str(long))]
    with pytest.raises(ValueError, match=r"^data\.held_out: no row fits into data\.max_length: raise it"):
        prepare(replace(skip, data=replace(skip.data, held_out=held_out)))


def test_a_weight_that_leaves_no_row_is_named_as_such(tmp_path):
    run = make_run(tmp_path)
    source = run.data.train[0]
    for part, before in (("train", []), ("train", [source]), ("held_out", [])):
        few = replace(source, language="vi" if before else "zh", weight=0.01)
        with pytest.raises(
            ValueError, match=rf"^data\.{part}\[{len(before)}\]\.weight 0\.01: rounds to no row of .*rows"
        ):
            prepare(replace(run, data=replace(run.data, **{part: [*before, few]})))
