"""Weights from measured gradients: what the factors are, and that a term can be computed alone."""

import math
from functools import partial
from itertools import chain

import pytest
import torch

from deepsuper.config import ObjectiveConfig, Weight
from deepsuper.method.balance import CAP, Balance
from deepsuper.method.collate import Collator
from deepsuper.method.formula import formula
from deepsuper.method.gradients import GradientShare, block_parameters
from deepsuper.method.methods import build_objective
from deepsuper.method.objective import Feature, Logits, Objective
from deepsuper.method.supervised import Supervised
from rows import BOS, PAD, make_rows
from tiny import make_model


def share(ratio: float, task: float = 2.0) -> GradientShare:
    return GradientShare(ratio * task, task, 0.5)


def factors(balance: Balance, *ratios: float) -> list[float]:
    found = []
    for ratio in ratios:
        balance.update({"lc": share(ratio)})
        found.append(balance.factor("lc"))
    return found


def test_the_first_measurement_sets_the_factor_and_later_ones_move_its_logarithm_by_half():
    balance = Balance(ratio=0.2)
    assert balance.factor("lc") == balance.factor("tft") == 1.0
    assert factors(balance, 50.0, 25.0) == pytest.approx([0.2 / 50.0, 0.2 / (50.0 * 25.0) ** 0.5])
    assert balance.factor("tft") == 1.0


@pytest.mark.parametrize("jump", [1e-5, 1e5])
def test_after_a_jump_the_dose_is_at_once_within_a_factor_of_two(jump):
    (_, after) = factors(Balance(ratio=0.2), 1.0, jump)
    assert after * jump == pytest.approx(0.2 * (2.0 if jump > 1 else 0.5))


@pytest.mark.parametrize(
    "norms", [(0.0, 1.0), (math.nan, 1.0), (math.inf, 1.0), (1.0, 0.0), (1.0, math.nan), (0.0, 0.0)]
)
def test_a_gradient_of_zero_or_one_that_is_not_finite_keeps_the_last_weight_and_is_named_once(norms):
    balance = Balance(ratio=0.2)
    broken = {"et": GradientShare(*norms, 0.0)}
    (warning,) = balance.update(broken)
    assert warning.startswith("term et: its gradient") and balance.factor("et") == 1.0
    assert balance.update({"et": share(4.0)}) == balance.update(broken) == []
    assert balance.factor("et") == pytest.approx(0.05)


def test_the_factor_has_a_cap_which_is_named_once():
    balance = Balance(ratio=0.2)
    assert "the factor of its weight is 1e+06" in balance.update({"lc": share(1e-30)})[0]
    assert balance.factor("lc") == pytest.approx(CAP) and balance.update({"lc": share(1e-30)}) == []
    assert factors(balance, 1e300)[0] > 0.0


def test_a_balance_continues_from_its_state():
    whole, before, after = Balance(ratio=0.3), Balance(ratio=0.3), Balance(ratio=0.3)
    ratios = [3.0, 0.7, 0.01, 5.0]
    expected = factors(whole, *ratios)
    found = factors(before, *ratios[:2])
    after.load_state(before.state())
    assert found + factors(after, *ratios[2:]) == expected
    assert after.take_latest() == whole.take_latest() == {"lc": (5.0, 0.5)} and after.take_latest() == {}
    after.load_state(whole.state())
    assert after.factor("lc") == expected[-1] and after.take_latest() == {}


def test_balanced_weights_keep_their_schedule_and_their_proportions():
    balance = Balance(ratio=0.2)
    terms = {"tft": Logits(4, "tft"), "lc": Feature(1, 1), "et": Feature(2, 2)}
    weights = {"lc": Weight(2.0, warmup=0.5), "et": Weight(0.5)}
    objective = Objective(terms, weights, balance=balance)
    balance.update({"lc": share(0.4), "et": share(10.0)})
    assert objective.weight("lc", 0.25) == pytest.approx(0.5) and objective.weight("lc") == pytest.approx(1.0)
    assert objective.weight("et") == pytest.approx(0.01)
    losses = {"tft": torch.tensor(3.0), "lc": torch.tensor(1.0), "et": torch.tensor(100.0)}
    assert float(objective.total(losses)) == pytest.approx(3.0 + 1.0 + 1.0)


def test_a_balance_is_built_from_the_options_and_shown_in_the_formula():
    objective = build_objective(ObjectiveConfig(balance="ratio", ratio=0.3, balance_every=5), 32)
    assert (objective.balance.ratio, objective.balance.every) == (0.3, 5)
    assert "each weight is multiplied by 0.3 |g(L_TFT)| / |g(term)|" in formula(objective, 32)
    assert build_objective(ObjectiveConfig(), 32).balance is None


CENTRED = partial(Feature, center="running")
ALONE = {
    "logits": Objective({"tft": Logits(4, "tft"), "lc": Logits(1, "lc"), "et": Logits(3, "et", train_head=True)}),
    "positional": Objective(
        {"tft": Logits(4, "tft"), "lc": Logits(1, "lc"), "et": Logits(3, "et")}, alignment="positional"
    ),
    "centred": Objective({"tft": Logits(4, "tft"), "lc": CENTRED(1, 1), "et": CENTRED(2, 4)}),
    "joint": Objective(
        {"tft": Logits(4, "tft"), "lc": Logits(2, "lc"), "et": Feature(3, 3, detach_english=False)},
    ),
}


@pytest.mark.parametrize("family", ["llama", "gemma2", "qwen3"])
@pytest.mark.parametrize("name", ALONE)
def test_a_term_alone_has_the_loss_and_the_gradient_over_the_blocks_that_it_has_among_others(family, name):
    objective, model = ALONE[name], make_model(family)
    supervised = Supervised(model, objective)
    batch = Collator(PAD, BOS, objective)(make_rows(4))
    for term in objective.terms:
        found = {}
        for only in (None, term):
            model.zero_grad()
            loss = supervised(batch, only=only)[term]
            loss.backward()
            found[only] = loss, {n: p.grad for n, p in block_parameters(model).items() if p.grad is not None}
        (loss, among), (alone_loss, alone) = found.values()
        torch.testing.assert_close(alone_loss, loss, rtol=1e-5, atol=1e-6)
        reached = {n for n, gradient in among.items() if gradient.abs().max() > 0}
        assert {n for n, gradient in alone.items() if gradient.abs().max() > 0} == reached
        for n in reached:
            torch.testing.assert_close(alone[n], among[n], rtol=1e-3, atol=1e-5)


def test_a_term_alone_trains_no_head_and_teaches_no_running_mean():
    for name in ("logits", "centred"):
        model = make_model("llama")
        supervised = Supervised(model, ALONE[name]).train()
        batch = Collator(PAD, BOS, ALONE[name])(make_rows(4))
        losses = chain.from_iterable(supervised(batch, only=term).values() for term in ALONE[name].terms)
        sum(losses).backward()
        assert model.lm_head.weight.grad is None
        supervised.means.commit()
        assert not any(means.seen.any() for means in supervised.means.values())
