"""What must hold whatever the model: which weights a term trains, what the lens reads, how micro-batches add up."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from deepsuper.config import Weight
from deepsuper.method.calibration import calibrate
from deepsuper.method.collate import Collator
from deepsuper.method.features import contrastive_loss, cosine_loss, pool
from deepsuper.method.grad_norms import GradNorms
from deepsuper.method.lens import Lens
from deepsuper.method.objective import Feature, Logits, Objective
from deepsuper.method.self_tests import check_lens
from deepsuper.method.supervised import Supervised
from rows import BOS, PAD, make_rows
from tiny import make_model

FAMILIES = ("llama", "qwen3", "gemma2", "gemma3")
L = 4
OBJECTIVES = {
    "tft": Objective({"tft": Logits(L, "tft")}),
    "conditional": Objective({"tft": Logits(L, "tft"), "lc": Logits(1, "lc"), "et": Logits(3, "et")}),
    "positional": Objective(
        {"tft": Logits(L, "tft"), "lc": Logits(1, "lc"), "et": Logits(3, "et")}, alignment="positional"
    ),
    "feature": Objective({"tft": Logits(L, "tft"), "lc": Feature(1, 1), "et": Feature(3, L)}),
    "centered": Objective({"lc": Feature(1, 1, center="running"), "et": Feature(3, L, center="running")}),
    "mixture": Objective({"tft": Logits(L, "tft"), "lc": Feature(1, 1), "et": Logits(3, "et", train_head=True)}),
}


def trained(model: torch.nn.Module, loss: torch.Tensor) -> set[str]:
    model.zero_grad(set_to_none=True)
    loss.backward()
    return {name for name, p in model.named_parameters() if p.grad is not None and p.grad.abs().max() > 0}


@pytest.mark.parametrize("alignment", ["conditional", "positional"])
@pytest.mark.parametrize("layer", [1, 2, 4])
@pytest.mark.parametrize("family", FAMILIES)
def test_lc_logits_trains_only_layers_up_to_i(family: str, layer: int, alignment: str) -> None:
    model = make_model(family)
    objective = Objective({"lc": Logits(layer, "lc")}, alignment=alignment)
    loss = Supervised(model, objective)(Collator(PAD, BOS, objective)(make_rows(3)))["lc"]
    names = trained(model, loss)
    blocks = {int(name.split("layers.")[1].split(".")[0]) for name in names if "layers." in name}
    assert blocks == set(range(layer))
    outside = {name for name in names if "layers." not in name}
    # At layer L the decoder has applied the final norm itself; only there does it get a gradient.
    allowed = {"model.embed_tokens.weight"} | ({"model.norm.weight"} if layer == L else set())
    assert outside == allowed


def test_frozen_head_gets_no_gradient_through_a_tied_embedding() -> None:
    """Words that no text of the batch contains can only be reached through W_out: they must stay untouched."""
    model = make_model("gemma2")
    rows = make_rows(3)
    objective = Objective({"lc": Logits(2, "lc")})
    Supervised(model, objective)(Collator(PAD, BOS, objective)(rows))["lc"].backward()
    used = {t for row in rows for t in (*row.tgt.query, *row.tgt.response, *row.en.query)} | {PAD}
    unused = [t for t in range(97) if t not in used]
    assert unused and model.lm_head.weight is model.model.embed_tokens.weight
    assert model.model.embed_tokens.weight.grad[unused].abs().max() == 0


@pytest.mark.parametrize("family", FAMILIES)
def test_et_head_is_trained_only_where_asked(family: str) -> None:
    for train_head in (False, True):
        model = make_model(family)
        objective = Objective({"et": Logits(3, "et", train_head=train_head)})
        names = trained(model, Supervised(model, objective)(Collator(PAD, BOS, objective)(make_rows(3)))["et"])
        assert ("model.norm.weight" in names) is train_head


@pytest.mark.parametrize("family", FAMILIES)
def test_lens_at_the_last_layer_equals_the_models_logits(family: str) -> None:
    model = make_model(family).eval()
    supervised = Supervised(model, OBJECTIVES["tft"])
    check_lens(supervised)
    ids = torch.arange(3, 15).reshape(2, 6)
    with torch.no_grad():
        out = model(input_ids=ids, output_hidden_states=True)
        torch.testing.assert_close(Lens(model).logits(out.hidden_states[L], L), out.logits, rtol=1e-5, atol=1e-6)


def test_lens_check_finds_an_unknown_head() -> None:
    model = make_model("llama")
    model.lm_head.bias = torch.nn.Parameter(torch.ones(97))
    supervised = Supervised(model, OBJECTIVES["tft"])
    supervised.lens.scale = 2.0
    with pytest.raises(ValueError, match="differs from the model's own logits"):
        check_lens(supervised)


def test_soft_cap_is_applied_at_every_layer() -> None:
    model = make_model("gemma2")
    lens = Lens(model)
    assert lens.softcap == 30.0
    h = 1e4 * torch.randn(5, 32)
    for layer in range(L + 1):
        assert lens.logits(h, layer, norm=False).abs().max() <= 30.0
    labels = torch.arange(5)
    want = F.cross_entropy(lens.logits(h, 2, norm=False), labels)
    torch.testing.assert_close(lens.loss(h, labels, 2, divisor=5.0, norm=False), want)


@pytest.mark.parametrize("family", FAMILIES)
def test_tft_equals_the_loss_of_transformers(family: str) -> None:
    model = make_model(family)
    rows = make_rows(4)
    objective = OBJECTIVES["tft"]
    batch = Collator(PAD, BOS, objective)(rows)
    labels = torch.full_like(batch["trunk_ids"], -100)
    for b, row in enumerate(rows):
        start = len(row.tgt.query)
        labels[b, start : start + len(row.tgt.response)] = torch.tensor(row.tgt.response)
    want = model(input_ids=batch["trunk_ids"], labels=labels).loss
    torch.testing.assert_close(Supervised(model, objective)(batch)["tft"], want, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_one_batch_of_eight_equals_eight_accumulated_of_one(name: str) -> None:
    objective = OBJECTIVES[name]
    model = make_model("gemma3").eval()
    rows = make_rows(8)
    collate = Collator(PAD, BOS, objective)
    supervised = Supervised(model, objective)
    if not supervised.means.ready:
        supervised.train()
        calibrate(supervised, [collate(make_rows(6, seed=9))])
        supervised.eval()
        assert supervised.means.ready
    whole = collate(rows)
    counts = supervised.term_counts(whole)
    parts = [collate([row]) for row in rows]
    assert counts == {key: sum(supervised.term_counts(p)[key] for p in parts) for key in counts}
    objective.total(supervised(whole)).backward()
    want = {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
    model.zero_grad(set_to_none=True)
    for part in parts:
        objective.total(supervised(part, counts)).backward()
    for n, p in model.named_parameters():
        if p.grad is not None:
            torch.testing.assert_close(p.grad, want[n], rtol=1e-4, atol=1e-6)


def test_only_labelled_positions_are_projected(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    original = Lens.loss

    def spy(self: Lens, h: torch.Tensor, labels: torch.Tensor, layer: int, **options: object) -> torch.Tensor:
        seen.append(len(h))
        return original(self, h, labels, layer, **options)

    monkeypatch.setattr(Lens, "loss", spy)
    rows = make_rows(3)
    objective = OBJECTIVES["conditional"]
    Supervised(make_model("llama"), objective)(Collator(PAD, BOS, objective)(rows))
    texts = [
        [len(r.tgt.response) for r in rows],
        [len(r.en.query) - 1 for r in rows],
        [len(r.en.response) for r in rows],
    ]
    assert sorted(seen) == sorted(sum(t) for t in texts)


def test_detached_english_side_runs_without_gradient_and_without_response() -> None:
    model = make_model("llama")
    objective = OBJECTIVES["feature"]
    rows = make_rows(3)
    batch = Collator(PAD, BOS, objective)(rows)
    assert batch["english_ids"].shape[1] == max(len(row.en.query) for row in rows)
    modes: list[bool] = []
    model.model.layers[0].register_forward_pre_hook(lambda *_: modes.append(torch.is_grad_enabled()))
    Supervised(model, objective)(batch)
    assert modes == [False, True]


def test_english_side_stops_at_the_last_layer_it_needs() -> None:
    model = make_model("llama")
    objective = Objective({"lc": Feature(1, 1)})
    widths: list[int] = []
    model.model.layers[2].mlp.register_forward_pre_hook(lambda _, args: widths.append(args[0].shape[1]))
    Supervised(model, objective)(Collator(PAD, BOS, objective)(make_rows(3)))
    assert widths == [1, 1]


def test_only_the_supervised_layers_are_kept() -> None:
    supervised = Supervised(make_model("llama"), OBJECTIVES["conditional"])
    supervised(Collator(PAD, BOS, supervised.objective)(make_rows(2)))
    assert supervised.tree._current is not None and supervised.tree._current.states == {}


def test_term_grad_norms_are_those_of_the_term_at_its_state() -> None:
    model = make_model("llama")
    supervised = Supervised(model, OBJECTIVES["conditional"])
    norms = GradNorms()
    batch = Collator(PAD, BOS, supervised.objective)(make_rows(3))
    losses = supervised(batch, grad_norms=norms)
    loss, state = norms._terms["lc"]
    assert loss is losses["lc"]
    state.retain_grad()
    squares = norms.squares({"tft": 1.0, "lc": 0.5, "et": 1.0})
    state.grad = None  # the gradient above left its own mark
    (0.5 * losses["lc"]).backward()
    torch.testing.assert_close(squares["lc"], state.grad.square().sum())


def test_equation_5_by_hand() -> None:
    a, b = torch.tensor([[3.0, 4.0], [1.0, 0.0]]), torch.tensor([[4.0, 3.0], [0.0, 2.0]])
    torch.testing.assert_close(cosine_loss(a, b), torch.tensor([1 - 24 / 25, 1.0]))


def test_contrastive_by_hand() -> None:
    a = torch.eye(2)
    want = -math.log(math.exp(2.0) / (math.exp(2.0) + 1.0))
    torch.testing.assert_close(contrastive_loss(a, a, 0.5), torch.tensor([want, want]))


def test_equation_4_by_hand() -> None:
    """W_out = identity over two words, state (ln 3, 0): P(first) = 3/4."""
    from deepsuper.method.cross_entropy import cross_entropy

    h = torch.tensor([[math.log(3.0), 0.0]])
    loss = cross_entropy(h, torch.eye(2), torch.tensor([0]), divisor=1.0)
    assert float(loss) == pytest.approx(math.log(4 / 3))


def test_equation_8_by_hand() -> None:
    objective = Objective(OBJECTIVES["conditional"].terms, {"lc": Weight(0.1), "et": Weight(2.0, decay="linear")})
    losses = {"tft": torch.tensor(1.0), "lc": torch.tensor(10.0), "et": torch.tensor(3.0)}
    assert float(objective.total(losses, progress=0.5)) == pytest.approx(1.0 + 1.0 + 3.0)


def test_weights_warm_up_and_decay() -> None:
    weight = Weight(2.0, warmup=0.25, decay="linear")
    assert [weight.at(p) for p in (0.0, 0.125, 0.25, 0.625, 1.0)] == [0.0, 1.0, 2.0, 1.0, 0.0]
    assert Weight(2.0, decay="cosine").at(0.5) == pytest.approx(1.0)
    assert Weight().at(0.3) == 1.0


def test_pooling_leaves_masked_tokens_out() -> None:
    states = torch.tensor([[[100.0], [1.0], [3.0], [50.0]]])
    mask = torch.tensor([[False, True, True, False]])
    assert float(pool(states, mask, "mean")) == 2.0
    assert float(pool(states, mask, "last")) == 3.0


def test_centered_mean_is_kept_for_each_language_and_moves_once_per_step() -> None:
    objective = OBJECTIVES["centered"]
    model = make_model("llama")
    supervised = Supervised(model, objective, languages=("zh", "ar")).train()
    collate = Collator(PAD, BOS, objective, ("zh", "ar"))
    zh = make_rows(4, languages=("zh",))
    calibrate(supervised, [collate(zh)])
    means = supervised.means["lc"]
    assert means.seen.tolist() == [True, True, False]
    before = means.mean.clone()
    supervised(collate(make_rows(4, seed=1, languages=("ar",))))
    assert torch.equal(means.mean, before)
    supervised.means.commit()
    assert means.seen.tolist() == [True, True, True]
    assert torch.equal(means.mean[1], before[1]) and not torch.equal(means.mean[2], before[2])
    other = Supervised(make_model("llama"), objective, languages=("zh", "ar"))
    other.means.load_state_dict(supervised.means.state_dict())
    assert torch.equal(other.means["lc"].mean, means.mean)


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        ({"lc": Logits(9, "lc")}, "term lc: need 0 < layer <= 4, got 9"),
        ({"lc": Logits(3, "lc"), "et": Logits(2, "et")}, "need 0 < layer_lc < layer_et <= 4, got 3, 2"),
        ({"et": Feature(2, 7)}, "need 0 < layer_en <= 4, got 7"),
        ({"tft": Logits(2, "tft")}, "need layer = 4, got 2"),
    ],
)
def test_a_layer_that_does_not_exist_is_named_with_its_range(terms: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Supervised(make_model("llama"), Objective(terms))
