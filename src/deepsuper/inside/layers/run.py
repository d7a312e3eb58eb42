"""`deepsuper layers`: checks, loads, reads, prints and writes."""

import logging
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from deepsuper.common.outputs import check_folder
from deepsuper.config import LayersConfig
from deepsuper.data.texts import Texts, load_texts
from deepsuper.inside.layers.check import check_layers
from deepsuper.inside.layers.report import print_report, write_report
from deepsuper.inside.layers.select import LayersReport, encode_sentences, select_layers
from deepsuper.method.kept_lens import check_kept
from deepsuper.models.load import inside_run, load_for_reading, load_tokenizer

log = logging.getLogger("deepsuper")


def read_texts(config: LayersConfig) -> Texts:
    """The sentences to read, with English ones where a criterion needs them. Raises: as `load_texts` does."""
    parallel = "alignment" in (config.criteria or ())
    path = None if config.data is None else Path(config.data)
    return load_texts(config.language, path, parallel=parallel).first(config.sentences)


def run_layers(config: LayersConfig, output_dir: Path) -> LayersReport:
    """`deepsuper layers`: checks, loads, reads, prints, and writes layers.json, layers.yaml and layers.png.

    Raises: UserError naming the option, or file and line, at fault, before a weight is loaded where that can be.
    """
    check_layers(config)
    check_folder("output_dir", output_dir)
    texts = read_texts(config)
    config = replace(config, model=inside_run(config.model))
    if config.tuned_lens:
        check_kept(config.model, "tuned_lens")
    tokenizer = load_tokenizer(config.model)
    encode_sentences(tokenizer, texts.target, config, texts.source)
    report = select_layers(load_for_reading(config.model), tokenizer, texts, config)
    print_report(Console(), report)
    write_report(report, output_dir)
    log.info("layers.json, layers.yaml and layers.png: %s", output_dir)
    return report
