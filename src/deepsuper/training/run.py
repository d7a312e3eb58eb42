"""One run from configuration to model folder; read `train` first."""

import logging
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from transformers import TrainingArguments, set_seed

from deepsuper.common.files import sha256
from deepsuper.config import MergeConfig, RunConfig
from deepsuper.data.rows import write_skipped
from deepsuper.data.sdrrl import synthesise_for_run, synthesised_for_run
from deepsuper.data.templates import encode_rows
from deepsuper.inside.layers.auto import choose_for_run, chosen_for_run
from deepsuper.method.batch import EncodedRow, to_device
from deepsuper.method.calibration import calibrate
from deepsuper.method.collate import Collator, StreamCollator
from deepsuper.method.methods import build_objective, method_of
from deepsuper.method.tuned_lens import TunedLens
from deepsuper.models.card import write_card
from deepsuper.models.load import commit_of, load_config, save_folder
from deepsuper.models.merge import merge_adapter
from deepsuper.models.packaged import source_of
from deepsuper.models.precision import use_bf16
from deepsuper.training.arguments import make_arguments
from deepsuper.training.check import check_machine
from deepsuper.training.checkpoints import of_model
from deepsuper.training.loading import load_supervised
from deepsuper.training.prepare import Prepared, is_main, prepare
from deepsuper.training.resolve import describe
from deepsuper.training.run_folder import RunFolder, make_manifest
from deepsuper.training.sampler import StreamSampler
from deepsuper.training.streams import (
    accumulation,
    micro_batch_sizes,
    order_of,
    total_steps,
)
from deepsuper.training.trainer import SupervisedTrainer

log = logging.getLogger("deepsuper")
CALIBRATION_ROWS = 64


def train(config: RunConfig, *, resume: bool | Literal["auto"] = False, command: Sequence[str] | None = None) -> Path:
    """Trains as `config` says and returns the run folder. `resume`: from its newest complete checkpoint.

    `resume` "auto": starts, resumes or leaves as it is, whatever the folder needs. Raises: UserError as `prepare` does;
    Diverged if a loss is not finite.
    """
    folder = RunFolder(Path(config.output_dir))
    if resume == "auto":
        # Every process answers this before any of them can write: they meet in `make_arguments`.
        resume = folder.config.exists()
        if resume and folder.finished(config):
            folder.check_same(config)
            log.info("%s: done before", folder.path)
            return folder.path
    _check_folder(config, folder, resume=resume)
    check_machine(config)
    prepared = prepare(config)
    steps = total_steps(config, prepared.task.name, len(prepared.task.rows)) if config.streams else None
    arguments = make_arguments(config, folder, steps=steps)
    if any(stream.objective.layers == "auto" for stream in config.all_streams.values()):
        prepared = _with_measured_layers(config, prepared, arguments, folder, resume=resume)
    if method_of(config.objective).synthesised:
        prepared = _with_synthesised_rows(config, prepared, arguments, folder, resume=resume)
    if is_main():
        if resume and (changed := folder.changed_fingerprints(prepared.fingerprints)):
            log.warning("%s: may have changed since the run was started: its fingerprint is another", changed[0])
        _report(config, prepared)
    set_seed(config.training.seed)
    trainer = make_trainer(config, prepared, arguments, folder)
    checkpoint = folder.last_checkpoint() if resume else None
    if resume and checkpoint is None:
        every = config.training.save_every
        log.warning("%s: has no checkpoint (training.save_every is %d): starting from step 0", folder.path, every)
    if is_main():
        # Not earlier: if the model is refused, no run folder is left that would block the next run.
        if not resume:
            _start(config, prepared, folder, command, trainer.supervised.tuned)
        if prepared.skipped:
            write_skipped(prepared.skipped, folder.skipped)
        folder.rewind(_step(checkpoint) if checkpoint else 0)
    if checkpoint is None and not trainer.supervised.means.ready:
        _calibrate(trainer, prepared)
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    if prepared.held_out and not _evaluated(trainer):
        trainer.evaluate()
    _save(trainer, config, prepared, folder)
    return folder.path


def _check_folder(config: RunConfig, folder: RunFolder, *, resume: bool) -> None:
    """Raises: UserError if the run cannot start in `folder`, or cannot resume there with these options and files."""
    if resume:
        folder.check_same(config)
        if is_main():
            load_config(config.model)  # asks the hub which commit the revision means
            folder.check_inputs(config, source_of(config.model), commit_of(config.model))
    elif is_main():
        folder.check_new()


def _with_measured_layers(
    config: RunConfig, prepared: Prepared, arguments: TrainingArguments, folder: RunFolder, *, resume: bool
) -> Prepared:
    """`prepared` with the objective at the layers measured in the base model; a resumed run keeps its layers."""
    with arguments.main_process_first(local=False, desc="choose layers"):
        if is_main() and not resume:
            choose_for_run(config, prepared.questions, folder.path)
        i, j = chosen_for_run(folder.path)
    streams = []
    for stream in prepared.streams:
        options = config.all_streams[stream.name].objective
        if options.layers == "auto":
            layers = replace(options, layer_lc=i, layer_et=j)
            stream = replace(stream, objective=build_objective(layers, prepared.num_layers))
        streams.append(stream)
    return replace(prepared, streams=tuple(streams))


