"""Rows that are compared with each other: centred on their languages' means, and told apart from negatives."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.nn.functional as F

from deepsuper.method.calibration import calibrate
from deepsuper.method.collate import Collator
from deepsuper.method.features import contrastive_loss, pool
from deepsuper.method.grad_norms import GradNorms
from deepsuper.method.methods import check_objective
from deepsuper.method.objective import Feature, Objective
from deepsuper.method.peers import Peers
from deepsuper.method.supervised import Supervised
from forked import Forked
from rows import BOS, PAD, make_rows
from tiny import make_model

LANGUAGES = ("zh", "vi")
ALL = [
    {"center": center, "similarity": similarity, "detach_english": detach}
    for center, similarity, detach in itertools.product(
        ("none", "batch", "running"), ("cosine", "contrastive"), (True, False)
    )
]
COMPARING = [options for options in ALL if options["similarity"] == "contrastive" or options["center"] == "batch"]


def supervise(rows: list, **options: object) -> tuple[Supervised, dict]:
    objective = Objective({"lc": Feature(2, 3, **options)})
    supervised = Supervised(make_model("llama"), objective, languages=LANGUAGES).train()
    return supervised, Collator(PAD, BOS, objective, LANGUAGES)(rows)


def gradients(supervised: Supervised, batch: dict) -> list[torch.Tensor]:
    supervised.zero_grad()
    supervised(batch)["lc"].backward()
    return [p.grad.clone() for p in supervised.model.parameters() if p.grad is not None]


def pooled(supervised: Supervised, batch: dict) -> tuple[torch.Tensor, torch.Tensor]:
    """The states of both sides, by the model's own forward pass."""
    model = supervised.model
    target = model(input_ids=batch["trunk_ids"], output_hidden_states=True).hidden_states[2]
    english = model(input_ids=batch["english_ids"], output_hidden_states=True).hidden_states[3]
    return pool(english, batch["english_mask"], "mean"), pool(target, batch["query_mask"], "mean")


