"""One run from configuration to model folder."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from transformers import TrainingArguments, set_seed

from deepsuper.common.errors import UserError
from deepsuper.config import MergeConfig, RunConfig, SdrrlConfig, SourceConfig
from deepsuper.data.rows import Row, SkippedRow, load_corpus, write_skipped
from deepsuper.data.sdrrl import parts_text, synthesise_for_run, synthesised_for_run
from deepsuper.data.templates import encode_rows
from deepsuper.inside.layers.auto import choose_for_run, chosen_for_run
from deepsuper.method.batch import EncodedRow, to_device
from deepsuper.method.collate import Collator
from deepsuper.method.methods import build_objective, formula, method_of, trained_on
from deepsuper.method.objective import Objective
from deepsuper.method.supervised import Supervised
from deepsuper.models.adapters import add_lora, check_lora
from deepsuper.models.card import write_card
from deepsuper.models.load import commit_of, load_config, load_model, load_tokenizer, num_layers, save_folder, skeleton
from deepsuper.models.merge import merge_adapter
from deepsuper.models.packaged import source_of
from deepsuper.models.precision import use_bf16
from deepsuper.training.arguments import make_arguments
from deepsuper.training.check import check, check_machine
from deepsuper.training.run_folder import RunFolder, make_manifest
from deepsuper.training.trainer import SupervisedTrainer, of_model

log = logging.getLogger("deepsuper")
CALIBRATION_ROWS = 64
SOME_QUESTIONS = 200


@dataclass(frozen=True)
class Prepared:
    """Everything that can be known, and be wrong, before a weight is loaded."""

    objective: Objective
    tokenizer: Any
    train: list[EncodedRow]
    held_out: list[EncodedRow]
    skipped: list[SkippedRow]
    counts: dict[str, int]
    questions: dict[str, list[str]]
    """Some questions of each target language, as text."""
    fingerprints: dict[str, str]
    """Of data sets of the hub."""

    @property
    def languages(self) -> tuple[str, ...]:
        """The target languages of the run."""
        return tuple(dict.fromkeys(row.language for row in self.train))


def resolve(config: RunConfig, *, files: bool = True) -> Objective:
    """The objective of a run on its model. Raises: UserError naming an option out of range, layers included, or a
    module that the model does not have.

    `files` false: its data need not be there.
    """
    check(config, files=files)
    # Of all linear modules peft leaves W_out and the embedding out.
    if config.lora is not None and config.lora.target_modules != "all-linear":
        check_lora(config.lora.target_modules, skeleton(config.model))
    return build_objective(config.objective, num_layers(load_config(config.model)))


def prepare(config: RunConfig) -> Prepared:
    """Checks every value and reads every row. Raises: UserError naming option, or file and line, and remedy."""
    objective = resolve(config)
    tokenizer = load_tokenizer(config.model)
    kind = method_of(config.objective).corpus
    parts: dict[str, list[EncodedRow]] = {}
    skipped: list[SkippedRow] = []
    counts: dict[str, int] = {}
    questions: dict[str, list[str]] = {}
    fingerprints: dict[str, str] = {}
    for part, sources in (("train", config.data.train), ("held_out", config.data.held_out)):
        corpus = load_corpus(sources, config.data, kind=kind, seed=config.training.seed)
        _check_weights(part, sources, corpus.rows)
        encoded = encode_rows(corpus.rows, tokenizer, config.data, kind, progress=is_main())
        skipped += [*corpus.skipped, *encoded.skipped]
        fingerprints |= corpus.fingerprints
        for row in corpus.rows if part == "train" else []:
            if len(questions.setdefault(row.language, [])) < SOME_QUESTIONS:
                questions[row.language].append(row.instruction)
        parts[part] = encoded.rows
        counts[f"{part}_rows"] = len(encoded.rows)
        counts |= {f"{part}_{name}_cut": number for name, number in encoded.cut.items()}
    counts["skipped_rows"] = len(skipped)
    for part, sources in (("train", config.data.train), ("held_out", config.data.held_out)):
        if sources and not parts[part]:
            raise UserError(f"data.{part}: no row fits into data.max_length: raise it")
    return Prepared(objective, tokenizer, parts["train"], parts["held_out"], skipped, counts, questions, fingerprints)


def _check_weights(part: str, sources: Sequence[SourceConfig], rows: Sequence[Row]) -> None:
    """Raises: UserError naming the first source whose weight leaves no row of its language."""
    there = {row.language for row in rows}
    for n, source in enumerate(sources):
        if source.language not in there:
            raise UserError(
                f"data.{part}[{n}].weight {source.weight:g}: rounds to no row of {source.path or source.hub}: raise it"
            )


def train(config: RunConfig, *, resume: bool = False, command: Sequence[str] | None = None) -> Path:
    """Trains as `config` says and returns the run folder. `resume` goes on from its newest whole checkpoint.

    Raises: UserError as `prepare` does; Diverged where a loss stops being finite.
    """
    folder = RunFolder(Path(config.output_dir))
    if resume:
        folder.check_same(config)
        if is_main():
            load_config(config.model)  # it asks the hub which commit is meant
            folder.check_inputs(config, source_of(config.model), commit_of(config.model))
    elif is_main():
        folder.check_new()
    check_machine(config)
    prepared = prepare(config)
    arguments = make_arguments(config, folder)
    if config.objective.layers == "auto":
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
        # Not earlier: a model that is refused leaves no run behind, which would be in the way of the next one.
        if not resume:
            _start(config, prepared, folder, command)
        if prepared.skipped:
            write_skipped(prepared.skipped, folder.skipped)
        folder.rewind(_step(checkpoint) if checkpoint else 0)
    if checkpoint is None and trainer.supervised.needs_calibration:
        _calibrate(trainer, prepared)
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    if prepared.held_out and not _evaluated(trainer):
        trainer.evaluate()
    _save(trainer, config, prepared, folder)
    return folder.path


def _with_measured_layers(
    config: RunConfig, prepared: Prepared, arguments: TrainingArguments, folder: RunFolder, *, resume: bool
) -> Prepared:
    """`prepared` with the objective at the layers that the base model shows; a resumed run keeps its own."""
    with arguments.main_process_first(local=False, desc="choose layers"):
        if is_main() and not resume:
            choose_for_run(config, prepared.questions, folder.path)
        i, j = chosen_for_run(folder.path)
    objective = replace(config.objective, layer_lc=i, layer_et=j)
    return replace(prepared, objective=build_objective(objective, num_layers(load_config(config.model))))


def _with_synthesised_rows(
    config: RunConfig, prepared: Prepared, arguments: TrainingArguments, folder: RunFolder, *, resume: bool
) -> Prepared:
    """`prepared` with the rows that SDRRL makes of them; a resumed run keeps its own. Those too long are skipped."""
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
    return replace(prepared, train=encoded.rows, skipped=skipped, counts=counts)


def make_trainer(
    config: RunConfig, prepared: Prepared, arguments: TrainingArguments, folder: RunFolder
) -> SupervisedTrainer:
    """Loads the weights and puts model, objective and rows together. Raises: UserError for an unknown kind of head."""
    model = load_model(config.model)
    if config.training.gradient_checkpointing:
        model.config.use_cache = False
    if config.lora is not None:
        model = add_lora(model, config.lora, config.model.revision)
        if config.training.gradient_checkpointing:
            model.enable_input_require_grads()
    languages = prepared.languages
    supervised = Supervised(model, prepared.objective, chunk_mib=config.training.chunk_mib, languages=languages)
    supervised.check_lens()
    supervised.check_tree()
    tokenizer = prepared.tokenizer
    if config.training.gradient_checkpointing:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    return SupervisedTrainer(
        supervised,
        folder=folder,
        grad_norms_every=config.training.grad_norms_every,
        args=arguments,
        train_dataset=prepared.train,
        eval_dataset=prepared.held_out or None,
        data_collator=Collator(tokenizer.pad_token_id, tokenizer.bos_token_id, prepared.objective, languages),
    )


def describe(config: RunConfig, objective: Objective) -> str:
    """The objective as a formula."""
    depth = objective.terms["tft"].layer
    method = method_of(config.objective)
    text = formula(objective, depth, trained_on(method))
    return f"{text}\n  {parts_text(config.data.sdrrl or SdrrlConfig())}" if method.synthesised else text


def is_main() -> bool:
    """Whether this process is the one that writes."""
    return int(os.environ.get("RANK", "0")) == 0


def _start(config: RunConfig, prepared: Prepared, folder: RunFolder, command: Sequence[str] | None) -> None:
    """Writes what the run is: its configuration, and the manifest of what goes in."""
    notes = {
        "rows": prepared.counts,
        "objective": describe(config, prepared.objective),
        "bf16": use_bf16(config.training.bf16),
    }
    source, commit = source_of(config.model), commit_of(config.model)
    folder.start(config, make_manifest(config, source, command, notes, commit, prepared.fingerprints))


def _report(config: RunConfig, prepared: Prepared) -> None:
    log.info("%s\n%s", config.objective.method, describe(config, prepared.objective))
    log.info("rows: %s", ", ".join(f"{name} {number:,}" for name, number in prepared.counts.items()))
    if prepared.skipped:
        log.warning("%d rows were skipped; they are in skipped.jsonl of the run folder", len(prepared.skipped))


def _calibrate(trainer: SupervisedTrainer, prepared: Prepared) -> None:
    """The first running means of a centred feature, from the first rows of each language."""
    rows: list[EncodedRow] = []
    for language in prepared.languages:
        rows += [row for row in prepared.train if row.language == language][:CALIBRATION_ROWS]
    size, device = trainer.args.per_device_train_batch_size, trainer.args.device
    trainer.supervised.to(device)
    batches = (to_device(trainer.data_collator(rows[n : n + size]), device) for n in range(0, len(rows), size))
    trainer.supervised.train()
    with trainer.compute_loss_context_manager():
        trainer.supervised.calibrate(batches)


def _evaluated(trainer: SupervisedTrainer) -> bool:
    return any(
        "eval_loss" in entry and entry["step"] == trainer.state.global_step for entry in trainer.state.log_history
    )


def _step(checkpoint: Path) -> int:
    return int(checkpoint.name.rpartition("-")[2])


def _save(trainer: SupervisedTrainer, config: RunConfig, prepared: Prepared, folder: RunFolder) -> None:
    """Writes model or adapter aside, renames it, and adds the model card."""
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
    write_card(target, config, describe(config, prepared.objective), folder.read_metrics(), prepared.counts)
    if config.lora is not None and config.lora.merge:
        shutil.rmtree(folder.model, ignore_errors=True)
        merge_adapter(MergeConfig(str(target), str(folder.model), config.model))
