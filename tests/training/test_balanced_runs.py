"""Balanced weights in a run: exact however the batch is cut or spread, the same after a resume, and without a trace."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from deepsuper.common.errors import UserError
from deepsuper.common.files import sha256
from deepsuper.config import LoraConfig, ObjectiveConfig
from deepsuper.method.balance import Balance
from deepsuper.method.calibration import calibrate
from deepsuper.method.collate import Collator
from deepsuper.method.gradients import block_parameters
from deepsuper.method.methods import build_objective
from deepsuper.method.supervised import Supervised
from deepsuper.models.adapters import add_lora
from deepsuper.training.balance import measure
from deepsuper.training.check import check
from deepsuper.training.run import train
from deepsuper.training.run_folder import RunFolder
from rows import BOS, PAD, make_rows
from runs import centered, close, finish, losses, make_run, start, with_streams
from tiny import make_model

FAMILIES = ["llama", "gemma2", "qwen3"]
BALANCED = ObjectiveConfig(layer_lc=1, layer_et=3, balance="ratio")
METHODS = [
    replace(BALANCED, method="dft-logits", train_head_et=True),
    replace(BALANCED, method="dft-feature", center="running"),
]


def make(config: ObjectiveConfig, family: str = "llama", rows: int = 8, lora: bool = False):
    """A module in training, its batch in one piece and row by row, and the counts of the whole."""
    model = make_model(family)
    if lora:
        model = add_lora(model, LoraConfig(r=4), None)
        torch.manual_seed(1)
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(parameter, std=0.05)
    objective = build_objective(config, 4)
    supervised = Supervised(model, objective).train()
    encoded, collate = make_rows(rows), Collator(PAD, BOS, objective)
    batch = collate(encoded)
    if objective.centered:
        calibrate(supervised, [batch])
    return supervised, [batch], [collate([row]) for row in encoded], supervised.term_counts(batch)


def norm_and_dot(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> tuple[float, float]:
    names = a.keys() & b.keys()
    flat, other = (torch.cat([g[n].flatten().double() for n in sorted(names)]) for g in (a, b))
    return float(flat.norm() / other.norm()), float(torch.cosine_similarity(flat, other, dim=0))


@pytest.mark.parametrize("lora", [False, True], ids=["full", "lora"])
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("config", METHODS, ids=["logits", "feature"])
def test_a_measured_ratio_is_that_of_separate_backward_passes_however_the_batch_is_cut(family, config, lora):
    supervised, whole, cut, counts = make(config, family, lora=lora)
    found, of_pieces = measure(supervised, whole, counts), measure(supervised, cut, counts)
    gradients = {}
    for name in supervised.objective.terms:
        supervised.zero_grad()
        supervised(whole[0])[name].backward()
        blocks = block_parameters(supervised.model).items()
        gradients[name] = {n: p.grad for n, p in blocks if p.grad is not None and p.grad.abs().max() > 0}
    for name in ("lc", "et"):
        ratio, cosine = norm_and_dot(gradients[name], gradients["tft"])
        assert found[name].ratio == pytest.approx(ratio, rel=1e-4) and ratio > 0
        assert found[name].cosine == pytest.approx(cosine, abs=1e-4)
        assert of_pieces[name].ratio == pytest.approx(ratio, rel=1e-4)
        assert of_pieces[name].cosine == pytest.approx(cosine, abs=1e-4)


@pytest.mark.parametrize("family", ["llama", "gemma2"])
@pytest.mark.parametrize("config", METHODS, ids=["logits", "feature"])
def test_a_measurement_leaves_no_trace(family, config):
    """No gradient, no learnt mean, no random number, and the step after it is the same to the last bit."""
    supervised, batches, _, counts = make(config, family)
    steps = []
    for measured in (False, True):
        torch.manual_seed(5)
        before = {n: b.clone() for n, b in supervised.named_buffers()}
        if measured:
            measure(supervised, batches, counts)
        assert all(p.grad is None for p in supervised.parameters())
        supervised.objective.total(supervised(batches[0])).backward()
        steps.append({n: p.grad for n, p in supervised.named_parameters() if p.grad is not None})
        steps[-1] |= {"random": torch.rand(3)}
        supervised.zero_grad()
        for means in supervised.means.values():
            means._sums = None
        assert all(torch.equal(before[n], b) for n, b in supervised.named_buffers())
    assert steps[0].keys() == steps[1].keys()
    assert all(torch.equal(steps[0][n], steps[1][n]) for n in steps[0])


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("config", METHODS, ids=["logits", "feature"])
def test_between_measurements_the_dose_is_within_a_tenth_of_the_one_asked_for(family, config):
    supervised, batches, _, counts = make(config, family)
    objective, balance = supervised.objective, Balance(ratio=0.2, every=4)
    objective = replace(objective, balance=balance)
    optimizer = torch.optim.AdamW(supervised.parameters(), lr=2e-5)
    for step in range(8):
        shares = measure(supervised, batches, counts)
        if step % balance.every == 0:
            assert balance.update(shares) == []
        for name in ("lc", "et"):
            assert objective.weight(name) * shares[name].ratio == pytest.approx(0.2, rel=0.1), (step, name)
        objective.total(supervised(batches[0])).backward()
        optimizer.step()
        optimizer.zero_grad()


def test_a_term_that_reaches_no_trained_parameter_keeps_its_weight():
    supervised, batches, _, counts = make(METHODS[0])
    for name, parameter in supervised.model.named_parameters():
        parameter.requires_grad_("layers.2" in name or "layers.3" in name)
    shares = measure(supervised, batches, counts)
    assert shares["lc"].ratio == 0.0 < shares["et"].ratio
    (warning,) = supervised.objective.balance.update(shares)
    assert "term lc" in warning and supervised.objective.weight("lc") == 1.0


def balanced(tmp_path: Path, **changes):
    return make_run(tmp_path, **{"balance": "ratio", "balance_every": 2, **changes})


@pytest.mark.slow
def test_weight_ratio_and_cosine_of_each_term_are_logged(tmp_path):
    run = balanced(tmp_path, ratio=0.5, grad_norms_every=1)
    records = RunFolder(train(run)).read_metrics()
    steps = {r["step"]: r for r in records if "loss" in r}
    for step, r in steps.items():
        assert r["loss"] == pytest.approx(sum(r[f"loss_{n}"] * r.get(f"weight_{n}", 1.0) for n in ("tft", "lc", "et")))
        assert {k for k in r if k.startswith(("ratio_", "cosine_"))} == (
            {f"{what}_{n}" for what in ("ratio", "cosine") for n in ("lc", "et")} if step % 2 else set()
        )
    assert steps[1]["ratio_lc"] == pytest.approx(0.5) == pytest.approx(steps[1]["ratio_et"])
    assert steps[2]["weight_lc"] == steps[1]["weight_lc"] != steps[3]["weight_lc"]
    (held_out,) = [r for r in records if "eval_loss" in r]
    last = steps[6]
    expected = sum(held_out[f"eval_loss_{n}"] * last.get(f"weight_{n}", 1.0) for n in ("tft", "lc", "et"))
    assert held_out["eval_loss"] == pytest.approx(expected)


@pytest.mark.slow
def test_logged_gradient_norms_are_those_of_the_balanced_terms(tmp_path):
    fixed = train(make_run(tmp_path, grad_norms_every=1, max_steps=1))
    out = train(replace(balanced(tmp_path, grad_norms_every=1, max_steps=1), output_dir=str(tmp_path / "balanced")))
    ((before,), (after,)) = (losses(run, "grad_norm_") for run in (fixed, out))
    (weights,) = losses(out, "weight_")
    for name in ("lc", "et"):
        assert weights[f"weight_{name}"] != pytest.approx(1.0, rel=0.1)
        expected = weights[f"weight_{name}"] * before[f"grad_norm_{name}"]
        assert after[f"grad_norm_{name}"] == pytest.approx(expected, rel=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["dft-logits", "dft-feature"])
def test_accumulated_micro_batches_are_balanced_as_one_batch(tmp_path, method):
    logged = []
    for micro in (4, 1):
        run = balanced(tmp_path, micro_batch_size=micro, method=method, **centered(method))
        out = train(replace(run, output_dir=str(tmp_path / f"run{micro}")))
        logged.append([losses(out, prefix) for prefix in ("loss", "weight_", "ratio_", "cosine_")])
    for whole, cut in zip(*logged, strict=True):
        close(whole, cut, tolerance=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("save_every", [2, 3], ids=["at a measurement", "between two"])
@pytest.mark.parametrize("lora", [None, LoraConfig(r=4, dropout=0.2)], ids=["full", "lora"])
def test_a_resumed_run_is_balanced_to_the_same_bits(tmp_path, save_every, lora):
    run = replace(balanced(tmp_path, save_every=save_every, log_every=4, save_total_limit=None), lora=lora)
    out = RunFolder(train(run))
    result = out.model / "model.safetensors" if lora is None else out.adapter / "adapter_model.safetensors"
    before, logged = sha256(result), [r for r in out.read_metrics() if "loss" in r]
    for checkpoint in out.checkpoints.iterdir():
        if checkpoint.name != f"checkpoint-{save_every}":
            (checkpoint / "trainer_state.json").unlink()
    result.unlink()
    train(run, resume=True)
    assert sha256(result) == before
    assert [r for r in out.read_metrics() if "loss" in r] == logged


@pytest.mark.slow
def test_checkpointed_activations_and_adapters_change_no_balance(tmp_path):
    for lora in (None, LoraConfig(r=4)):
        found = []
        for checkpointing in (False, True):
            run = replace(balanced(tmp_path, gradient_checkpointing=checkpointing, max_steps=4), lora=lora)
            out = train(replace(run, output_dir=str(tmp_path / f"{lora is None}-{checkpointing}")))
            found.append([losses(out, prefix) for prefix in ("loss", "weight_", "ratio_")])
        for plain, again in zip(*found, strict=True):
            close(plain, again, tolerance=1e-3)


@pytest.mark.processes
@pytest.mark.parametrize(("family", "method"), [("llama", "dft-feature"), ("gemma3", "dft-logits")])
@pytest.mark.parametrize("fsdp", [False, True])
def test_two_processes_balance_as_one(tmp_path, family, method, fsdp):
    """With all gradients whole in both processes, and with a shard in each."""
    run = balanced(tmp_path, family=family, micro_batch_size=2, method=method, save_every=3, **centered(method))
    alone = train(replace(run, output_dir=str(tmp_path / "alone")))
    both = replace(run, training=replace(run.training, fsdp=fsdp))
    finish(start(both, processes=2))
    for prefix in ("loss", "weight_", "ratio_", "cosine_"):
        close(losses(alone, prefix), losses(Path(run.output_dir), prefix), tolerance=1e-3)


@pytest.mark.slow
def test_a_stream_without_answers_is_balanced_against_the_task_of_the_same_step(tmp_path):
    run = with_streams(make_run(tmp_path, max_steps=3, micro_batch_size=2), tmp_path, schedule="joined")
    pairs = replace(run.streams["pairs"].objective, balance="ratio", ratio=0.4, balance_every=2)
    run = replace(run, streams={**run.streams, "pairs": replace(run.streams["pairs"], objective=pairs)})
    steps = [r for r in RunFolder(train(run)).read_metrics() if "loss" in r]
    assert [r.get("ratio_pairs_lc") for r in steps] == [pytest.approx(0.4), None, pytest.approx(0.4, rel=1.0)]
    for r in steps:
        assert r["loss"] == pytest.approx(r["loss_task_tft"] + r["weight_pairs_lc"] * r["loss_pairs_lc"], rel=1e-5)
    with pytest.raises(UserError, match=r"streams\.pairs\.objective\.balance ratio: method pairs learns no answers"):
        check(replace(run, schedule="alternate"))


@pytest.mark.slow
def test_a_run_with_fixed_weights_logs_and_saves_as_before(tmp_path):
    out = RunFolder(train(make_run(tmp_path, max_steps=2, save_every=2)))
    assert not any(key.startswith(("weight_", "ratio_", "cosine_")) for r in out.read_metrics() for key in r)
    assert json.loads((out.checkpoints / "checkpoint-2" / "trainer_state.json").read_text())["global_step"] == 2
