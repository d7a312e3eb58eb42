"""Doses: those of one shared pass are those of separate ones, the weights keep their promise, the floor is counted."""

import json
from dataclasses import replace

import pytest
import torch
import yaml
from torch.utils.flop_counter import FlopCounterMode

from deepsuper.cli import main
from deepsuper.config import LoraConfig, ObjectiveConfig, ReadingName, StreamConfig
from deepsuper.inside.dose.candidates import Candidate, own_terms, readings_at, shared_passes
from deepsuper.inside.dose.floor import ModelSizes, pass_flops
from deepsuper.inside.dose.measure import DoseMeter, RowReader
from deepsuper.method.collate import Collator
from deepsuper.method.gradients import block_parameters, compare, products
from deepsuper.method.methods import build_objective
from deepsuper.method.objective import Logits, Objective
from deepsuper.method.supervised import Supervised
from deepsuper.method.tree import Segment, Tree
from deepsuper.method.tuned_lens import TunedLens
from deepsuper.models.adapters import add_lora
from deepsuper.models.anatomy import find_blocks, find_decoder
from failing import fail
from rows import make_rows
from runs import make_run, write_recipe
from tiny import make_model

READINGS = ReadingName.__args__
READER = RowReader(0, 1, ("zh", "vi"), bf16=False)
ROWS = make_rows(6, languages=("zh", "vi"))


def separately(model, candidate: Candidate, alignment="conditional", tuned=None):
    """The share of one term's gradient, from a whole pass of its own with the task, and two whole backward passes."""
    objective = Objective({"tft": Logits(4, "tft", train_head=True), "term": candidate.term}, alignment=alignment)
    batch = Collator(0, 1, objective, READER.languages)(ROWS)
    losses = Supervised(model, objective, languages=READER.languages, tuned=tuned)(batch)
    parameters = block_parameters(model)
    found = []
    for name in ("term", "tft"):
        model.zero_grad(set_to_none=True)
        losses[name].backward(retain_graph=True)
        found.append({n: p.grad.clone() for n, p in parameters.items() if p.grad is not None})
    return losses["term"].item(), compare(products(*found))


def meter_of(model, candidates, alignment="conditional", tuned=None):
    return DoseMeter(model, "", shared_passes(candidates, {"": alignment}), READER, tuned)


