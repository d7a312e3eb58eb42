"""What `deepsuper dose` prints and writes: a table, the weights to paste into a recipe, dose.json."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from deepsuper.common.files import write_text
from deepsuper.config import DoseConfig, ObjectiveConfig, RunConfig, Weight
from deepsuper.inside.dose.candidates import OWN
from deepsuper.inside.dose.doses import Dose, DoseReport, Spread
from deepsuper.method.objective import Feature

SHOWN_LINES = 8
"""More lines of YAML than these are written, but not printed."""
LARGEST_WEIGHT = 1000.0
"""Of a recipe."""
COPIED = ("pooling", "center", "similarity", "detach_english", "temperature", "lens_norm", "lens")
"""The options of a recipe that a term has too."""


def print_report(console: Console, config: DoseConfig, recipe: RunConfig, report: DoseReport) -> None:
    """Prints the doses as a table, the time beside the floor, and the YAML lines."""
    batches = f"{len(report.batches)} batches of {report.rows} rows"
    own = any(dose.weight is not None for dose in report.doses)
    table = Table(title=f"{recipe.model.name}, {batches}: gradients over the task's, at weight 1", box=box.SIMPLE_HEAD)
    table.add_column("term and layer", no_wrap=True)
    for name in ("loss", "ratio", "cosine", f"weight for {config.ratio:g}", *(["ratio now"] if own else [])):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_row(f"task {report.num_layers}", _text(report.task_loss))
    for dose in report.doses:
        table.add_row(*_cells(dose, config.ratio))
    console.print(table)
    ratio = report.seconds / report.floor_seconds
    console.print(
        f"{report.seconds:.1f} s, {ratio:.2f} times the floor: plain passes of transformers take "
        f"{report.floor_seconds:.1f} s for the same {report.flops.blocks + report.flops.head:.3g} operations",
        highlight=False,
        soft_wrap=True,
    )
    text = yaml_text(config, recipe, report)
    if text.count("objective:") <= SHOWN_LINES:
        console.print(text, markup=False, highlight=False, soft_wrap=True)


def _cells(dose: Dose, ratio: float) -> list[str]:
    weight = dose.weight_for(ratio)
    return [
        f"{dose.candidate.title} {dose.candidate.term.layer}",
        _text(dose.loss),
        _text(dose.ratio),
        f"{dose.cosine.mean:+.2f}" + ("" if dose.cosine.sd is None else f"±{dose.cosine.sd:.2f}"),
        "-" if weight is None else f"{weight:.3g}",
        *([] if dose.weight is None else [f"{dose.weight * dose.ratio.mean:.3g}"]),
    ]


def _text(value: Spread) -> str:
    return f"{value.mean:.3g}" + ("" if value.sd is None else f"±{value.sd:.1g}")


def yaml_text(config: DoseConfig, recipe: RunConfig, report: DoseReport) -> str:
    """The weights of the recipe's terms as lines of a recipe; one line for each reading, as comments to choose from."""
    own = [dose for dose in report.doses if dose.candidate.reading == OWN]
    lines = [f"# {dose.candidate.name}: {_note(dose, config, report)}" for dose in own]
    for stream, options in recipe.all_streams.items():
        if options.objective.balance == "ratio":
            lines.append("# balance: ratio measures the weights in the run, so none are given here")
            continue
        weights = {}
        for dose in own:
            side = dose.candidate.side
            if dose.candidate.stream == stream:
                weights[side] = _weight(dose, config.ratio, getattr(options.objective, f"{side}_weight"))
        found = ", ".join(f"{side}_weight: {weight}" for side, weight in weights.items() if weight)
        if found:
            lines.append(_within(stream, found))
    lines += [line for dose in report.doses if dose not in own for line in _reading_lines(dose, config, recipe, report)]
    return "".join(f"{line}\n" for line in lines)


def _within(stream: str, options: str) -> str:
    """Options of an objective on one line of a recipe."""
    return f"streams: {{{stream}: {{objective: {{{options}}}}}}}" if stream else f"objective: {{{options}}}"


