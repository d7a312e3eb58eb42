"""One forward pass: a model, an objective and a batch -> named losses."""

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import nn

from deepsuper.common.errors import UserError
from deepsuper.method.batch import ParallelBatch
from deepsuper.method.collate import check_made_for
from deepsuper.method.divergence import divergence
from deepsuper.method.features import contrastive_loss, cosine_loss, pool
from deepsuper.method.grad_norms import GradNorms
from deepsuper.method.lens import Lens
from deepsuper.method.means import TermMeans
from deepsuper.method.objective import Feature, Logits, Objective, Retain, Terms, english_layers, term_key, trunk_layers
from deepsuper.method.peers import Peers
from deepsuper.method.retention import Before, moved
from deepsuper.method.tied import TiedGradient
from deepsuper.method.tree import Segment, Tree
from deepsuper.method.tuned_lens import TunedLens
from deepsuper.models.anatomy import base_model, text_config

Counts = Mapping[str, torch.Tensor | float]


class Supervised(nn.Module):
    """The losses of an objective on `model`, by name. The English side runs only if a term needs it.

    `objective`: one, or those of several streams by name; a batch says which one reads it. Losses are computed inside
    `forward`, so that the hooks of FSDP and DDP fire. `untrained`: a frozen copy, for a term that retains what a model
    without adapters was. `tuned`: the frozen lens of terms with `lens: tuned`. Raises: UserError if the model has no
    such layer as an objective names, or there is no lens for one that needs it.
    """

    def __init__(
        self,
        model: nn.Module,
        objective: Objective | Mapping[str, Objective],
        *,
        chunk_mib: int = 192,
        languages: tuple[str, ...] = ("zh",),
        untrained: nn.Module | None = None,
        tuned: TunedLens | None = None,
    ):
        super().__init__()
        self.model = model
        self.objectives = {"": objective} if isinstance(objective, Objective) else dict(objective)
        if tuned is None and any(each.translated for each in self.objectives.values()):
            raise UserError("objective.lens tuned: Supervised needs the lens of its model: give it tuned=")
        self.lens = Lens(model, chunk_mib)
        self.tuned = tuned  # as a module of this one its buffers move to the device of the run
        self.tuned_lens = Lens(model, chunk_mib, tuned)
        self.tree = Tree(model)
        self.tied = TiedGradient(model)
        for each in self.objectives.values():
            each.check(self.lens.num_layers)
        retains = any(each.retained for each in self.objectives.values())
        self.before = Before(model, self.tree, untrained) if retains else None
        self.means = TermMeans(self.objectives, len(languages), text_config(model).hidden_size)

    @property
    def objective(self) -> Objective:
        """The objective of the first stream."""
        return next(iter(self.objectives.values()))

    def objective_of(self, batch: ParallelBatch) -> Objective:
        """The objective that reads a batch."""
        return self.objectives[batch["stream"]] if "stream" in batch else self.objective

    @property
    def config(self) -> Any:
        """The wrapped model's configuration."""
        return base_model(self.model).config

    @property
    def _no_split_modules(self) -> Any:
        """What FSDP's automatic wrapping asks for: the classes of the blocks."""
        return base_model(self.model)._no_split_modules

    def forward(
        self,
        batch: ParallelBatch,
        counts: Counts | None = None,
        grad_norms: GradNorms | None = None,
        only: str | None = None,
    ) -> dict[str, torch.Tensor]:
        """The mean of each term over its predicted tokens or rows, or its sum divided by `counts[name]`. Eq. 2, 4-7.

        `counts` are those of the whole global batch, if this batch is one micro-batch of it. `grad_norms` receives the
        loss of each term and the state that it supervises. `only` computes one term, for its gradient over the blocks:
        W_out gets none, and running means learn nothing.
        """
        objective = self.objective_of(batch)
        check_made_for(batch, objective)
        divisors = self.term_counts(batch) if counts is None else counts
        terms = {name: term for name, term in objective.terms.items() if only in (None, name)}
        before = {} if self.before is None else self.before.states(terms, batch)
        target, english = self._states(objective, terms, batch)
        peers = Peers.of(batch, objective)
        losses = {}
        for name in _cheapest_first(terms):
            term = terms[name]
            divisor = divisors[name] if isinstance(divisors[name], torch.Tensor) else max(1.0, float(divisors[name]))
            state = (english if isinstance(term, Retain) and term.text == "query" else target)[term.layer]
            if isinstance(term, Logits):
                train_head = term.trains_head and only is None
                losses[name] = self._logits_loss(term, state, batch, divisor, train_head)
            elif isinstance(term, Retain):
                losses[name] = self._retain_loss(term, before[term.layer], state, batch, divisor)
            else:
                key = term_key(batch.get("stream", ""), name)
                english_state, learn = english[term.layer_en], self.training and only is None
                losses[name] = self._feature_loss(key, term, state, english_state, batch, peers, learn) / divisor
            if grad_norms is not None:
                grad_norms.add(name, losses[name], state)
        return {name: losses[name] for name in terms}

    def term_counts(self, batch: ParallelBatch) -> dict[str, int]:
        """Predicted (logits) or retained tokens, or rows (features), of each term: the weight of a batch's mean.

        Only shapes are read, so this does not wait for the device, unless rows are compared with each other. A row
        without another to compare it with has loss 0 and is not counted (`Peers.counted`). All processes must call
        this together, because rows are compared over all of them.
        """
        objective = self.objective_of(batch)
        peers, counts = Peers.of(batch, objective), {}
        for name, term in objective.terms.items():
            if batch.get("filler", False):
                counts[name] = 0
            elif isinstance(term, Logits):
                counts[name] = batch[f"targets_{term.targets}"].shape[1]  # type: ignore[literal-required]
            elif isinstance(term, Retain):
                counts[name] = batch["targets_retain"].shape[1]
            else:
                counts[name] = peers.count(term)
        return counts

    def _states(
        self, objective: Objective, terms: Terms, batch: ParallelBatch
    ) -> tuple[dict[int, torch.Tensor], dict[int, torch.Tensor]]:
        """The states that `terms` read, of the target and of the English side. Layer -> (S, columns, D)."""
        layers, trunk = english_layers(terms), trunk_layers(terms)
        texts = {term.targets for term in terms.values() if isinstance(term, Logits)}
        joint = objective.joint_english
        english: dict[int, torch.Tensor] = {}
        if layers and not joint:
            with torch.no_grad():
                alone = Segment.of(batch, "english", max(layers))
                english = self.tree.run([alone], batch["english_lengths"], layers)
        taps = trunk | (layers if joint else set())
        segments = [Segment.of(batch, "trunk", max(trunk, default=0))]
        if joint:
            segments.append(Segment.of(batch, "english", max(layers, default=0)))
        branches: tuple[Literal["et", "lc"], ...] = ("et", "lc")
        for name in branches:
            if name in objective.branches:
                last_layer = objective.branches[name] if name in texts else 0
                segments.append(Segment.of(batch, name, last_layer, after_prefix=True))
        while segments[-1].last_layer == 0:  # others that no term reads keep their columns, which later ones count
            segments.pop()
        with self.tied.joined():
            states = self.tree.run(segments, batch["prefix_lengths"], taps)
        if joint:
            start, width = batch["trunk_ids"].shape[1], batch["english_ids"].shape[1]
            english = {layer: states[layer][:, start : start + width] for layer in layers}
        return states, english

    def _logits_loss(
        self,
        term: Logits,
        state: torch.Tensor,
        batch: ParallelBatch,
        divisor: torch.Tensor | float,
        train_head: bool,
    ) -> torch.Tensor:
        sequences, columns, labels = batch[f"targets_{term.targets}"]  # type: ignore[literal-required]
        lens = self.tuned_lens if term.translated else self.lens
        return lens.loss(
            state[sequences, columns],
            labels,
            term.layer,
            divisor=divisor,
            train_head=train_head,
            norm=term.lens_norm,
            give=self.tied.give,
        )

    def _retain_loss(
        self, term: Retain, before: torch.Tensor, now: torch.Tensor, batch: ParallelBatch, divisor: torch.Tensor | float
    ) -> torch.Tensor:
        """How far the English tokens have moved, summed over `divisor`. Shapes: (B, T, D), (B, T, D) -> ()."""
        assert self.before is not None, "an objective that retains has the model before training"
        sequences, columns, _ = batch["targets_retain"]
        now, before = now[sequences, columns], before[sequences, columns]
        if term.kind == "cosine":
            return moved(before, now).sum() / divisor
        lens = self.lens
        return divergence(
            now,
            lens.head.weight,
            before,
            self.before.head,
            divisor=divisor,
            softcap=lens.softcap,
            scale=lens.scale,
            chunk_mib=lens.chunk_mib,
        )

    def _feature_loss(
        self,
        name: str,
        term: Feature,
        target: torch.Tensor,
        english: torch.Tensor,
        batch: ParallelBatch,
        peers: Peers,
        learn: bool,
    ) -> torch.Tensor:
        """The summed distance of the pooled queries. Eq. 5, 7. Shapes: (B, T, D), (B, S, D) -> ()."""
        target = target[:, : batch["query_mask"].shape[1]]
        with torch.autocast(target.device.type, enabled=False):
            b = self._pooled(term, target.float(), term.layer, batch, "trunk")
            a = self._pooled(term, english.float(), term.layer_en, batch, "english")
            a = a.detach() if term.detach_english else a
            if term.center == "running":
                a, b = self.means.of(name).center(a, b, batch["language"], learn=learn)
            if not term.compares_rows:
                return cosine_loss(a, b).sum()
            a, b = peers.gather(a), peers.gather(b)
            if term.center == "batch":
                a, b = peers.centered(a, b)
            contrastive = term.similarity == "contrastive"
            losses = contrastive_loss(a, b, term.temperature) if contrastive else cosine_loss(a, b)
            return peers.own_sum(torch.where(peers.counted(term), losses, 0.0))

    def _pooled(
        self, term: Feature, states: torch.Tensor, layer: int, batch: ParallelBatch, text: Literal["trunk", "english"]
    ) -> torch.Tensor:
        """One vector for each row, of the tokens of its query. Eq. 5, 7. Shapes: (S, T, D) -> (B, D)."""
        states = self._compared(term, states, layer)
        mask = batch["query_mask" if text == "trunk" else "english_mask"]
        if f"{text}_rows" not in batch:
            return pool(states, mask, term.pooling)
        rows = batch["trunk_rows" if text == "trunk" else "english_rows"].flatten()
        own = rows == torch.arange(len(batch["language"]), device=rows.device).unsqueeze(1)
        return pool(states.flatten(0, 1), own & mask.flatten(), term.pooling)

    def _compared(self, term: Feature, states: torch.Tensor, layer: int) -> torch.Tensor:
        """The states of one side, in terms of layer L if the tuned lens translates them. Eq. 7 (paper silent).

        Shapes: (B, T, D) -> (B, T, D).
        """
        return self.tuned_lens.states(states, layer, norm=True, train=False) if term.translated else states


def _cheapest_first(terms: Terms) -> list[str]:
    """The names of the terms; those with a gradient of W_out, which is as large as W_out, come last."""
    return sorted(terms, key=lambda name: isinstance(term := terms[name], Logits) and term.trains_head)
