"""transformers.Trainer for named losses: exact means over the global batch, a log of each term, a stop at NaN."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from safetensors.torch import load_file, save_file
from torch import nn
from torch.utils.data import DataLoader
from transformers import Trainer, TrainerCallback

from deepsuper.common.errors import UserError
from deepsuper.common.progress import progress
from deepsuper.method.batch import EncodedRow, to_device
from deepsuper.method.grad_norms import GradNorms
from deepsuper.method.objective import term_key
from deepsuper.method.supervised import Supervised
from deepsuper.training import balance
from deepsuper.training.checkpoints import load_weights, of_model
from deepsuper.training.run_folder import RunFolder
from deepsuper.training.sampler import StreamSampler
from deepsuper.training.streams import StreamOrder

EXTRA = "deepsuper.safetensors"
"""A file of each checkpoint: the running means, and the sums of losses that are not logged yet."""
ONE_STREAM = StreamOrder(("",), (1,))


class Diverged(UserError):
    """A loss is not finite. The message names the step and the term."""

    exit_status = 1


class _StepEnd(TrainerCallback):  # type: ignore[misc]
    """Updates the running means after each optimizer step, and logs the last step even if `log_every` would not."""

    def __init__(self, supervised: Supervised) -> None:
        self.supervised = supervised

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.supervised.means.commit()
        control.should_log = control.should_log or state.global_step >= state.max_steps


class SupervisedTrainer(Trainer):  # type: ignore[misc]
    """Trains a `Supervised` module. Overrides only methods for which Trainer has no other extension point.

    The number of tokens of each term in the global batch is passed in place of Trainer's number of items, so every
    micro-batch and rank divides by the same number. The sums of each term stay on the device until a step is logged.
    """

    def __init__(
        self,
        supervised: Supervised,
        *,
        folder: RunFolder,
        grad_norms_every: int = 0,
        order: StreamOrder = ONE_STREAM,
        sampler: StreamSampler | None = None,
        task: str = "",
        **kwargs: Any,
    ) -> None:
        """`order` and `sampler`: of a run with several streams; `task`: the stream of the held-out rows."""
        super().__init__(model=supervised, **kwargs)
        self.supervised, self.folder, self.grad_norms_every = supervised, folder, grad_norms_every
        self.order, self.sampler, self.task = order, sampler, task
        # Both names: transformers up to 5.17 reads the first alone.
        self.model_accepts_loss_kwargs = True
        self.loss_is_scaled_for_ga = True
        self._sums: dict[str, torch.Tensor] = {}
        self._squares: dict[str, torch.Tensor] = {}
        self._nan_step: dict[str, torch.Tensor] = {}
        self._logged_until = 0
        self._stepped = False
        self.add_callback(_StepEnd(supervised))

    @property
    def progress(self) -> float:
        """The finished share of training."""
        return float(self.state.global_step / max(1, self.state.max_steps))

    def get_batch_samples(self, epoch_iterator: Any, num_batches: int, device: torch.device) -> tuple[list[Any], Any]:
        """The micro-batches of one step, and the tokens (or rows) of each term in them over all ranks.

        Empty after the last step: a run that is resumed there would get one more step from Trainer's loop.
        """
        if 0 < self.state.max_steps <= self.state.global_step:
            return [], {}
        self._stepped = True
        batches = []
        for _ in range(num_batches):
            try:
                batches.append(next(epoch_iterator))
            except StopIteration:
                break
        counts = {
            term_key(stream, name): 0
            for stream, objective in self.supervised.objectives.items()
            for name in objective.terms
        }
        for batch in batches:
            for name, count in self.supervised.term_counts(batch).items():
                counts[term_key(batch.get("stream", ""), name)] += count
        totals = self._global(counts, device)
        balance.rebalance(self, batches, totals)
        return batches, totals

    def get_train_dataloader(self) -> DataLoader[Any]:
        """Trainer's own, or with several streams the micro-batches in the order of the streams."""
        if self.sampler is None:
            loader: DataLoader[Any] = super().get_train_dataloader()
            return loader
        return DataLoader(self.train_dataset, batch_sampler=self.sampler, collate_fn=self.data_collator)

    def _global(self, counts: Mapping[str, int], device: torch.device) -> Mapping[str, torch.Tensor | float]:
        if self.args.world_size == 1:
            return {name: max(1.0, float(count)) for name, count in counts.items()}
        total = torch.tensor(list(counts.values()), dtype=torch.float32, device=device)
        dist.all_reduce(total)
        return dict(zip(counts, total.clamp(min=1.0), strict=True))

    def compute_loss(
        self, model: nn.Module, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> torch.Tensor:
        """Eq. 8 over the global batch, times the number of ranks, because DDP and FSDP average gradients over ranks."""
        stream, objective = inputs.get("stream", ""), self.supervised.objective_of(inputs)
        every, own_step = self.grad_norms_every, self.order.count(stream, self.state.global_step + 1)
        norms = GradNorms() if every and own_step % every == 0 else None
        keys = {name: term_key(stream, name) for name in objective.terms}
        losses = model(inputs, {name: num_items_in_batch[key] for name, key in keys.items()}, norms)
        if norms is not None:
            squares = norms.squares({name: objective.weight(name, self.progress) for name in losses})
            _accumulate(self._squares, {keys[name]: value for name, value in squares.items()})
        detached = {keys[name]: loss.detach().float() for name, loss in losses.items()}
        total = objective.total(losses, self.progress)
        _accumulate(self._sums, {**detached, "total": total.detach()})
        self._watch(detached)
        scaled: torch.Tensor = total * self.args.world_size
        return scaled

    def _watch(self, losses: Mapping[str, torch.Tensor]) -> None:
        """Records the first step at which a term is not finite, without waiting for the device."""
        step = self.state.global_step + 1
        for name, loss in losses.items():
            first = self._nan_step.get(name, torch.zeros((), dtype=torch.long, device=loss.device))
            self._nan_step[name] = torch.where((first == 0) & ~torch.isfinite(loss), step, first)
        if self.args.device.type == "cpu":
            self._stop_if_nan()

    def _stop_if_nan(self) -> None:
        """Raises: Diverged naming step and term."""
        for name, first in self._nan_step.items():
            if int(first):
                weight = "" if name.endswith("tft") else " or the weight of that term"
                raise _diverged(int(first), f"the loss of term {name}", weight)

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Adds the mean of each term since the last log, and writes the record to metrics.jsonl too."""
        if "loss" in logs:
            self._stop_if_nan()
            # A gradient that is not finite shows in the loss of the next step, but the last step has no next one.
            if not math.isfinite(logs.get("grad_norm", 0.0)):
                raise _diverged(self.state.global_step, "the norm of the gradient")
            logs = {**logs, **self._take_means(), **balance.record(self)}
        # Without a step there is no mean loss; Trainer would log 0.
        left_out = {"total_flos"} if self._stepped else {"total_flos", "train_loss"}
        logs = {key: value for key, value in logs.items() if key not in left_out}
        super().log(logs, start_time)
        if self.is_world_process_zero():
            self.folder.log({"step": self.state.global_step, **logs})

    def _take_means(self) -> dict[str, float]:
        """The mean of each loss, and the root mean square of each gradient norm, over the steps since the last log."""
        until, step = self._logged_until, self.state.global_step
        self._logged_until = step
        sums, squares = self._reduced(self._sums), self._reduced(self._squares)
        self._sums, self._squares = {}, {}
        means = {"loss": sums.pop("total") / max(1, step - until)} if "total" in sums else {}
        for stream, objective in self.supervised.objectives.items():
            first, last = self.order.count(stream, until), self.order.count(stream, step)
            every = self.grad_norms_every or 1
            for key in (term_key(stream, name) for name in objective.terms):
                if key in sums:
                    means[f"loss_{key}"] = sums[key] / max(1, last - first)
                if key in squares:
                    means[f"grad_norm_{key}"] = (squares[key] / (last // every - first // every)) ** 0.5
        return means

    def _reduced(self, values: Mapping[str, torch.Tensor]) -> dict[str, float]:
        """Sums over the ranks, on the host."""
        if not values:
            return {}
        stacked = torch.stack(list(values.values()))
        if self.args.world_size > 1:
            dist.all_reduce(stacked)
        return dict(zip(values, stacked.tolist(), strict=True))

    def evaluate(
        self, eval_dataset: Any = None, ignore_keys: Any = None, metric_key_prefix: str = "eval"
    ) -> dict[str, float]:
        """The exact mean of each term over all held-out rows, for any number of ranks."""
        rows: list[EncodedRow] = list(eval_dataset if eval_dataset is not None else self.eval_dataset)
        size, rank, ranks = self.args.per_device_eval_batch_size, self.args.process_index, self.args.world_size
        objective, collate = self.supervised.objectives[self.task], self.data_collator
        training = self.model_wrapped.training
        self.model_wrapped.eval()
        names = list(objective.terms)
        sums = torch.zeros(2, len(names), dtype=torch.float64)
        with torch.no_grad(), self.compute_loss_context_manager():
            batches = range(0, len(rows), size * ranks)
            for start in progress(batches, "Held-out rows", shown=rank == 0 and not self.args.disable_tqdm):
                mine = rows[start + rank * size : start + (rank + 1) * size]
                batch = to_device(collate([(self.task, row) for row in mine or rows[:1]]), self.args.device)
                # A rank that has no rows left still runs a forward pass for its collectives, and counts nothing.
                batch["filler"] = not mine
                counts = self.supervised.term_counts(batch)
                losses = self.model_wrapped(batch, dict.fromkeys(names, 1.0))
                values = torch.tensor([float(losses[name]) for name in names], dtype=torch.float64)
                sums += torch.stack([values * bool(mine), torch.tensor([float(counts[name]) for name in names])])
        self.model_wrapped.train(training)
        if ranks > 1:
            sums = sums.to(self.args.device)
            dist.all_reduce(sums)
        means = dict(zip(names, (sums[0] / sums[1].clamp(min=1.0)).tolist(), strict=True))
        for name, value in means.items():
            if not math.isfinite(value):
                raise _diverged(self.state.global_step, f"the held-out loss of term {name}")
        total = sum(objective.weight(name, self.progress) * value for name, value in means.items())
        metrics = {f"{metric_key_prefix}_loss": total, **{f"{metric_key_prefix}_loss_{k}": v for k, v in means.items()}}
        self.log(dict(metrics))
        self._announce(metrics)
        return metrics

    def _announce(self, metrics: dict[str, float]) -> None:
        self.control: Any = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        self._stop_if_nan()
        self._sums, self._squares = self._kept_by_first(self._sums), self._kept_by_first(self._squares)
        super()._save_checkpoint(model, trial)

    def _kept_by_first(self, values: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """The sums over all ranks on the first rank, which saves them, and zeros on the others: none counts twice."""
        first = self.is_world_process_zero()
        reduced = self._reduced(values).items()
        return {name: torch.tensor(value if first else 0.0, device=self.args.device) for name, value in reduced}

    def _save(self, output_dir: str | None = None, state_dict: dict[str, torch.Tensor] | None = None) -> None:
        """Writes an ordinary model or adapter folder, with the running means in a file of their own."""
        if not self.args.should_save:
            return
        folder = Path(output_dir or self.args.output_dir)
        folder.mkdir(parents=True, exist_ok=True)
        if state_dict is not None:
            state_dict = of_model(state_dict)
        self.supervised.model.save_pretrained(folder, state_dict=state_dict)  # type: ignore[operator]
        sums = {f"sums.{name}": value for name, value in self._sums.items()}
        squares = {f"squares.{name}": value for name, value in self._squares.items()}
        until = {"logged_until": torch.tensor(self._logged_until)}
        means = {f"means.{key}": value for key, value in self.supervised.means.state_dict().items()}
        extra = {**means, **sums, **squares, **until, **balance.saved(self.supervised)}
        save_file({key: value.detach().cpu().contiguous() for key, value in extra.items()}, folder / EXTRA)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: nn.Module | None = None) -> None:
        folder = Path(resume_from_checkpoint)
        if getattr(self, "is_fsdp_enabled", False):
            super()._load_from_checkpoint(resume_from_checkpoint, model)
        else:
            load_weights(self.supervised.model, folder)
        # Loaded to the CPU first: safetensors does not know the device `cpu:0`, which several processes train on.
        extra = {key: value.to(self.args.device) for key, value in load_file(folder / EXTRA).items()}
        balance.restore(self.supervised, extra)
        self._logged_until = int(extra.pop("logged_until"))
        self._sums, self._squares = self._taken_from(extra, "sums."), self._taken_from(extra, "squares.")
        self.supervised.means.load_state_dict({key.removeprefix("means."): value for key, value in extra.items()})

    def _taken_from(self, extra: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
        """Removes and returns the values that `_kept_by_first` saved under `prefix`."""
        taken = {key.removeprefix(prefix): extra.pop(key) for key in list(extra) if key.startswith(prefix)}
        return taken if self.is_world_process_zero() else {name: torch.zeros_like(v) for name, v in taken.items()}


def _diverged(step: int, what: str, weight: str = "") -> Diverged:
    return Diverged(
        f"step {step}: {what} is not finite: lower training.learning_rate{weight}, "
        "or train in bfloat16 or float32; --resume continues from the last checkpoint"
    )


def _accumulate(sums: dict[str, torch.Tensor], values: Mapping[str, torch.Tensor]) -> None:
    for name, value in values.items():
        sums[name] = sums[name] + value if name in sums else value