def _note(dose: Dose, config: DoseConfig, report: DoseReport) -> str:
    said = (
        f"loss {dose.loss.mean:.3g}, {dose.ratio.mean:.3g} of the task's gradient at weight 1, cosine "
        f"{dose.cosine.mean:+.2f}, over {len(report.batches)} batches of {report.rows} rows"
    )
    weight = dose.weight_for(config.ratio)
    if weight is None:
        return f"{said}: no weight makes it {config.ratio:g}"
    if weight > LARGEST_WEIGHT:
        return f"{said}: {config.ratio:g} needs weight {weight:.3g}, more than a recipe may have"
    return f"{said}; {config.ratio:g} with this weight"


def _weight(dose: Dose, ratio: float, before: Weight) -> str:
    """The weight as YAML, with the warm-up and the decay that `before` has; empty where there is none."""
    value = dose.weight_for(ratio)
    if value is None or value > LARGEST_WEIGHT:
        return ""
    options = {"value": f"{value:.9g}", "warmup": before.warmup, "decay": before.decay}
    kept = {name: option for name, option in options.items() if option != getattr(Weight, name)}
    return "{" + ", ".join(f"{name}: {option}" for name, option in kept.items()) + "}"


def _reading_lines(dose: Dose, config: DoseConfig, recipe: RunConfig, report: DoseReport) -> Iterator[str]:
    """A comment, and the objective of this reading alone on one line, as a comment too: only one can be chosen."""
    side, term, stream = dose.candidate.side, dose.candidate.term, dose.candidate.stream
    kind, before = "feature" if isinstance(term, Feature) else "logits", recipe.all_streams[stream].objective
    method = {"method": "pairs", side: kind} if before.method == "pairs" else {"method": f"{side}-{kind}"}
    options: dict[str, Any] = {**method, f"layer_{side}": term.layer}
    for name in COPIED:
        value, default = getattr(term, name, None), getattr(ObjectiveConfig, name)
        if value not in (None, default):
            options[name] = str(value).lower() if isinstance(value, bool) else value
    if kind == "logits" and before.alignment != ObjectiveConfig.alignment:
        options["alignment"] = before.alignment
    yield f"# {dose.candidate.name}: {_note(dose, config, report)}"
    if weight := _weight(dose, config.ratio, Weight()):
        options[f"{side}_weight"] = weight
        yield "# " + _within(stream, ", ".join(f"{name}: {value}" for name, value in options.items()))


def as_record(config: DoseConfig, recipe: RunConfig, report: DoseReport) -> dict[str, Any]:
    """All measurements as JSON; the picture is drawn from it."""
    return {
        "config": asdict(config),
        "recipe": asdict(recipe),
        "num_layers": report.num_layers,
        "rows": report.rows,
        "task": {"loss": asdict(report.task_loss), "norm": asdict(report.task_norm)},
        "doses": [_record(dose, config.ratio, report) for dose in report.doses],
        "seconds": report.seconds,
        "floor": {
            "flops": asdict(report.flops),
            "flops_per_second": asdict(report.speed),
            "seconds": report.floor_seconds,
        },
    }


def _record(dose: Dose, ratio: float, report: DoseReport) -> dict[str, Any]:
    name = dose.candidate.name
    return {
        **asdict(dose.candidate),
        "name": name,
        "title": dose.candidate.title,
        "loss": asdict(dose.loss),
        "ratio": asdict(dose.ratio),
        "cosine": asdict(dose.cosine),
        "weight": dose.weight,
        "ratio_at_weight": None if dose.weight is None else dose.weight * dose.ratio.mean,
        "weight_for_ratio": dose.weight_for(ratio),
        "batches": [
            {"loss": batch.losses[name], "norm": share.norm, "task_norm": share.task_norm, "cosine": share.cosine}
            for batch in report.batches
            for share in [batch.shares[name]]
        ],
    }


def write_report(config: DoseConfig, recipe: RunConfig, report: DoseReport, folder: Path) -> None:
    """Writes dose.json, dose.yaml and dose.png into `folder`."""
    from deepsuper.inside.dose.pictures import draw

    folder.mkdir(parents=True, exist_ok=True)
    record = as_record(config, recipe, report)
    write_text(folder / "dose.json", json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    write_text(folder / "dose.yaml", yaml_text(config, recipe, report))
    draw(folder / "dose.png", record)
