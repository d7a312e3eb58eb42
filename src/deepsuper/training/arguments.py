"""The options of a run as transformers.TrainingArguments."""

import torch
from transformers import TrainingArguments

from deepsuper.config import RunConfig
from deepsuper.method.methods import method_of
from deepsuper.models.precision import use_bf16
from deepsuper.training.run_folder import RunFolder
from deepsuper.training.streams import accumulation, order_of, processes


def make_arguments(config: RunConfig, folder: RunFolder, *, steps: int | None = None) -> TrainingArguments:
    """The arguments of transformers.Trainer. Raises: UserError if the batch cannot be split over the processes.

    `steps`: how many steps a run with streams has.
    """
    t, order = config.training, order_of(config)
    without_task = any(not method_of(stream.objective).task for stream in config.all_streams.values())
    fsdp = {"fsdp": True, "fsdp_config": {"version": 2, "reshard_after_forward": True}} if t.fsdp else {}
    return TrainingArguments(
        output_dir=str(folder.checkpoints),
        per_device_train_batch_size=t.micro_batch_size,
        per_device_eval_batch_size=t.micro_batch_size,
        gradient_accumulation_steps=accumulation(t) * len(order.of_step(0)),
        learning_rate=t.learning_rate,
        num_train_epochs=t.epochs,
        max_steps=t.max_steps if steps is None else steps,
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
        # A step without answers leaves the upper blocks without a gradient.
        ddp_find_unused_parameters=without_task if processes() > 1 else None,
        **fsdp,
    )
