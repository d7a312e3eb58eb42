"""`deepsuper align`: checks, loads one or two models, measures, prints and writes."""

import logging
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from deepsuper.common.outputs import check_folder
from deepsuper.config import AlignConfig, ModelConfig
from deepsuper.data.texts import Texts, load_texts
from deepsuper.inside.align.check import check_align
from deepsuper.inside.align.measure import ModelAlignment, align_model, tuning
from deepsuper.inside.align.report import print_report, write_report
from deepsuper.inside.english import english_loss
from deepsuper.inside.states import EncodedText, encode_texts, pooled_states
from deepsuper.models.load import inside_run, load_for_reading, load_tokenizer

log = logging.getLogger("deepsuper")


def run_align(config: AlignConfig, output_dir: Path) -> list[ModelAlignment]:
    """`deepsuper align`: checks, loads one model after the other, prints, writes align.json, align.png and tsne.png.

    Raises: UserError naming the option, or file and line, at fault, before a weight is loaded.
    """
    check_folder("output_dir", output_dir)
    path = None if config.data is None else Path(config.data)
    texts = load_texts(config.language, path, part="devtest", parallel=True).first(config.sentences)
    sources = [config.model, *([replace(config.model, name=config.tuned)] if config.tuned is not None else [])]
    sources = [inside_run(source) for source in sources]
    check_align(config, texts, sources)
    encoded = [_encode(source, texts, config) for source in sources]
    aligned = []
    for source, (english, target) in zip(sources, encoded, strict=True):
        model = load_for_reading(source)
        sides = [
            pooled_states(model, side, bf16=config.bf16, title=f"{Path(source.name).name}: {language}")
            for side, language in ((english, "en"), (target, config.language))
        ]
        loss = english_loss(model, english, bf16=config.bf16)
        del model
        aligned.append(align_model(source.name, sides[0], sides[1], config, english_loss=loss))
    changes = tuning(*aligned) if config.tuned is not None else []
    print_report(Console(), aligned, changes, config)
    write_report(aligned, changes, config, texts, output_dir)
    log.info("align.json, align.png and tsne.png: %s", output_dir)
    return aligned


def _encode(source: ModelConfig, texts: Texts, config: AlignConfig) -> tuple[list[EncodedText], list[EncodedText]]:
    tokenizer = load_tokenizer(source)
    assert texts.english is not None, "load_texts was asked for both sides"
    english, target = (
        encode_texts(
            tokenizer,
            side,
            positions=config.positions,
            max_length=config.max_length,
            named=f"{texts.source}: {language} sentence",
        )
        for side, language in ((texts.english, "English"), (texts.target, config.language))
    )
    return english, target
