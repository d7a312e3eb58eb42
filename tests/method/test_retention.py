"""The term that retains: what it compares, what it trains, and that the model before training is what it says."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch

from deepsuper.config import LoraConfig
from deepsuper.method.collate import Collator
from deepsuper.method.objective import Feature, Logits, Objective, Retain
from deepsuper.method.retention import Before, moved
from deepsuper.method.supervised import Supervised
from deepsuper.method.tree import Tree
from deepsuper.models.adapters import add_lora, without_adapters
from rows import BOS, EOS, PAD, make_rows
from tiny import make_model

FAMILIES = ("llama", "gemma2", "qwen3")
L = 4
SPECIAL = frozenset({PAD, BOS, EOS})
TEXTS = ("rows", "query")


def make_adapted(family: str, *, dropout: float = 0.0) -> torch.nn.Module:
    """A model with adapters of random values, as after some steps."""
    torch.manual_seed(1)
    model = add_lora(make_model(family), LoraConfig(r=4, dropout=dropout))
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.05)
    return model


def objective_of(*terms: Retain) -> Objective:
    return Objective({"retain" if n == 0 else f"retain{n}": term for n, term in enumerate(terms)})


def batch_of(objective: Objective, rows: int = 3, **changes):
    return Collator(PAD, BOS, objective, special_ids=SPECIAL, **changes)(make_rows(rows))


@pytest.mark.parametrize("family", FAMILIES)
def test_without_adapters_the_states_are_those_of_the_untouched_model(family):
    adapted, untouched = make_adapted(family), make_model(family)
    ids = torch.arange(3, 13).reshape(2, 5)
    with torch.no_grad():
        want = untouched(input_ids=ids, output_hidden_states=True).hidden_states
        with without_adapters(adapted):
            got = adapted(input_ids=ids, output_hidden_states=True).hidden_states
        other = adapted(input_ids=ids, output_hidden_states=True).hidden_states
    assert all(torch.equal(a, b) for a, b in zip(got, want, strict=True))
    assert not torch.allclose(other[L], want[L])


def test_afterwards_the_adapters_are_as_they_were():
    model = make_adapted("llama", dropout=0.5).train()
    model.get_submodule("base_model.model.model.norm").eval()
    frozen = [p for name, p in model.named_parameters() if "layers.1." in name]
    for parameter in frozen:
        parameter.requires_grad_(False)
    flags = {name: p.requires_grad for name, p in model.named_parameters()}
    training = [module.training for module in model.modules()]
    with without_adapters(model):
        assert not any(module.training for module in model.modules())
    assert {name: p.requires_grad for name, p in model.named_parameters()} == flags
    assert [module.training for module in model.modules()] == training


@pytest.mark.parametrize("layer", [1, 2, L])
@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("family", FAMILIES)
def test_the_loss_is_one_minus_the_cosine_of_two_models(family, text, layer):
    adapted, untouched = make_adapted(family), make_model(family)
    objective = objective_of(Retain(layer, text=text))
    loss = Supervised(adapted, objective)(batch_of(objective))["retain"]
    losses = []
    for row in make_rows(3):
        side = row.en if text == "query" else row.tgt
        ids = torch.tensor([side.query if text == "query" else side.query + side.response])
        with torch.no_grad():
            a, b = (m(input_ids=ids, output_hidden_states=True).hidden_states[layer] for m in (adapted, untouched))
        cosine = torch.nn.functional.cosine_similarity(a, b, dim=-1)[0]
        # Neither BOS, which is the first token, nor EOS.
        losses.append(1.0 - cosine[1 : None if text == "query" else -1])
    torch.testing.assert_close(loss, torch.cat(losses).mean(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("family", FAMILIES)
def test_before_the_first_step_the_loss_is_nothing(family, text):
    model = add_lora(make_model(family), LoraConfig(r=4, dropout=0.3)).train()
    objective = objective_of(Retain(3, text=text))
    loss = Supervised(model, objective)(batch_of(objective))["retain"]
    assert loss.item() < (1e-12 if text == "rows" else 1e-9)


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("family", FAMILIES)
def test_a_step_against_its_gradient_brings_the_model_back(family, text):
    model = make_adapted(family)
    objective = objective_of(Retain(3, text=text))
    supervised, batch = Supervised(model, objective), batch_of(objective)
    loss = supervised(batch)["retain"]
    loss.backward()
    with torch.no_grad():
        trained = [p for p in model.parameters() if p.grad is not None]
        length = torch.stack([p.grad.norm() for p in trained]).norm()
        for parameter in trained:
            parameter -= 1e-3 / length * parameter.grad
    assert supervised(batch)["retain"].item() < loss.item()


@pytest.mark.parametrize("layer", [1, 3])
@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("family", FAMILIES)
def test_it_trains_nothing_above_its_layer(family, text, layer):
    model = make_adapted(family)
    objective = objective_of(Retain(layer, text=text))
    Supervised(model, objective)(batch_of(objective))["retain"].backward()
    reached = {
        int(name.split("layers.")[1].split(".")[0])
        for name, p in model.named_parameters()
        if p.grad is not None and p.grad.any()
    }
    assert reached == set(range(layer))


@pytest.mark.parametrize("family", FAMILIES)
def test_the_other_terms_are_what_they_are_without_it(family):
    """An English query with gradient joins the pass; branches begin behind it, and detached features stay detached."""
    others = {"tft": Logits(L, "tft"), "lc": Logits(1, "lc"), "et": Feature(3, L)}
    alone, joined = Objective(others), Objective({**others, "retain": Retain(2, text="query")})
    assert joined.joint_english and not alone.joint_english
    gradients, values = [], []
    for objective in (alone, joined):
        model = make_adapted(family)
        losses = Supervised(model, objective)(batch_of(objective))
        sum(losses[name] for name in others).backward()
        values.append({name: float(losses[name].detach()) for name in others})
        gradients.append({name: p.grad for name, p in model.named_parameters() if p.grad is not None})
    assert values[0] == pytest.approx(values[1], rel=1e-4)
    assert gradients[0].keys() == gradients[1].keys()
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradient, gradients[1][name], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("text", TEXTS)
def test_accumulated_micro_batches_equal_one_batch(text):
    objective = objective_of(Retain(2, text=text))
    model, rows = make_adapted("llama"), make_rows(6)
    supervised, collate = Supervised(model, objective), Collator(PAD, BOS, objective, special_ids=SPECIAL)
    whole = supervised(collate(rows))["retain"]
    batches = [collate(rows[n : n + 2]) for n in (0, 2, 4)]
    count = sum(supervised.term_counts(batch)["retain"] for batch in batches)
    parts = sum(supervised(batch, {"retain": float(count)})["retain"] for batch in batches)
    torch.testing.assert_close(whole, parts, rtol=1e-5, atol=1e-7)


def test_in_a_corpus_of_both_languages_only_english_rows_count():
    objective = objective_of(Retain(2, text="english rows"))
    rows = make_rows(4, languages=("zh", "en"))
    batch = Collator(PAD, BOS, objective, ("zh", "en"), SPECIAL)(rows)
    assert set(batch["targets_retain"][0].tolist()) == {1, 3}
    none = Collator(PAD, BOS, objective, special_ids=SPECIAL)(make_rows(2))
    supervised = Supervised(make_adapted("llama"), objective)
    assert supervised.term_counts(none)["retain"] == 0 and supervised(none)["retain"].item() == 0.0


@pytest.mark.parametrize("family", FAMILIES)
def test_a_frozen_copy_stands_for_the_model_before_training(family):
    model, objective = make_model(family), objective_of(Retain(3))
    supervised = Supervised(model, objective, untrained=deepcopy(model).requires_grad_(False))
    batch = batch_of(objective)
    assert supervised(batch)["retain"].item() == 0.0
    with torch.no_grad():
        for parameter in model.model.layers[0].parameters():
            parameter += 0.05 * torch.randn_like(parameter)
    supervised(batch)["retain"].backward()
    assert model.model.layers[2].mlp.up_proj.weight.grad.any()
    assert set(supervised.state_dict()) == {f"model.{name}" for name in model.state_dict()}
    assert {id(p) for p in supervised.parameters()} == {id(p) for p in model.parameters()}


def test_a_model_that_trains_as_a_whole_needs_a_copy():
    with pytest.raises(ValueError, match="need a model with adapters, or a frozen copy"):
        Before(model := make_model("llama"), Tree(model))


def test_small_angles_are_not_rounding():
    a = torch.randn(8, 64)
    b = a + 1e-4 * torch.randn(8, 64)
    want = 1.0 - torch.nn.functional.cosine_similarity(a.double(), b.double(), dim=-1)
    torch.testing.assert_close(moved(a, b).double(), want, rtol=1e-2, atol=0.0)
    assert moved(a, a).eq(0.0).all()


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("family", FAMILIES)
def test_kl_is_that_of_two_models(family, text):
    adapted, untouched = make_adapted(family), make_model(family)
    objective = objective_of(Retain(L, "kl", text))
    loss = Supervised(adapted, objective)(batch_of(objective))["retain"]
    found = []
    for row in make_rows(3):
        side = row.en if text == "query" else row.tgt
        ids = torch.tensor([side.query if text == "query" else side.query + side.response])
        with torch.no_grad():
            now, before = (m(input_ids=ids).logits[0].log_softmax(-1) for m in (adapted, untouched))
        found.append((before.exp() * (before - now)).sum(-1)[1 : None if text == "query" else -1])
    torch.testing.assert_close(loss, torch.cat(found).mean(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("family", FAMILIES)
def test_kl_trains_blocks_and_embeddings_but_not_the_head(family):
    """Words that no text of the batch contains can only be reached through W_out: they must stay untouched."""
    model, objective = make_model(family), objective_of(Retain(L, "kl"))
    supervised = Supervised(model, objective, untrained=make_model(family, seed=1).requires_grad_(False))
    supervised(batch_of(objective))["retain"].backward()
    used = {t for row in make_rows(3) for t in (*row.tgt.query, *row.tgt.response)} | {PAD}
    unused = [t for t in range(97) if t not in used]
    head = model.lm_head.weight
    assert head.grad is None or not head.grad[unused].any()
    assert model.model.layers[L - 1].mlp.up_proj.weight.grad.any()
    assert model.model.embed_tokens.weight.grad.any()


@pytest.mark.parametrize("layer", [1, 3])
def test_kl_is_read_at_the_last_layer_alone(layer):
    with pytest.raises(ValueError, match=f"distributions are read at the last layer, need layer = 4, got {layer}"):
        objective_of(Retain(layer, "kl")).check(L)


@pytest.mark.parametrize("text", TEXTS)
def test_one_term_alone_is_what_it_is_among_others(text):
    others = {"tft": Logits(L, "tft"), "lc": Logits(1, "lc"), "et": Feature(3, L)}
    objective = Objective({**others, "retain": Retain(2, text=text)})
    supervised, batch = Supervised(make_adapted("gemma2"), objective), batch_of(objective)
    together = {name: loss.item() for name, loss in supervised(batch).items()}
    alone = {name: supervised(batch, only=name)[name].item() for name in objective.terms}
    assert alone == pytest.approx(together, rel=1e-4)
