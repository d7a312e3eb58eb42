"""`objective.layers: auto`: a run measures its critical layers before training and saves the measurements."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from deepsuper.common.errors import UserError
from deepsuper.config import LayersConfig, RunConfig
from deepsuper.data.texts import LANGUAGES, Texts, load_texts
from deepsuper.inside.layers.report import write_report
from deepsuper.inside.layers.select import LayersReport, select_layers
from deepsuper.models.load import load_for_reading, load_tokenizer

log = logging.getLogger("deepsuper")


def choose_for_run(config: RunConfig, questions: Mapping[str, Sequence[str]], folder: Path) -> None:
    """Measures i and j of the base model on text of the run's languages. `folder` gets layers.json, .yaml and .png.

    The text is the packaged one if there is one, else the `questions` of the run (language -> texts).
    """
    objectives = [stream.objective for stream in config.all_streams.values()]
    reading = LayersConfig(
        config.model,
        "+".join(questions),
        lens_norm=config.objective.lens_norm,
        bf16=config.training.bf16,
        tuned_lens=any(o.layers == "auto" and o.lens == "tuned" for o in objectives),
    )
    texts = texts_for(questions, reading.sentences)
    report = select_layers(load_for_reading(config.model), load_tokenizer(config.model), texts, reading)
    write_report(report, folder)
    log.log(logging.WARNING if report.fallback else logging.INFO, "%s", reason_of(report))


def texts_for(questions: Mapping[str, Sequence[str]], count: int | None) -> Texts:
    """The same number of sentences of each language."""
    target: list[str] = []
    sources = []
    for language, own in questions.items():
        if language in LANGUAGES:
            packaged = load_texts(language).first(count)
            target += packaged.target
            sources.append(f"{packaged.source} ({language})")
        else:
            target += own[:count]
            sources.append(f"the run's questions ({language})")
    return Texts("+".join(questions), " and ".join(sources), tuple(target), None)


def chosen_for_run(folder: Path) -> tuple[int, int]:
    """The layers i and j that `choose_for_run` wrote. Raises: UserError where they cannot be read."""
    try:
        record = json.loads((folder / "layers.json").read_text(encoding="utf-8"))
        return int(record["layer_lc"]), int(record["layer_et"])
    except (OSError, KeyError, ValueError) as error:
        raise UserError(
            f"{folder / 'layers.json'}: cannot be read ({error}): start the run again without --resume"
        ) from error


def reason_of(report: LayersReport) -> str:
    """The chosen layers and the reason, in one line."""
    layers = f"layers: auto: i = {report.layer_lc}, j = {report.layer_et}"
    if report.fallback:
        return f"{layers}, the paper's shares of the depth, because {report.choice.reason}; see layers.json"
    return f"{layers}: {report.choice.reason}"
