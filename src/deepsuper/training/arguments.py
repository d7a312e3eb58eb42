"""The options of a run as transformers.TrainingArguments."""

from __future__ import annotations

import os

import torch
from transformers import TrainingArguments

from deepsuper.common.errors import UserError
from deepsuper.config import RunConfig
from deepsuper.models.precision import use_bf16
from deepsuper.training.run_folder import RunFolder


def make_arguments(config: RunConfig, folder: RunFolder) -> TrainingArguments:
    """The arguments of transformers.Trainer. Raises: UserError if the batch cannot be split over the processes."""
    t = config.training
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    if t.batch_size % (t.micro_batch_size * processes):
        raise UserError(
            f"training.batch_size {t.batch_size}: need a multiple of micro_batch_size x processes = "
            f"{t.micro_batch_size} x {processes}"
        )
    fsdp = {"fsdp": True, "fsdp_config": {"version": 2, "reshard_after_forward": True}} if t.fsdp else {}
    return TrainingArguments(
        output_dir=str(folder.checkpoints),
        per_device_train_batch_size=t.micro_batch_size,
        per_device_eval_batch_size=t.micro_batch_size,
        gradient_accumulation_steps=t.batch_size // (t.micro_batch_size * processes),
        learning_rate=t.learning_rate,
        num_train_epochs=t.epochs,
        max_steps=t.max_steps,
        lr_scheduler_type=t.schedule,
        warmup_steps=t.warmup_ratio,
        weight_decay=t.weight_decay,
        max_grad_norm=t.max_grad_norm,
        seed=t.seed,
        bf16=use_bf16(t.bf16),
        use_cpu=not torch.cuda.is_available(),
        optim=t.optimizer,
        logging_strategy="steps",
        logging_steps=t.log_every,
        logging_nan_inf_filter=False,
        eval_strategy="steps" if t.eval_every else "no",
        eval_steps=t.eval_every or None,
        save_strategy="steps" if t.save_every else "no",
        save_steps=t.save_every or 500,
        save_total_limit=t.save_total_limit,
        report_to=t.report_to or "none",
        remove_unused_columns=False,
        dataloader_pin_memory=torch.cuda.is_available(),
        ddp_find_unused_parameters=False if processes > 1 else None,
        **fsdp,
    )
