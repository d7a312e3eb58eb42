"""`deepsuper lens`: one or two models read a text; the terminal and a page show it."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from deepsuper.common.errors import UserError
from deepsuper.config import LensConfig, ModelConfig
from deepsuper.inside.logit_lens.check import check_lens, check_same_tokens
from deepsuper.inside.logit_lens.page import write_page
from deepsuper.inside.logit_lens.report import print_view
from deepsuper.inside.logit_lens.view import View, encode, read_text
from deepsuper.method.kept_lens import check_kept, kept_lens
from deepsuper.models.load import inside_run, load_for_reading, load_tokenizer

log = logging.getLogger("deepsuper")


def run_lens(config: LensConfig) -> list[View]:
    """Prints what the model predicts at each layer and writes the page, with the tuned model beside it if there is one.

    Raises: UserError for a text without tokens, or models that split it into different ones, before a weight is loaded.
    """
    check_lens(config)
    sources = [config.model, *([replace(config.model, name=config.tuned)] if config.tuned is not None else [])]
    sources = [inside_run(source) for source in sources]
    if config.tuned_lens:
        for source in sources:
            check_kept(source, "tuned_lens")
    tokenizers = [load_tokenizer(source) for source in sources]
    ids = [encode(tokenizer, config.text, config.max_length) for tokenizer in tokenizers]
    check_same_tokens(config, ids)
    views = [_read(source, tokenizer, config) for source, tokenizer in zip(sources, tokenizers, strict=True)]
    if len({len(view.cells) for view in views}) > 1:
        depths = " and ".join(str(len(view.cells) - 1) for view in views)
        raise UserError(f"tuned {config.tuned!r}: the models have {depths} layers: need the same number")
    for view in views:
        print_view(Console(), view)
    write_page(Path(config.html), views)
    log.info("page: %s", config.html)
    return views


def _read(source: ModelConfig, tokenizer: Any, config: LensConfig) -> View:
    model = load_for_reading(source)
    return read_text(
        model,
        tokenizer,
        config.text,
        name=source.name,
        top=config.top,
        lens_norm=config.lens_norm,
        max_length=config.max_length,
        tuned=kept_lens(model, source, "tuned_lens") if config.tuned_lens else None,
    )
