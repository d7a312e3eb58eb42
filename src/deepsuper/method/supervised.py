"""One model and one objective: a batch in, named losses out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import nn

from deepsuper.common.errors import UserError
from deepsuper.method.batch import ParallelBatch
from deepsuper.method.collate import check_made_for
from deepsuper.method.lens import Lens
from deepsuper.method.means import RunningMeans
from deepsuper.method.objective import Feature, Logits, Objective, contrastive_loss, cosine_loss, pool
from deepsuper.method.tied import TiedGradient
from deepsuper.method.tree import Segment, Tree
from deepsuper.models.anatomy import base_model, text_config

Counts = Mapping[str, torch.Tensor | float]


class Supervised(nn.Module):
    """`model` (B, T) -> the losses of `objective`, by name. The English side runs only if a term needs it.

    Losses are computed inside `forward`, so that the hooks of FSDP and DDP fire. Raises: UserError where a layer
    of the objective is not one of the model's.
    """

    def __init__(
        self, model: nn.Module, objective: Objective, *, chunk_mib: int = 192, languages: tuple[str, ...] = ("zh",)
    ):
        super().__init__()
        self.model = model
        self.objective = objective
        self.lens = Lens(model, chunk_mib)
        self.tree = Tree(model)
        self.tied = TiedGradient(model)
        objective.check(self.lens.num_layers)
        hidden = text_config(model).hidden_size
        self.means = nn.ModuleDict(
            {
                name: RunningMeans(len(languages), hidden, term.momentum)
                for name, term in objective.features.items()
                if term.similarity == "centered"
            }
        )
        self.grad_norms = False
        self.states: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}

    @property
    def config(self) -> Any:
        """The wrapped model's configuration."""
        return base_model(self.model).config

    @property
    def _no_split_modules(self) -> Any:
        """What FSDP's automatic wrapping asks for: the classes of the blocks."""
        return base_model(self.model)._no_split_modules

    def forward(self, batch: ParallelBatch, counts: Counts | None = None) -> dict[str, torch.Tensor]:
        """The mean of each term over its predicted tokens or rows, or its sum over `counts[name]`. Eq. 2, 4-7.

        `counts` are those of the whole global batch, where this batch is one micro-batch of it.
        """
        check_made_for(batch, self.objective)
        self.states = {}
        divisors = self.term_counts(batch) if counts is None else counts
        english = self._english(batch)
        target, english = self._target(batch, english)
        losses = {}
        for name in self._cheapest_first():
            term = self.objective.terms[name]
            divisor = divisors[name] if isinstance(divisors[name], torch.Tensor) else max(1.0, float(divisors[name]))
            state = target[term.layer]
            if isinstance(term, Logits):
                losses[name] = self._logits_loss(term, state, batch, divisor)
            else:
                losses[name] = self._feature_loss(name, term, state, english[term.layer_en], batch) / divisor
            if self.grad_norms:
                self.states[name] = (losses[name], state)
        return {name: losses[name] for name in self.objective.terms}

    def _cheapest_first(self) -> list[str]:
        """The names of the terms; those that make a gradient of W_out, as large as W_out, come last."""
        terms = self.objective.terms
        return sorted(terms, key=lambda name: isinstance(term := terms[name], Logits) and term.trains_head)

    def term_counts(self, batch: ParallelBatch) -> dict[str, int]:
        """Predicted tokens (logits) or rows (features) of each term: the weight of a batch's mean. Never waits.

        A row alone has no negatives: its contrastive loss is 0 whatever its states, and it counts as no row.
        """
        rows, counts = len(batch["trunk_ids"]), {}
        for name, term in self.objective.terms.items():
            if isinstance(term, Logits):
                counts[name] = batch[f"targets_{term.targets}"].shape[1]  # type: ignore[literal-required]
            else:
                counts[name] = 0 if term.similarity == "contrastive" and rows == 1 else rows
        return counts

    def term_grad_norms(self, weights: Mapping[str, float]) -> dict[str, torch.Tensor]:
        """Squared norm of each weighted term's gradient at its own supervised state; before backward.

        Squares, because those of micro-batches and ranks add up. Needs `grad_norms` true during forward.
        """
        squares = {}
        for name in self.objective.terms:
            loss, state = self.states[name]
            (grad,) = torch.autograd.grad(loss, state, retain_graph=True)
            squares[name] = grad.float().square().sum() * weights[name] ** 2
        self.states = {}
        return squares

    def _english(self, batch: ParallelBatch) -> dict[int, torch.Tensor]:
        """The English query's states without gradient, where every feature detaches them. Layer -> (B, S, D)."""
        layers = {term.layer_en for term in self.objective.features.values()}
        if not layers or self.objective.joint_english:
            return {}
        with torch.no_grad():
            return self.tree.run([Segment(batch["english_ids"], max(layers))], batch["english_lengths"], layers)

    def _target(
        self, batch: ParallelBatch, english: dict[int, torch.Tensor]
    ) -> tuple[dict[int, torch.Tensor], dict[int, torch.Tensor]]:
        """The states of the target side, and of the English side where it runs in the same pass, with gradient."""
        terms = self.objective.terms.values()
        segments = [Segment(batch["trunk_ids"], max(term.layer for term in terms))]
        taps = {term.layer for term in terms}
        if self.objective.joint_english:
            layers = {term.layer_en for term in self.objective.features.values()}
            segments.append(Segment(batch["english_ids"], max(layers)))
            taps |= layers
        for name in ("et", "lc"):
            if name in self.objective.branches:
                ids = batch["et_ids"] if name == "et" else batch["lc_ids"]
                segments.append(Segment(ids, self.objective.branches[name], after_prefix=True))
        with self.tied.joined():
            states = self.tree.run(segments, batch["prefix_lengths"], taps)
        if self.objective.joint_english:
            start, width = batch["trunk_ids"].shape[1], batch["english_ids"].shape[1]
            english = {layer: states[layer][:, start : start + width] for layer in layers}
        return states, english

    def _logits_loss(
        self, term: Logits, state: torch.Tensor, batch: ParallelBatch, divisor: torch.Tensor | float
    ) -> torch.Tensor:
        rows, columns, labels = batch[f"targets_{term.targets}"]  # type: ignore[literal-required]
        return self.lens.loss(
            state[rows, columns],
            labels,
            term.layer,
            divisor=divisor,
            train_head=term.trains_head,
            norm=term.lens_norm,
            give=self.tied.give,
        )

    def _feature_loss(
        self, name: str, term: Feature, target: torch.Tensor, english: torch.Tensor, batch: ParallelBatch
    ) -> torch.Tensor:
        """The summed distance of the pooled queries. Eq. 5, 7. Shapes: (B, T, D), (B, S, D) -> ()."""
        mask = batch["query_mask"]
        with torch.autocast(target.device.type, enabled=False):
            b = pool(target[:, : mask.shape[1]].float(), mask, term.pooling)
            a = pool(english.float(), batch["english_mask"], term.pooling)
            a = a.detach() if term.detach_english else a
            if term.similarity == "contrastive":
                return contrastive_loss(a, b, term.temperature).sum()
            if term.similarity == "centered":
                means = self.means[name]
                assert isinstance(means, RunningMeans)
                a, b = means.center(a, b, batch["language"], learn=self.training)
            return cosine_loss(a, b).sum()

    @property
    def needs_calibration(self) -> bool:
        """Whether a centred feature has seen no row yet."""
        return any(not bool(means.ready) for means in self.means.values())

    def calibrate(self, batches: Iterable[ParallelBatch]) -> None:
        """Sets the running means from `batches`, without gradient: the first step then has something to centre with."""
        with torch.no_grad():
            for batch in batches:
                self(batch)
        self.commit()

    def commit(self) -> None:
        """Moves the running means by what was seen since the last call: once after each optimizer step."""
        for means in self.means.values():
            assert isinstance(means, RunningMeans)
            means.commit()

    def extra_state_dict(self) -> dict[str, torch.Tensor]:
        """What a resumed run needs beside the model: the running means."""
        return {f"means.{key}": value for key, value in self.means.state_dict().items()}

    def load_extra_state_dict(self, state: Mapping[str, torch.Tensor]) -> None:
        """Puts back what `extra_state_dict` gave."""
        self.means.load_state_dict({key.removeprefix("means."): value for key, value in state.items()})

    def check_lens(self) -> None:
        """Raises: UserError where the lens at layer L differs from the model's own logits (an unknown head)."""
        device = self.lens.head.weight.device
        ids = torch.arange(1, 5, device=device).unsqueeze(0)
        with torch.no_grad():
            lengths = torch.tensor([4], device=device)
            last = self.tree.run([Segment(ids, self.lens.num_layers)], lengths, [self.lens.num_layers])
            ours = self.lens.logits(last[self.lens.num_layers], self.lens.num_layers).float()
            theirs = self.model(input_ids=ids, use_cache=False).logits.float()
        error = float((ours - theirs).abs().max())
        if not error <= 1e-2 * (1.0 + float(theirs.abs().max())):
            raise UserError(
                f"{type(base_model(self.model)).__name__}: the lens at layer {self.lens.num_layers} differs from the "
                f"model's own logits by up to {error:.3g}; this kind of head is not supported"
            )

    def check_tree(self) -> None:
        """Raises: UserError where texts of one pass do not get the states that passes of their own give them.

        Such a model takes no mask of ours, as with positions that are counted in columns (ALiBi), or reshapes what its
        blocks return.
        """
        if not (self.objective.joint_english or self.objective.branches):
            return
        layer, last = 1, self.lens.num_layers
        trunk = torch.arange(1, 7, device=self.lens.head.weight.device).unsqueeze(0)
        prefix, branch = trunk[:, :3], trunk.flip(1)
        lengths = torch.tensor([prefix.shape[1]], device=trunk.device)
        training = self.model.training
        self.model.eval()
        try:
            with torch.no_grad():
                alone = self.tree.run([Segment(trunk, last)], lengths, [last])[last]
                behind = self.tree.run([Segment(torch.cat([prefix, branch], 1), last)], lengths, [layer])[layer]
                together = self.tree.run(
                    [Segment(trunk, last), Segment(branch, layer, after_prefix=True)], lengths, [layer, last]
                )
            pairs = (
                (together[last][:, : trunk.shape[1]], alone),
                (together[layer][:, trunk.shape[1] :], behind[:, prefix.shape[1] :]),
            )
            differs = [not torch.allclose(a.float(), b.float(), rtol=0.0, atol=_rough(b)) for a, b in pairs]
            problem = "their states differ from those of passes of their own" if any(differs) else ""
        except (ValueError, TypeError, RuntimeError, IndexError) as error:
            problem = str(error).splitlines()[0].partition(": choose")[0]
        finally:
            self.model.train(training)
        if problem:
            raise UserError(
                f"{type(base_model(self.model)).__name__} cannot read several texts in one pass ({problem}): choose "
                "objective.alignment: positional, with objective.detach_english: true"
            )


def _rough(states: torch.Tensor) -> float:
    """How far states may be apart that were computed in another order, in bf16 too."""
    return 2e-2 * (1.0 + float(states.abs().max()))
