"""`objective.balance: ratio` in a run: the gradient of each term alone, over the micro-batches of one step."""

import logging
import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from deepsuper.method.batch import ParallelBatch, to_device
from deepsuper.method.gradients import GradientShare, block_parameters, compare, products
from deepsuper.method.objective import term_key
from deepsuper.method.supervised import Counts, Supervised

log = logging.getLogger("deepsuper")
TASK = "tft"


@dataclass(frozen=True)
class Wrapped:
    """How a run calls its module: what FSDP made of it, if it is `sharded`, and in which context (autocast)."""

    module: nn.Module
    sharded: bool = False
    context: Callable[[], AbstractContextManager[Any]] = nullcontext


def measure(
    supervised: Supervised,
    batches: Sequence[ParallelBatch],
    counts: Counts,
    *,
    stream: str = "",
    task: str = "",
    wrapped: Wrapped | None = None,
    seed: int = 0,
) -> dict[str, GradientShare]:
    """The unweighted gradient of each term of `stream` beside the task's, over one step of all processes.

    `batches` and `counts` are those of the step. `task` is the stream of the answers, if `stream` has none of its own.
    Each term takes a pass of its own, forward and backward. A term that retains has a fixed weight, because its
    gradient begins at 0, and the less the model has moved, the larger its factor would be. No gradient is left behind,
    running means learn nothing, and the random numbers that follow are those that would follow without it; dropout has
    its own, from `seed`.
    """
    wrapped = Wrapped(supervised) if wrapped is None else wrapped
    device = next(supervised.parameters()).device
    terms, fixed = supervised.objectives[stream].terms, {TASK, *supervised.objectives[stream].retained}
    names = [name for name in terms if name not in fixed]

    def gradients(stream: str, name: str) -> dict[str, torch.Tensor]:
        torch.manual_seed(seed)
        own = [to_device(batch, device) for batch in batches if batch.get("stream", "") == stream]
        return _gradients(supervised, wrapped, own, {name: counts[term_key(stream, name)]}, name)

    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        of_task = gradients(stream if TASK in terms else task, TASK)
        sums = torch.stack([products(gradients(stream, name), of_task) for name in names]).to(device)
    if _processes() > 1:
        dist.all_reduce(sums)  # shards add up; of whole gradients, this makes the sums the same to the last bit
        sums = sums if wrapped.sharded else sums / _processes()
    return {name: compare(of_term) for name, of_term in zip(names, sums.cpu(), strict=True)}


def _gradients(
    supervised: Supervised, wrapped: Wrapped, batches: Sequence[ParallelBatch], counts: Counts, name: str
) -> dict[str, torch.Tensor]:
    """The gradient of one term by the names of the blocks' parameters that it reaches; this process's shard of it."""
    parameters = block_parameters(supervised.model)
    for batch in batches:
        with wrapped.context():
            loss = wrapped.module(batch, counts, only=name)[name]
        if not loss.requires_grad:  # nothing below the term's layer is trained
            continue
        # FSDP averages over the processes; and the weights that its backward pass works on exist no longer than that.
        scale, inputs = (_processes(), None) if wrapped.sharded else (1, list(parameters.values()))
        (loss * scale).backward(inputs=inputs)
    gradients = {n: p.grad for n, p in parameters.items() if p.grad is not None}
    wrapped.module.zero_grad(set_to_none=True)
    if _processes() > 1 and not wrapped.sharded:
        # Not by DDP, which waits for the gradients of all parameters: a term reaches only those below its layer.
        for gradient in gradients.values():
            dist.all_reduce(gradient)
    return gradients


def _processes() -> int:
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rebalance(trainer: Any, batches: Sequence[ParallelBatch], counts: Counts) -> None:
    """Measures the gradients and sets the weights of a `SupervisedTrainer`, where that is due before this step."""
    supervised, step = trainer.supervised, trainer.state.global_step
    for stream in dict.fromkeys(batch.get("stream", "") for batch in batches):
        balance = supervised.objectives[stream].balance
        if balance is None or trainer.order.count(stream, step) % balance.every:
            continue
        trainer.model_wrapped.train()
        model = trainer.model_wrapped
        module = model.module if isinstance(model, DistributedDataParallel) else model
        wrapped = Wrapped(module, trainer.is_fsdp_enabled, trainer.compute_loss_context_manager)
        # Of the step, not of the random numbers' state, which a run that is resumed here has not loaded yet.
        seed = trainer.args.seed + 1_000_003 * (step + 1) + trainer.args.process_index
        shares = measure(supervised, batches, counts, stream=stream, task=trainer.task, wrapped=wrapped, seed=seed)
        for warning in balance.update(shares):
            if trainer.is_world_process_zero():
                log.warning("step %d: %s%s", step + 1, f"stream {stream}: " if stream else "", warning)


def record(trainer: Any) -> dict[str, float]:
    """What is logged of each balanced term: its weight; if just measured, its weighted ratio and its cosine."""
    progress = max(0, trainer.state.global_step - 1) / max(1, trainer.state.max_steps)  # as it was in the last step
    logged: dict[str, float] = {}
    for stream, objective in trainer.supervised.objectives.items():
        if objective.balance is None:
            continue
        latest = objective.balance.take_latest()
        for name in objective.terms:
            key, weight = term_key(stream, name), objective.weight(name, progress)
            ratio, cosine = latest.get(name, (math.nan, math.nan))
            values = {f"weight_{key}": weight, f"ratio_{key}": weight * ratio, f"cosine_{key}": cosine}
            logged |= {key: value for key, value in values.items() if name != TASK and math.isfinite(value)}
    return logged


def saved(supervised: Supervised) -> dict[str, torch.Tensor]:
    """The state of the balanced terms for a checkpoint."""
    return {
        f"balance.{term_key(stream, name)}": torch.tensor(values, dtype=torch.float64)
        for stream, objective in supervised.objectives.items()
        if objective.balance is not None
        for name, values in objective.balance.state().items()
    }


def restore(supervised: Supervised, extra: dict[str, torch.Tensor]) -> None:
    """Takes what `saved` returned out of a checkpoint's values, and continues from it."""
    for stream, objective in supervised.objectives.items():
        keys = {name: f"balance.{term_key(stream, name)}" for name in objective.terms}
        state = {name: extra.pop(key).tolist() for name, key in keys.items() if key in extra}
        if objective.balance is not None:
            objective.balance.load_state(state)