def check_same(model, candidates, alignment="conditional", tuned=None):
    trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    doses = meter_of(model, candidates, alignment, tuned).measure({"": ROWS})
    assert trained == {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert set(doses.losses) == {one.name for one in candidates}
    for one in candidates:
        loss, share = separately(model, one, alignment, tuned)
        assert doses.losses[one.name] == pytest.approx(loss, rel=1e-4)
        assert doses.shares[one.name].ratio == pytest.approx(share.ratio, rel=1e-3)
        assert doses.shares[one.name].cosine == pytest.approx(share.cosine, abs=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("family", ["llama", "gemma2", "qwen3"])
def test_doses_of_one_pass_are_those_of_separate_full_passes(family):
    check_same(make_model(family).eval(), readings_at(READINGS, (1, 3, 4), ObjectiveConfig(), 4))


def test_doses_of_a_recipes_own_options():
    config = ObjectiveConfig(method="dft-logits", alignment="positional", layer_lc=1, layer_et=3, lens_norm=False)
    check_same(make_model("llama").eval(), own_terms({"": build_objective(config, 4)}), "positional")
    config = ObjectiveConfig(method="dft-feature", layer_lc=1, layer_et=3, detach_english=False, pooling="last")
    readings = readings_at(("contrastive",), (2,), config, 4)
    check_same(make_model("gemma3").eval(), own_terms({"": build_objective(config, 4)}) + readings)


def test_readings_go_through_a_tuned_lens_where_the_recipe_has_one():
    torch.manual_seed(0)
    tuned = TunedLens({n: (0.1 * torch.randn(32, 32), torch.randn(32)) for n in range(4)}, 4)
    config = ObjectiveConfig(lens="tuned")
    check_same(make_model("llama"), readings_at(["lc-logits", "et-logits", "raw"], [1, 3], config, 4), tuned=tuned)


def test_one_forward_pass_serves_all_layers():
    model = make_model("llama").eval()
    calls = []
    find_decoder(model).register_forward_hook(lambda *_: calls.append(1))
    for layers in ((2,), (1, 2, 3, 4)):
        meter = meter_of(model, readings_at(READINGS, layers, ObjectiveConfig(), 4))
        calls.clear()
        meter.measure({"": ROWS})
        assert len(calls) == 5  # the task, the English question, the features, and each English text


def test_a_layer_below_which_all_blocks_are_frozen_has_no_gradient():
    model = make_model("llama").eval()
    find_blocks(model)[0].requires_grad_(False)
    candidates = readings_at(("raw",), (1, 2), ObjectiveConfig(), 4)
    check_same(model, candidates[1:2])
    shares = meter_of(model, candidates).measure({"": ROWS}).shares
    assert [shares[one.name].ratio > 0.0 for one in candidates] == [False, True, False, True]


def test_adapters_are_measured_alone():
    """At the start B is 0, so that A has no gradient yet: that of the run's first step."""
    model = add_lora(make_model("llama"), LoraConfig(r=2)).eval()
    check_same(model, readings_at(("et-logits",), (3,), ObjectiveConfig(), 4))
    grads = {name: p.grad.abs().sum() for name, p in model.named_parameters() if p.grad is not None}
    assert all((grad == 0) == ("lora_A" in name) for name, grad in grads.items() if "lora" in name) and grads


def counted(work, blocks=None):
    """The operations that torch counts: all, or those within `blocks`."""
    with FlopCounterMode(display=False) as counter:
        work()
    if blocks is None:
        return counter.get_total_flops()
    return sum(sum(ops.values()) for name, ops in counter.get_flop_counts().items() if name in blocks)


@pytest.mark.parametrize(("family", "frozen"), [("llama", 0), ("gemma2", 0), ("qwen3", 0), ("llama", 2)])
def test_the_floor_is_what_torch_counts(family, frozen):
    model = make_model(family)
    for block in find_blocks(model)[:frozen]:
        block.requires_grad_(False)
    model.set_attn_implementation("eager")
    sizes, ids = ModelSizes.of(model), torch.randint(3, 97, (3, 11))
    parameters = list(block_parameters(model).values())
    model.get_input_embeddings().weight.requires_grad_(False)
    blocks = {f"{type(find_decoder(model)).__name__}.layers.{n}" for n in range(4)}
    states = {}

    def forward():
        states.update(Tree(model).run([Segment(ids, 4)], torch.full((3,), 11), [1, 2, 3, 4]))

    def backward():
        torch.autograd.grad(states[layer].sum(), parameters, retain_graph=True, allow_unused=True)

    assert counted(forward, blocks) == sizes.forward(3, 11, 4)
    assert sizes.backward(3, 11, frozen) == 0.0
    for layer in (1 + frozen, 3, 4):
        assert counted(backward) == sizes.backward(3, 11, layer)
    h, head = states[4].detach()[0].requires_grad_(), model.get_output_embeddings().weight.detach()
    assert counted(lambda: torch.autograd.grad((h @ head.T).sum(), h)) == sizes.logits(11)


def test_the_floor_of_a_measurement_adds_up_its_passes():
    model = make_model("llama")
    sizes = ModelSizes.of(model)
    candidates = readings_at(("raw", "lc-logits"), (1, 3), ObjectiveConfig(), 4)
    features, logits = shared_passes(candidates, {"": "conditional"})
    batch = READER.batch(features, ROWS)
    question, english = batch["trunk_ids"].shape[1], batch["english_ids"].shape[1]
    assert question == max(len(row.tgt.query) for row in ROWS)
    expected = sizes.forward(6, question, 3) + sizes.forward(6, english, 4)
    expected += 2 * (sizes.backward(6, question, 1) + sizes.backward(6, question, 3))
    assert pass_flops(sizes, features, batch).blocks == expected and pass_flops(sizes, features, batch).head == 0
    batch = READER.batch(logits, ROWS)
    columns = question + batch["lc_ids"].shape[1]
    found = pass_flops(sizes, logits, batch)
    assert found.blocks == sizes.forward(6, columns, 3) + sizes.backward(6, columns, 1) + sizes.backward(6, columns, 3)
    assert found.head == 2 * sizes.logits(batch["targets_lc"].shape[1])


def run(tmp_path, recipe, *options):
    main(["dose", write_recipe(recipe), "--batches", "2", *options])
    return json.loads((tmp_path / "run" / "dose.json").read_text())


@pytest.mark.slow
@pytest.mark.parametrize("family", ["llama", "gemma2", "qwen3"])
def test_the_weights_give_the_ratio_that_was_asked_for(tmp_path, family, capsys):
    recipe = make_run(tmp_path, family=family, method="dft-feature", center="running")
    record = run(tmp_path, recipe, "--ratio", "0.3")
    assert {dose["name"] for dose in record["doses"]} == {"lc", "et"}
    assert "0.3 with this weight" in capsys.readouterr().out
    weights = yaml.safe_load((tmp_path / "run" / "dose.yaml").read_text())["objective"]
    changes = {f"objective.{name}.value": str(weight["value"]) for name, weight in weights.items()}
    again = run(tmp_path, recipe, *(word for name, value in changes.items() for word in (f"--{name}", value)))
    assert [dose["ratio_at_weight"] for dose in again["doses"]] == pytest.approx([0.3, 0.3], rel=1e-6)
    assert again["floor"]["seconds"] > 0 and again["floor"]["flops"]["head"] > 0


@pytest.mark.slow
def test_balanced_weights_are_left_to_the_run(tmp_path):
    recipe = make_run(tmp_path, method="et-feature", layer_lc=None, balance="ratio", ratio=0.1)
    (dose,) = run(tmp_path, recipe)["doses"]
    assert dose["ratio_at_weight"] == pytest.approx(0.1)
    assert yaml.safe_load((tmp_path / "run" / "dose.yaml").read_text()) is None


@pytest.mark.slow
def test_readings_are_written_with_lines_of_a_recipe(tmp_path):
    recipe = make_run(tmp_path, method="tft", layer_lc=None, layer_et=None)
    record = run(tmp_path, recipe, "--readings", "all", "--layers", "3,1", "--training.micro_batch_size", "4")
    assert len(record["doses"]) == 20 and {len(dose["batches"]) for dose in record["doses"]} == {2}
    assert (tmp_path / "run" / "dose.png").stat().st_size > 10_000
    lines = (tmp_path / "run" / "dose.yaml").read_text().splitlines()
    objectives = [yaml.safe_load(line[2:])["objective"] for line in lines if line.startswith("# objective: ")]
    for dose in record["doses"]:
        side, layer, value = dose["side"], dose["term"]["layer"], pytest.approx(dose["weight_for_ratio"])
        assert any(o.get(f"layer_{side}") == layer and o[f"{side}_weight"]["value"] == value for o in objectives)
    assert all(line.startswith("#") for line in lines)
    pasted = objectives[-1]
    main(
        [
            "show",
            write_recipe(recipe),
            *(f"--objective.{k}={v if isinstance(v, str) else json.dumps(v)}" for k, v in pasted.items()),
        ]
    )


def streams(tmp_path):
    """English answers, and an aligning stream of shorter texts."""
    recipe = make_run(tmp_path)
    sources = recipe.data.train
    task = StreamConfig(sources, ObjectiveConfig(method="sft"))
    align = StreamConfig(sources, ObjectiveConfig(method="pairs", layer_lc=2, center="running"), batch_size=8)
    return replace(
        recipe, data=replace(recipe.data, train=[]), objective=ObjectiveConfig(), streams={"task": task, "align": align}
    )


@pytest.mark.slow
def test_a_stream_is_measured_beside_the_task_of_another(tmp_path):
    recipe = streams(tmp_path)
    record = run(tmp_path, recipe, "--readings", "contrastive", "--layers", "2")
    assert [dose["name"] for dose in record["doses"]] == ["align_lc", "lc contrastive 2", "et contrastive 2"]
    lines = (tmp_path / "run" / "dose.yaml").read_text()
    weight = yaml.safe_load(lines)["streams"]["align"]["objective"]["lc_weight"]["value"]
    assert weight == pytest.approx(0.2 / record["doses"][0]["ratio"]["mean"])
    assert "# streams: {align: {objective: {method: pairs, lc: feature, layer_lc: 2, similarity: contrastive" in lines


BARE = "--objective.layer_lc null --objective.layer_et null --readings raw --objective.method"
MISTAKES = {
    "--readings rwa": "readings: need all, or some of raw, centered",
    "--readings raw --layers 0,2": "layers: need layers from 1 to 4, or all, got 0",
    "--readings raw --layers 2,5": "layers: need layers from 1 to 4, or all, got 5",
    "--readings raw --layers one": "layers: need numbers with commas",
    "--layers 1": "layers: the layers of --readings",
    "--ratio 0": "ratio: need 0 < ratio <= 10, got 0",
    "--ratio 11": "ratio: need 0 < ratio <= 10, got 11",
    "--batches 0": "batches: need at least 1, got 0",
    "--batches 7": "batches: need at most 6 of training.micro_batch_size 4, as there are 24 rows, got 7",
    "--objective.method tft --objective.layer_lc null --objective.layer_et null": "add --readings all",
    f"{BARE} sft": "readings: need rows in both languages, and objective.method sft has none",
    f"{BARE} sdrrl": "objective.method sdrrl: its rows are made in a run",
    "--readings contrastive --training.micro_batch_size 1": "training.micro_batch_size: need at least 2 for centered",
    "--objective.layers auto": "objective.layers auto: a run measures its layers first",
}


@pytest.mark.parametrize("line", MISTAKES)
def test_a_mistake_ends_in_one_line_before_weights_are_loaded(tmp_path, capsys, monkeypatch, line):
    monkeypatch.setattr("deepsuper.training.dose.load_meter", lambda *_: pytest.fail("weights are loaded"))
    assert MISTAKES[line] in fail(capsys, "dose", write_recipe(make_run(tmp_path)), *line.split())
