"""A run killed at any moment, in any number of processes, resumes to the same losses, and on the same data alone."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, GPT2Config

from deepsuper.common.files import sha256
from deepsuper.config import LoraConfig
from deepsuper.training.run import train
from deepsuper.training.run_folder import RunFolder
from forked import Forked, command
from runs import centered, close, finish, launch, losses, make_run, start, write_recipe
from tiny import make_tokenizer


def train_until(path: str, records: int) -> None:
    """Trains as the recipe says, in a process that is killed when it has logged so many records."""
    log = RunFolder.log

    def log_and_die(folder: RunFolder, record: dict[str, float]) -> None:
        log(folder, record)
        if len(folder.read_metrics()) == records:
            os.kill(os.getpid(), signal.SIGKILL)

    RunFolder.log = log_and_die
    command("train", path)


@pytest.mark.processes
@pytest.mark.parametrize("method", ["dft-logits", "dft-feature"])
def test_a_killed_run_resumes_to_the_same_losses(tmp_path, method):
    run = make_run(
        tmp_path, rows=48, epochs=2.0, save_every=4, log_every=3, eval_every=8, method=method, **centered(method)
    )
    whole = replace(run, output_dir=str(tmp_path / "whole"))
    train(whole)
    folder = RunFolder(Path(run.output_dir))
    process = Forked(train_until, write_recipe(run), 5)
    assert process.wait() == -signal.SIGKILL, process.errors()
    assert folder.last_checkpoint().name == "checkpoint-8" and folder.read_metrics()[-1]["step"] == 12
    assert not folder.model.exists()
    finish(start(run, "--resume"))
    killed, unbroken = folder.read_metrics(), RunFolder(Path(whole.output_dir)).read_metrics()
    drop = {"train_runtime", "train_samples_per_second", "train_steps_per_second", "train_loss"}
    close(
        [{k: v for k, v in r.items() if k not in drop} for r in killed],
        [{k: v for k, v in r.items() if k not in drop} for r in unbroken],
    )
    a, b = (AutoModelForCausalLM.from_pretrained(Path(r.output_dir) / "model") for r in (run, whole))
    assert torch.allclose(a.lm_head.weight, b.lm_head.weight, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("length", [{"max_steps": 4, "save_every": 3}, {"epochs": 1.0, "save_every": 4}])
@pytest.mark.parametrize("lost", [0, 1, 2], ids=["nothing", "the last evaluation", "all records of the end"])
def test_a_run_killed_after_its_last_step_takes_no_other(tmp_path, length, lost):
    run = make_run(tmp_path, schedule="constant", method="dft-feature", center="running", **length)
    out = RunFolder(train(run))
    weights, before = sha256(out.model / "model.safetensors"), out.metrics.read_text()
    shutil.rmtree(out.model)
    lines = before.splitlines(keepends=True)
    assert "train_runtime" in lines[-2] and "eval_loss" in lines[-1]
    out.metrics.write_text("".join(lines[: len(lines) - lost]))
    train(run, resume=True)
    assert sha256(out.model / "model.safetensors") == weights
    if lost < 2:
        assert out.metrics.read_text() == before
        return
    *steps, end, held_out = out.metrics.read_text().splitlines(keepends=True)
    assert [*steps, held_out] == [*lines[:-2], lines[-1]]
    assert set(json.loads(end)) == set(json.loads(lines[-2])) - {"train_loss"}


@pytest.mark.processes
@pytest.mark.parametrize(("family", "method"), [("llama", "dft-feature"), ("gemma3", "dft-logits")])
@pytest.mark.parametrize("fsdp", [False, True])
def test_two_processes_train_as_one(tmp_path, family, method, fsdp):
    """Llama with a W_out of its own, Gemma-3 with one that is the embedding too."""
    options = {"method": method, "grad_norms_every": 2, **centered(method)}
    run = make_run(tmp_path, family=family, micro_batch_size=2, eval_every=3, **options)
    alone = train(replace(run, output_dir=str(tmp_path / "alone")))
    both = replace(run, training=replace(run.training, fsdp=fsdp))
    finish(start(both, processes=2))
    for prefix in ("loss", "eval_loss", "grad_norm_"):
        close(losses(alone, prefix), losses(Path(run.output_dir), prefix))
    a, b = (AutoModelForCausalLM.from_pretrained(p / "model") for p in (alone, Path(run.output_dir)))
    assert torch.allclose(a.lm_head.weight, b.lm_head.weight, atol=1e-5)


@pytest.mark.processes
@pytest.mark.parametrize("fsdp", [False, True])
def test_two_processes_compare_their_rows_with_those_of_both(tmp_path, fsdp):
    """The last of 25 held-out rows is alone, and the second process runs one of its own beside it."""
    options = {"method": "dft-feature", "center": "batch", "similarity": "contrastive", "detach_english": False}
    length = {"rows": 25, "max_steps": 4, "eval_every": 2, "grad_norms_every": 2}
    run = make_run(tmp_path, micro_batch_size=4, **length, **options)
    alone = train(replace(run, output_dir=str(tmp_path / "alone")))
    finish(start(replace(run, training=replace(run.training, micro_batch_size=2, fsdp=fsdp)), processes=2))
    for prefix in ("loss", "eval_loss", "grad_norm"):
        close(losses(alone, prefix), losses(Path(run.output_dir), prefix))
    a, b = (AutoModelForCausalLM.from_pretrained(p / "model") for p in (alone, Path(run.output_dir)))
    assert torch.allclose(a.lm_head.weight, b.lm_head.weight, atol=1e-5)


@pytest.mark.processes
def test_a_sharded_run_whose_process_is_killed_resumes_to_the_same_losses(tmp_path):
    run = make_run(tmp_path, epochs=2.0, save_every=4, log_every=3, grad_norms_every=2, eval_every=8)
    run = replace(run, objective=replace(run.objective, method="dft-feature", center="running"))
    run = replace(run, training=replace(run.training, fsdp=True, micro_batch_size=2))
    alone = replace(run, training=replace(run.training, fsdp=False), output_dir=str(tmp_path / "alone"))
    train(alone)
    process = launch(run, processes=2)
    folder = RunFolder(Path(run.output_dir))
    deadline = time.monotonic() + 240
    while not folder.last_checkpoint() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    workers = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    os.kill(int(workers[-1]), signal.SIGKILL)
    output, _ = process.communicate(timeout=240)
    assert process.returncode != 0 and not folder.model.exists(), output[-3000:]
    finish(start(run, "--resume", processes=2))
    for prefix in ("loss", "eval_loss", "grad_norm_"):
        close(losses(Path(alone.output_dir), prefix), losses(folder.path, prefix))
    a, b = (AutoModelForCausalLM.from_pretrained(Path(r.output_dir) / "model") for r in (run, alone))
    assert torch.allclose(a.lm_head.weight, b.lm_head.weight, atol=1e-5)


@pytest.mark.processes
def test_two_processes_measure_their_layers_once(tmp_path):
    run = make_run(
        tmp_path, language="xx", micro_batch_size=2, max_steps=2, layer_lc=None, layer_et=None, layers="auto"
    )
    said = finish(start(run, processes=2))
    assert said.count("layers: auto: i = ") == 1
    chosen = json.loads((Path(run.output_dir) / "layers.json").read_text())
    assert f"theta_1:{chosen['layer_et']}, W_out" in said and (Path(run.output_dir) / "model").exists()


@pytest.mark.slow
def test_a_lora_run_resumes_to_the_same_losses(tmp_path):
    run = replace(make_run(tmp_path, save_every=2, learning_rate=1e-2), lora=LoraConfig(r=4))
    whole = train(run)
    before = losses(whole)
    for leftover in ("checkpoint-6", "checkpoint-4"):
        if (whole / "checkpoints" / leftover).exists():
            (whole / "checkpoints" / leftover / "trainer_state.json").unlink()
    run = replace(run, training=replace(run.training, save_total_limit=None), output_dir=str(tmp_path / "b"))
    other = train(run)
    for step in (4, 6):
        (other / "checkpoints" / f"checkpoint-{step}" / "trainer_state.json").write_text("{")
    assert RunFolder(other).last_checkpoint().name == "checkpoint-2"
    close(before, losses(train(run, resume=True)))


@pytest.mark.slow
def test_resume_auto_starts_resumes_or_leaves_a_run_as_it_is(tmp_path, caplog):
    run = make_run(tmp_path, save_every=2, max_steps=4)
    folder = RunFolder(train(run, resume="auto"))
    before, written = losses(folder.path), folder.metrics.stat().st_mtime_ns
    caplog.set_level("INFO", "deepsuper")
    train(run, resume="auto")
    assert "done before" in caplog.text and folder.metrics.stat().st_mtime_ns == written
    # As a kill leaves it: a checkpoint, and no model yet.
    (folder.model / "README.md").unlink()
    shutil.rmtree(folder.checkpoints / "checkpoint-4")
    train(run, resume="auto")
    close(before, losses(folder.path))
    assert folder.finished(run)
    with pytest.raises(ValueError, match="the run was started with"):
        train(replace(run, training=replace(run.training, seed=9)), resume="auto")


@pytest.mark.slow
def test_a_run_never_writes_over_another(tmp_path):
    run = make_run(tmp_path, max_steps=1)
    with pytest.raises(ValueError, match="no run to resume"):
        train(run, resume=True)
    train(run)
    with pytest.raises(ValueError, match="holds a run"):
        train(run)
    other = replace(run, training=replace(run.training, learning_rate=2e-3))
    with pytest.raises(ValueError, match=r"training\.learning_rate: the run was started with 0\.001, got 0\.002"):
        train(other, resume=True)


@pytest.mark.slow
def test_a_start_that_fails_leaves_the_folder_free(tmp_path):
    model = GPT2Config(vocab_size=97, n_embd=32, n_layer=4, n_head=4, n_positions=512, bos_token_id=1)
    AutoModelForCausalLM.from_config(model).save_pretrained(tmp_path / "base-gpt2")
    make_tokenizer().save_pretrained(tmp_path / "base-gpt2")
    run = make_run(tmp_path, family="gpt2", max_steps=1)
    with pytest.raises(
        ValueError, match=r"GPT2LMHeadModel cannot read several texts .* objective\.alignment: positional"
    ):
        train(run)
    with pytest.raises(ValueError, match="no run to resume: start it without --resume"):
        train(run, resume=True)
    train(replace(run, objective=replace(run.objective, alignment="positional")))


@pytest.mark.slow
def test_a_run_without_a_checkpoint_starts_over_and_says_so(tmp_path, caplog):
    run = make_run(tmp_path, max_steps=1, save_every=0)
    out = RunFolder(train(run))
    before = losses(out.path)
    train(run, resume=True)
    assert f"{out.path}: has no checkpoint (training.save_every is 0): starting from step 0" in caplog.text
    assert losses(out.path) == before


@pytest.mark.slow
@pytest.mark.parametrize("changed", ["rows.jsonl", "base-llama/model.safetensors"])
def test_a_run_is_not_resumed_on_other_data_or_another_base_model(tmp_path, monkeypatch, changed):
    run = make_run(tmp_path, max_steps=2, save_every=1)
    train(run)
    file = tmp_path / changed
    before = file.read_bytes()
    file.write_bytes(before[: before.rindex(b"{")] if changed == "rows.jsonl" else before[:-4] + b"\0" * 4)
    with monkeypatch.context() as patched:
        patched.setattr("deepsuper.training.loading.load_model", lambda *_: pytest.fail("weights were loaded"))
        with pytest.raises(ValueError, match=rf"{changed}: has changed since the run was started: restore it"):
            train(run, resume=True)
    file.write_bytes(before)
    train(run, resume=True)
