"""`objective.layers: auto`: a run measures its critical layers before training and saves the measurements."""

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from deepsuper.common.errors import UserError
from deepsuper.common.files import write_text
from deepsuper.config import LayersConfig, RunConfig
from deepsuper.data.texts import LANGUAGES, Texts, load_texts
from deepsuper.inside.layers.agree import Agreed, agree_over_languages, paper_shares
from deepsuper.inside.layers.report import agreed_record, write_report, yaml_lines
from deepsuper.inside.layers.select import LayersReport, select_layers
from deepsuper.method.lens import Lens
from deepsuper.models.load import load_for_reading, load_tokenizer

log = logging.getLogger("deepsuper")
LEAST_SENTENCES = 80
"""Of each language, where several share the sentences of one: on 80 the layers of gemma-3-270m are settled."""
Questions = Sequence[tuple[str, str]]
"""Questions of a language and their English versions ("" where there is none)."""


def choose_for_run(config: RunConfig, questions: Mapping[str, Questions], folder: Path) -> Agreed:
    """Measures i and j of the base model on text of each language of the run, and says how they were chosen.

    The text is the packaged one if there is one, else the `questions` of the run. `folder` gets what `deepsuper layers`
    writes; of several languages, layers.json and layers.yaml of the choice, and a folder layers/<language> for each.
    """
    model, tokenizer = load_for_reading(config.model), load_tokenizer(config.model)
    depth = Lens(model).num_layers
    every = [stream.objective for stream in config.all_streams.values()]
    objectives = [objective for objective in every if objective.layers == "auto"] or every
    tuned = any(objective.lens == "tuned" for objective in objectives)
    reports, agreed = {}, {}
    for language, own in questions.items():
        reading = LayersConfig(
            config.model,
            language,
            lens_norm=objectives[0].lens_norm,
            bf16=config.training.bf16,
            tuned_lens=tuned,
        )
        texts = texts_for(language, readable(tokenizer, own), _share(reading.sentences, len(questions)))
        if not texts.target:
            agreed[language] = paper_shares(depth, "none of its questions has two tokens in both languages")
            continue
        reports[language] = select_layers(model, tokenizer, texts, reading)
        agreed[language] = reports[language].agreed
    chosen = agree_over_languages(agreed, depth)
    _write(chosen, agreed, reports, folder)
    log.log(logging.WARNING if chosen.fallback else logging.INFO, "layers: auto: %s; see layers.json", chosen.line)
    return chosen


def _share(sentences: int | None, languages: int) -> int | None:
    if sentences is None or languages == 1:
        return sentences
    return max(LEAST_SENTENCES, sentences // languages)


def texts_for(language: str, own: Questions, count: int | None) -> Texts:
    """The packaged sentences of a language, else its own questions; English beside them if all have it."""
    if language in LANGUAGES:
        return load_texts(language, parallel=True).first(count)
    target, english = ([pair[side] for pair in own[:count]] for side in (0, 1))
    return Texts(language, "the run's questions", tuple(target), tuple(english) if all(english) else None)


def readable(tokenizer: Any, own: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The questions without those that `select_layers` refuses, of under two tokens; each question once."""
    special = set(tokenizer.all_special_ids)

    def long_enough(text: str) -> bool:
        return sum(token not in special for token in tokenizer(text)["input_ids"]) >= 2

    return [
        (text, english)
        for text, english in dict.fromkeys(own)
        if long_enough(text) and (not english or long_enough(english))
    ]


def _write(chosen: Agreed, agreed: Mapping[str, Agreed], reports: Mapping[str, LayersReport], folder: Path) -> None:
    if len(agreed) == 1 and reports:
        write_report(next(iter(reports.values())), folder)
        return
    folder.mkdir(parents=True, exist_ok=True)
    for language, report in reports.items():
        write_report(report, folder / "layers" / language)
    languages = {language: agreed_record(one) for language, one in agreed.items()}
    record = {**agreed_record(chosen), "languages": languages}
    write_text(folder / "layers.json", json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    write_text(folder / "layers.yaml", yaml_lines(chosen))


def chosen_for_run(folder: Path) -> tuple[int, int]:
    """The layers i and j that `choose_for_run` wrote. Raises: UserError where they cannot be read."""
    try:
        record = json.loads((folder / "layers.json").read_text(encoding="utf-8"))
        return int(record["layer_lc"]), int(record["layer_et"])
    except (OSError, KeyError, ValueError) as error:
        raise UserError(
            f"{folder / 'layers.json'}: cannot be read ({error}): start the run again without --resume"
        ) from error