@pytest.mark.parametrize("options", ALL, ids=lambda options: "-".join(map(str, options.values())))
def test_the_loss_is_the_equation_of_centred_states(options: dict) -> None:
    """Written out row by row; running means that have seen nothing are those of the batch, without gradient."""
    supervised, batch = supervise(make_rows(5, languages=LANGUAGES), **options)
    a, b = pooled(supervised, batch)
    a = a.detach() if options["detach_english"] else a
    if options["center"] != "none":
        of_mean = [b[batch["language"] == language].mean(dim=0) for language in (0, 1)]
        mean_a, mean_b = a.mean(dim=0), torch.stack([of_mean[language] for language in batch["language"]])
        fixed = options["center"] == "running"
        a, b = a - (mean_a.detach() if fixed else mean_a), b - (mean_b.detach() if fixed else mean_b)
    if options["similarity"] == "cosine":
        want = (1.0 - F.cosine_similarity(a, b)).mean()
    else:
        want = contrastive_loss(a, b, 0.05).mean()
    torch.testing.assert_close(supervised(batch)["lc"], want, rtol=1e-4, atol=1e-6)
    ours = gradients(supervised, batch)
    theirs = torch.autograd.grad(want, list(supervised.model.parameters()), allow_unused=True)
    kept = [grad for grad in theirs if grad is not None and grad.abs().max() > 0]
    ours = [grad for grad in ours if grad.abs().max() > 0]
    assert len(kept) == len(ours) > 0
    for one, other in zip(ours, kept, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("similarity", ["cosine", "contrastive"])
def test_a_row_alone_in_its_language_is_not_counted_and_has_no_gradient(similarity: str) -> None:
    rows = make_rows(3, languages=("zh",)) + make_rows(1, seed=5, languages=("vi",))
    supervised, batch = supervise(rows, center="batch", similarity=similarity)
    assert supervised.term_counts(batch) == {"lc": 3}
    state = {}
    tapped = supervised.tree.run

    def run(*args: object, **kwargs: object) -> dict[int, torch.Tensor]:
        states = tapped(*args, **kwargs)
        if states[next(iter(states))].requires_grad:
            states[2].retain_grad()
            state["target"] = states[2]
        return states

    supervised.tree.run = run
    supervised(batch)["lc"].backward()
    of_rows = state["target"].grad.abs().sum(dim=(1, 2))
    assert of_rows[3] == 0 and (of_rows[:3] > 0).all() and torch.isfinite(of_rows).all()


@pytest.mark.parametrize("similarity", ["cosine", "contrastive"])
@pytest.mark.parametrize("languages", [("zh",), LANGUAGES])
def test_a_micro_batch_of_lone_rows_has_loss_and_gradient_0(similarity: str, languages: tuple[str, ...]) -> None:
    rows = make_rows(len(languages), languages=languages)
    supervised, batch = supervise(rows, center="batch", similarity=similarity, detach_english=False)
    assert supervised.term_counts(batch) == {"lc": 0} and supervised(batch)["lc"] == 0
    assert all(grad.abs().max() == 0 for grad in gradients(supervised, batch))


@pytest.mark.parametrize("similarity", ["cosine", "contrastive"])
def test_equal_rows_leave_rounding_at_their_mean_which_gets_no_gradient(similarity: str) -> None:
    """Three times one question: its centred state is 0 but for rounding, and a direction of it would mean nothing."""
    rows = make_rows(1) * 3
    supervised, batch = supervise(rows, center="batch", similarity=similarity, detach_english=False)
    assert torch.isfinite(supervised(batch)["lc"])
    assert all(grad.abs().max() < 1e-4 for grad in gradients(supervised, batch))


def test_centred_states_of_a_language_sum_to_0() -> None:
    language = torch.tensor([0, 1, 0, 1, 1])
    english, target = torch.randn(2, 5, 8)
    a, b = Peers(language, (5,)).centered(english + 7.0, target - 3.0)
    torch.testing.assert_close(a.sum(dim=0), torch.zeros(8), atol=1e-5, rtol=0)
    for index in (0, 1):
        torch.testing.assert_close(b[language == index].sum(dim=0), torch.zeros(8), atol=1e-5, rtol=0)


def test_centring_leaves_the_contrastive_loss_something_to_learn() -> None:
    """States that share a large mean look alike to the cosine, so that the uncentred loss stands at log of the rows."""
    english = torch.randn(16, 32)
    target = english + 0.3 * torch.randn(16, 32)
    language = torch.zeros(16, dtype=torch.long)
    a, b = english + 100.0, target + 100.0
    blind = contrastive_loss(a, b, 0.05).mean()
    seeing = contrastive_loss(*Peers(language, (16,)).centered(a, b), 0.05).mean()
    assert abs(float(blind) - 2.77) < 0.1 and float(seeing) < 0.1


SIZES = ((4, 4), (5, 3), (1, 7))
"""The rows of each of two processes."""


def gradients_of_part(rank: int, folder: str) -> None:
    """One process of two: the losses, gradients and gradient norms of its rows; the first saves those of both."""
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    found = [
        summed(*measured(options, make_rows(8, languages=LANGUAGES)[sizes[0] if rank else 0 :][: sizes[rank]]))
        for options in ALL
        for sizes in SIZES
    ]
    if rank == 0:
        torch.save(found, f"{folder}/found.pt")
    dist.destroy_process_group()


def measured(options: dict, rows: list) -> tuple[Supervised, dict]:
    supervised, batch = supervise(rows, **options)
    whole = make_rows(6, seed=9, languages=LANGUAGES)
    calibrate(supervised, [Collator(PAD, BOS, supervised.objective, LANGUAGES)(whole)])
    return supervised, batch


def summed(supervised: Supervised, batch: dict) -> dict[str, torch.Tensor]:
    """The count, the loss, the squared gradient norm and the gradient of the rows of all processes."""

    def add(value: torch.Tensor) -> torch.Tensor:
        if dist.is_initialized():
            dist.all_reduce(value)
        return value

    count = add(torch.tensor(float(supervised.term_counts(batch)["lc"])))
    norms = GradNorms()
    loss = supervised(batch, {"lc": count.clamp(min=1.0)}, norms)["lc"]
    squares = norms.squares({"lc": 1.0})["lc"]
    supervised.zero_grad()
    loss.backward()
    flat = [p.grad.flatten() for p in supervised.model.parameters() if p.grad is not None]
    return {"count": count, "loss": add(loss.detach()), "squares": add(squares), "gradient": add(torch.cat(flat))}


@pytest.mark.processes
def test_two_processes_compare_the_rows_of_both(tmp_path: Path) -> None:
    """One process with 8 rows and two that share them, evenly or not, have one loss and one gradient."""
    processes = [Forked(gradients_of_part, rank, str(tmp_path)) for rank in (0, 1)]
    alone = [summed(*measured(options, make_rows(8, languages=LANGUAGES))) for options in ALL]
    for process in processes:
        process.finish()
    found = torch.load(tmp_path / "found.pt")
    assert len(found) == len(ALL) * len(SIZES)
    for number, both in enumerate(found):
        options, want = ALL[number // len(SIZES)], alone[number // len(SIZES)]
        for name, value in want.items():
            torch.testing.assert_close(both[name], value, rtol=1e-4, atol=1e-6, msg=lambda m, o=options: f"{o}: {m}")


def losses_beside_filler(rank: int, folder: str) -> None:
    """Two processes of which the second has no rows left: what each counts and loses."""
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    rows, found = make_rows(3, languages=("zh",)), {}
    for options in COMPARING:
        supervised, batch = supervise(rows[:1] if rank else rows, **options)
        batch["filler"] = rank == 1
        found[str(options)] = supervised.term_counts(batch)["lc"], float(supervised(batch, {"lc": 1.0})["lc"].detach())
    torch.save(found, f"{folder}/{rank}.pt")
    dist.destroy_process_group()


@pytest.mark.processes
def test_rows_that_only_keep_a_process_in_step_are_nobodys_negatives(tmp_path: Path) -> None:
    for process in [Forked(losses_beside_filler, rank, str(tmp_path)) for rank in (0, 1)]:
        process.finish()
    first, second = (torch.load(tmp_path / f"{rank}.pt") for rank in (0, 1))
    for options in COMPARING:
        supervised, batch = supervise(make_rows(3, languages=("zh",)), **options)
        alone = float(supervised(batch, {"lc": 1.0})["lc"].detach())
        assert first[str(options)] == (3, pytest.approx(alone, rel=1e-5)) and second[str(options)] == (0, 0.0)


def test_todays_spelling_is_refused_in_python_too() -> None:
    from deepsuper.config import ObjectiveConfig

    config = ObjectiveConfig(method="dft-feature", similarity="centered")
    with pytest.raises(ValueError, match=r"^objective.similarity 'centered': write objective.center: running$"):
        check_objective(config)
