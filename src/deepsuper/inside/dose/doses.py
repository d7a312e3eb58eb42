"""What was measured: the loss, the ratio and the cosine of each candidate, each as mean and spread over batches."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from deepsuper.inside.dose.candidates import OWN, Candidate
from deepsuper.inside.dose.floor import Flops
from deepsuper.inside.dose.measure import BatchDoses
from deepsuper.inside.dose.speed import PlainSpeed
from deepsuper.method.objective import Objective


@dataclass(frozen=True)
class Spread:
    """A mean over batches, and the standard deviation; none of one batch."""

    mean: float
    sd: float | None

    @staticmethod
    def of(values: Sequence[float]) -> "Spread":
        """Of one value for each batch."""
        return Spread(fmean(values), stdev(values) if len(values) > 1 else None)


@dataclass(frozen=True)
class Dose:
    """One candidate: its loss in nats, and its gradient beside the task's, both at weight 1.

    `ratio`: its norm as a share of the task's; `weight`: the one that a term of the recipe has in the first step.
    """

    candidate: Candidate
    loss: Spread
    ratio: Spread
    cosine: Spread
    weight: float | None = None

    def weight_for(self, ratio: float) -> float | None:
        """The weight that makes the mean ratio `ratio`; none where the term has no gradient, or the task has none."""
        return ratio / self.ratio.mean if 0.0 < self.ratio.mean < float("inf") else None


@dataclass(frozen=True)
class DoseReport:
    """All doses, those of each batch too, and the time that they took beside the floor."""

    doses: tuple[Dose, ...]
    batches: tuple[BatchDoses, ...]
    rows: int
    """Of each batch."""
    num_layers: int
    speed: PlainSpeed

    @property
    def task_loss(self) -> Spread:
        """The loss of the task's own term."""
        return Spread.of([batch.task_loss for batch in self.batches])

    @property
    def task_norm(self) -> Spread:
        """The norm of the task's gradient over the blocks."""
        return Spread.of([batch.task_norm for batch in self.batches])

    @property
    def flops(self) -> Flops:
        """The floor: what no measurement of these gradients can do without."""
        return sum((batch.flops for batch in self.batches), Flops())

    @property
    def seconds(self) -> float:
        """Of all batches."""
        return sum(batch.seconds for batch in self.batches)

    @property
    def floor_seconds(self) -> float:
        """The time that plain passes of transformers take for as many operations."""
        return self.speed.seconds(self.flops)


def doses_of(
    candidates: Sequence[Candidate], batches: Sequence[BatchDoses], objectives: Mapping[str, Objective]
) -> tuple[Dose, ...]:
    """One dose for each candidate."""
    return tuple(_dose(one, batches, objectives[one.stream]) for one in candidates)


def _dose(one: Candidate, batches: Sequence[BatchDoses], objective: Objective) -> Dose:
    ratio = Spread.of([batch.shares[one.name].ratio for batch in batches])
    weight = None
    if one.reading == OWN:
        weight = objective.weight(one.side)
        if objective.balance is not None and ratio.mean > 0.0:  # what a run measures before its first step
            weight *= objective.balance.ratio / ratio.mean
    return Dose(
        one,
        Spread.of([batch.losses[one.name] for batch in batches]),
        ratio,
        Spread.of([batch.shares[one.name].cosine for batch in batches]),
        weight,
    )