def _with_synthesised_rows(
    config: RunConfig, prepared: Prepared, arguments: TrainingArguments, folder: RunFolder, *, resume: bool
) -> Prepared:
    """`prepared` with the rows that SDRRL makes from its rows, without too long ones; a resumed run keeps its rows."""
    with arguments.main_process_first(local=False, desc="synthesise rows"):
        if is_main() and not resume:
            synthesise_for_run(config, folder.path)
        made = synthesised_for_run(folder.path)
    data = replace(config.data, on_bad_row="skip")
    encoded = encode_rows(made.rows, prepared.tokenizer, data, "translated", progress=is_main())
    skipped = [*prepared.skipped, *encoded.skipped]
    counts = {name: number for name, number in prepared.counts.items() if not name.startswith("train_")}
    counts |= {"train_rows": len(encoded.rows), "train_output_cut": encoded.cut["output"], "skipped_rows": len(skipped)}
    counts |= {f"sdrrl_{part}": len(rows) for part, rows in made.parts.items()}
    counts |= {f"sdrrl_{name}": number for name, number in made.counts.items()}
    streams = (replace(prepared.task, rows=encoded.rows),)
    return replace(prepared, streams=streams, skipped=skipped, counts=counts)


def make_trainer(
    config: RunConfig, prepared: Prepared, arguments: TrainingArguments, folder: RunFolder
) -> SupervisedTrainer:
    """Loads the weights, tests the model and makes its trainer. Raises: UserError if the model cannot be supervised."""
    supervised, tokenizer = load_supervised(config, prepared), prepared.tokenizer
    return SupervisedTrainer(
        supervised,
        folder=folder,
        grad_norms_every=config.training.grad_norms_every,
        order=order_of(config),
        sampler=_sampler(config, prepared, arguments) if config.streams else None,
        task=prepared.task.name,
        args=arguments,
        train_dataset=[(stream.name, row) for stream in prepared.streams for row in stream.rows],
        eval_dataset=prepared.held_out or None,
        data_collator=StreamCollator(
            {
                name: Collator(
                    tokenizer.pad_token_id,
                    tokenizer.bos_token_id,
                    objective,
                    prepared.languages,
                    frozenset(tokenizer.all_special_ids),
                    pack=config.training.packing == "packed",
                )
                for name, objective in prepared.objectives.items()
            }
        ),
    )


def _sampler(config: RunConfig, prepared: Prepared, arguments: TrainingArguments) -> StreamSampler:
    """The rows of each micro-batch of a run with streams."""
    return StreamSampler(
        order_of(config),
        [len(stream.rows) for stream in prepared.streams],
        list(micro_batch_sizes(config).values()),
        steps=arguments.max_steps,
        parts=accumulation(config.training),
        seed=config.training.seed,
    )


def _start(
    config: RunConfig,
    prepared: Prepared,
    folder: RunFolder,
    command: Sequence[str] | None,
    tuned: TunedLens | None,
) -> None:
    """Writes the run's configuration and its manifest."""
    notes: dict[str, Any] = {
        "rows": prepared.counts,
        "objective": describe(config, prepared.objectives),
        "bf16": use_bf16(config.training.bf16),
    }
    if tuned is not None and tuned.file is not None:
        notes["tuned_lens"] = {str(tuned.file): sha256(tuned.file)}
    source, commit = source_of(config.model), commit_of(config.model)
    folder.start(config, make_manifest(config, source, command, notes, commit, prepared.fingerprints))


def _report(config: RunConfig, prepared: Prepared) -> None:
    log.info("%s\n%s", config.method, describe(config, prepared.objectives))
    log.info("rows: %s", ", ".join(f"{name} {number:,}" for name, number in prepared.counts.items()))
    if prepared.skipped:
        log.warning("%d rows were skipped; they are in skipped.jsonl of the run folder", len(prepared.skipped))


def _calibrate(trainer: SupervisedTrainer, prepared: Prepared) -> None:
    """Sets the running means of the centred features from the first rows of each stream and language."""
    size, device = trainer.args.per_device_train_batch_size, trainer.args.device
    trainer.supervised.to(device)
    groups: list[list[tuple[str, EncodedRow]]] = []
    for stream in prepared.streams:
        first = stream.first_rows(CALIBRATION_ROWS) if stream.objective.centered else []
        rows = [(stream.name, row) for row in first]
        groups += [rows[n : n + size] for n in range(0, len(rows), size)]
    batches = (to_device(trainer.data_collator(group), device) for group in groups)
    trainer.supervised.train()
    with trainer.compute_loss_context_manager():
        calibrate(trainer.supervised, batches)


def _evaluated(trainer: SupervisedTrainer) -> bool:
    return any(
        "eval_loss" in entry and entry["step"] == trainer.state.global_step for entry in trainer.state.log_history
    )


def _step(checkpoint: Path) -> int:
    return int(checkpoint.name.rpartition("-")[2])


def _save(trainer: SupervisedTrainer, config: RunConfig, prepared: Prepared, folder: RunFolder) -> None:
    """Writes the model or the adapter, with its model card."""
    trainer.accelerator.wait_for_everyone()
    state = trainer.accelerator.get_state_dict(trainer.model_wrapped) if config.training.fsdp else None
    if not trainer.is_world_process_zero():
        return
    target = folder.model if config.lora is None else folder.adapter
    model = trainer.supervised.model
    if state is not None:
        state = of_model(state)
    model.config.use_cache = True  # type: ignore[union-attr]
    save_folder(model, prepared.tokenizer, target, state)
    write_card(target, config, describe(config, prepared.objectives), folder.read_metrics(), prepared.counts)
    if config.lora is not None and config.lora.merge:
        shutil.rmtree(folder.model, ignore_errors=True)
        merge_adapter(MergeConfig(str(target), str(folder.model), config.model))
