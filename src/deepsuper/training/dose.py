"""`deepsuper dose`: the terms of a run are measured on its rows and its model, before it."""

import logging
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from rich.console import Console
from transformers import set_seed

from deepsuper.common.errors import UserError
from deepsuper.common.outputs import check_folder
from deepsuper.common.progress import progress_bar
from deepsuper.config import DoseConfig, RunConfig
from deepsuper.config.objective import Alignment
from deepsuper.inside.dose.candidates import SharedPass, own_terms, readings_at, shared_passes
from deepsuper.inside.dose.check import check_depth, check_dose, check_rows, check_sizes, reading_stream
from deepsuper.inside.dose.doses import DoseReport, doses_of
from deepsuper.inside.dose.measure import BatchDoses, DoseMeter, RowReader, RowsOf
from deepsuper.inside.dose.report import print_report, write_report
from deepsuper.inside.dose.speed import PlainSpeed
from deepsuper.method.batch import EncodedRow
from deepsuper.method.gradients import block_parameters
from deepsuper.method.kept_lens import lens_for
from deepsuper.method.methods import method_of
from deepsuper.method.objective import Objective
from deepsuper.models.load import load_model
from deepsuper.training.check import check_machine
from deepsuper.training.check_streams import task_of
from deepsuper.training.loading import made_trainable
from deepsuper.training.prepare import Prepared, Stream, prepare
from deepsuper.training.resolve import resolve
from deepsuper.training.run import CALIBRATION_ROWS
from deepsuper.training.streams import micro_batch_sizes

log = logging.getLogger("deepsuper")


def run_dose(config: DoseConfig, recipe: RunConfig) -> DoseReport:
    """`deepsuper dose`: checks, loads, measures, prints, and writes dose.json, dose.yaml and dose.png.

    Raises: UserError naming the option, or file and line, at fault, before a weight is loaded where that can be.
    """
    check_dose(config, recipe)
    check_machine(recipe)
    folder = Path(recipe.output_dir)
    check_folder("output_dir", folder)
    objectives, sizes = resolve(recipe), micro_batch_sizes(recipe)
    task = task_of(recipe)
    num_layers = objectives[task].terms["tft"].layer
    check_depth(config, num_layers)
    candidates = own_terms(objectives)
    if config.readings:
        stream = reading_stream(recipe)
        check_sizes(config, sizes, stream)
        options, layers = recipe.all_streams[stream].objective, config.layers or range(1, num_layers + 1)
        candidates += readings_at(config.readings, layers, options, num_layers, stream)
    prepared = prepare(_with_both_sides(recipe) if config.readings else _without_held_out(recipe))
    read = {task, *(one.stream for one in candidates)}
    batches = {s.name: batches_of(s, sizes[s.name], recipe, config) for s in prepared.streams if s.name in read}
    meter = load_meter(recipe, prepared, task, shared_passes(candidates, _alignments(objectives)))
    rows = [{name: each[n] for name, each in batches.items()} for n in range(config.batches)]
    measured, speed = _measure(meter, rows, len(candidates))
    doses = doses_of(candidates, measured, objectives)
    report = DoseReport(doses, tuple(measured), sizes[task], num_layers, speed)
    print_report(Console(), config, recipe, report)
    write_report(config, recipe, report, folder)
    log.info("dose.json, dose.yaml and dose.png: %s", folder)
    return report


def _without_held_out(recipe: RunConfig) -> RunConfig:
    """The recipe without the rows that only a run reads."""
    return replace(recipe, data=replace(recipe.data, held_out=[]), training=replace(recipe.training, eval_every=0))


def _with_both_sides(recipe: RunConfig) -> RunConfig:
    """The recipe with English beside each translated row, which its own method may not read."""
    recipe = _without_held_out(recipe)
    if recipe.streams or method_of(recipe.objective).corpus != "translated":
        return recipe
    return replace(recipe, objective=replace(recipe.objective, method="lc-feature"))


def _alignments(objectives: Mapping[str, Objective]) -> dict[str, Alignment]:
    return {name: objective.alignment for name, objective in objectives.items()}


def batches_of(stream: Stream, size: int, recipe: RunConfig, config: DoseConfig) -> list[list[EncodedRow]]:
    """Micro-batches of rows that are drawn at random, as a run draws them. The seed is the run's."""
    check_rows(config, len(stream.rows), size)
    rows = random.Random(recipe.training.seed).sample(stream.rows, config.batches * size)
    return [rows[n : n + size] for n in range(0, len(rows), size)]


def load_meter(recipe: RunConfig, prepared: Prepared, task: str, passes: Sequence[SharedPass]) -> DoseMeter:
    """Loads the weights as a run does, with its adapters. Raises: UserError if the model cannot be supervised."""
    set_seed(recipe.training.seed)
    # The graph of one batch serves many backward passes: its activations are kept, not computed again.
    plain = replace(recipe.training, gradient_checkpointing=False)
    base = load_model(recipe.model).to("cuda" if torch.cuda.is_available() else "cpu")
    tuned = lens_for(base, recipe.model, [shared.objective for shared in passes])
    model = made_trainable(base, replace(recipe, training=plain))
    if not block_parameters(model):
        raise UserError(f"training.freeze_blocks {plain.freeze_blocks}: no block trains: freeze fewer")
    tokenizer, training = prepared.tokenizer, recipe.training
    reader = RowReader(
        tokenizer.pad_token_id, tokenizer.bos_token_id, prepared.languages, training.bf16, training.chunk_mib
    )
    meter = DoseMeter(model, task, passes, reader, tuned)
    sizes, first_batches = micro_batch_sizes(recipe), list[RowsOf]()
    for stream in prepared.streams:
        first, size = stream.first_rows(CALIBRATION_ROWS), sizes[stream.name]
        first_batches += [{stream.name: first[n : n + size]} for n in range(0, len(first), size)]
    meter.calibrate(first_batches)
    return meter


def _measure(meter: DoseMeter, batches: Sequence[RowsOf], candidates: int) -> tuple[list[BatchDoses], PlainSpeed]:
    """The doses in each batch; the speed of plain passes after the first and after the last, when all is warm."""
    found, speeds = [], []
    with progress_bar("gradients", len(batches) * candidates) as advance:
        for n, rows in enumerate(batches):
            found.append(meter.measure(rows, advance))
            if n in (0, len(batches) - 1):
                speeds.append(meter.plain_speed(rows))
    return found, PlainSpeed.mean(speeds)
