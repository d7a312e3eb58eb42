"""Time of a TFT step against transformers.Trainer with the model's own loss, and against TRL's SFTTrainer.

    python benchmarks/peers.py                       gemma-3-270m, 8 packaged XQuAD rows a step
    python benchmarks/peers.py --model tiny --steps 2   a toy run of the same code

TRL comes with `pip install -e '.[bench]'`; without it only Trainer is compared. Every engine has its own copy of
the weights, the same rows in the same order and the same arguments (AdamW, clipping, bf16 autocast); before a clock
starts, their losses on the first batch must agree. They then take turns of `--steps` steps; a step is timed from the
end of the one before to its own end, data loading included. The floor is 1.0: all of them do the same arithmetic,
but for the positions without a label, which need no head.
"""

from __future__ import annotations

import argparse
import copy
import importlib.util
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).parent))

from transformers import DataCollatorForSeq2Seq, PrinterCallback, Trainer, TrainerCallback, TrainingArguments

from deepsuper import Collator, Supervised
from deepsuper.method.batch import EncodedRow
from deepsuper.training.run_folder import RunFolder
from deepsuper.training.trainer import SupervisedTrainer
from workload import encoded_rows, load_base, objectives


class Clock(TrainerCallback):
    """Seconds of each step but the first of every turn, which also sets up loaders and optimizer."""

    def __init__(self) -> None:
        self.turns: list[list[float]] = []
        self.last: float | None = None

    def on_train_begin(self, *args: Any, **kwargs: Any) -> None:
        self.turns.append([])
        self.last = None

    def on_step_end(self, *args: Any, **kwargs: Any) -> None:
        now = time.perf_counter()
        if self.last is not None:
            self.turns[-1].append(now - self.last)
        self.last = now


def as_examples(rows: list[EncodedRow]) -> list[dict[str, list[int]]]:
    """The same tokens in the form that the peers read: labels on the response only."""
    return [
        {
            "input_ids": [*row.tgt.query, *row.tgt.response],
            "labels": [-100] * len(row.tgt.query) + list(row.tgt.response),
        }
        for row in rows
    ]


def engines(args: argparse.Namespace, folder: Path) -> dict[str, Trainer]:
    """Ours and its peers, each on a copy of the same weights."""
    model, tokenizer = load_base(args.model)
    objective = objectives(model)["tft"]
    rows = encoded_rows(args.model, tokenizer, (args.steps + 1) * args.rows)
    shared = {
        "per_device_train_batch_size": args.rows,
        "max_steps": args.steps + 1,
        "learning_rate": 1e-6,
        "optim": "adamw_torch",
        "bf16": args.bf16,
        "use_cpu": not torch.cuda.is_available(),
        "train_sampling_strategy": "sequential",
        "remove_unused_columns": False,
        "save_strategy": "no",
        "logging_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
        "dataloader_pin_memory": torch.cuda.is_available(),
    }
    ours = RunFolder(folder / "deepsuper")
    ours.path.mkdir()
    made: dict[str, Trainer] = {
        "deepsuper": SupervisedTrainer(
            Supervised(copy.deepcopy(model), objective),
            folder=ours,
            args=TrainingArguments(output_dir=str(ours.checkpoints), **shared),
            train_dataset=rows,
            data_collator=Collator(tokenizer.pad_token_id, tokenizer.bos_token_id, objective),
        ),
        "transformers.Trainer": Trainer(
            copy.deepcopy(model),
            args=TrainingArguments(output_dir=str(folder / "trainer"), **shared),
            train_dataset=as_examples(rows),
            data_collator=DataCollatorForSeq2Seq(tokenizer),
        ),
    }
    if importlib.util.find_spec("trl") is not None:
        from datasets import Dataset
        from trl import SFTConfig, SFTTrainer

        config = SFTConfig(
            output_dir=str(folder / "trl"),
            max_length=None,
            gradient_checkpointing=False,
            dataset_kwargs={"skip_prepare_dataset": True},
            **shared,
        )
        made["trl.SFTTrainer"] = SFTTrainer(
            model, args=config, train_dataset=Dataset.from_list(as_examples(rows)), processing_class=tokenizer
        )
    return made


def first_loss(trainer: Trainer) -> float:
    """The loss of the first batch, computed as training does, without a backward pass."""
    batches, items = trainer.get_batch_samples(iter(trainer.get_train_dataloader()), 1, trainer.args.device)
    with torch.no_grad(), trainer.compute_loss_context_manager():
        inputs = trainer._prepare_inputs(batches[0])
        return float(trainer.compute_loss(trainer.model, inputs, num_items_in_batch=items))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="gemma-3-270m")
    parser.add_argument("--rows", type=int, default=8)
    parser.add_argument("--steps", type=int, default=4, help="timed steps of a turn")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--bf16", action=argparse.BooleanOptionalAction, default=True)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        compare(engines(args, Path(folder)), args.turns)


def compare(made: dict[str, Trainer], turns: int) -> None:
    """Prints the losses, then the median step of each engine and ours as a ratio to it, turn by turn."""
    first = {name: first_loss(trainer) for name, trainer in made.items()}
    print("loss of the first batch: " + ", ".join(f"{name} {loss:.4f}" for name, loss in first.items()), flush=True)
    if max(first.values()) - min(first.values()) > 0.01 * max(first.values()):
        raise SystemExit("the engines do not compute the same loss: their times cannot be compared")
    clocks = {name: Clock() for name in made}
    for name, trainer in made.items():
        trainer.add_callback(clocks[name])
        trainer.remove_callback(PrinterCallback)
    for turn in range(turns):
        for name in list(made) if turn % 2 else reversed(list(made)):
            made[name].train()
    medians = {name: [statistics.median(turn) for turn in clock.turns] for name, clock in clocks.items()}
    for name, seconds in medians.items():
        ratios = [ours / theirs for ours, theirs in zip(medians["deepsuper"], seconds, strict=True)]
        print(
            f"{name:22s} {statistics.median(seconds):7.3f} s a step; deepsuper takes "
            f"{statistics.median(ratios):.2f} x its time ({min(ratios):.2f}-{max(ratios):.2f})",
            flush=True,
        )


if __name__ == "__main__":
    main()
