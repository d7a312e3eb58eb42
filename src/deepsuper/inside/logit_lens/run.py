"""`deepsuper lens`: one or two models read a text; the terminal and a page show it."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from deepsuper.common.errors import UserError
from deepsuper.common.outputs import check_file
from deepsuper.common.ranges import check_ranges
from deepsuper.config import ModelConfig
from deepsuper.inside.logit_lens.page import write_page
from deepsuper.inside.logit_lens.terminal import print_view
from deepsuper.inside.logit_lens.view import View, encode, read_text
from deepsuper.models.load import inside_run, load_for_reading, load_tokenizer

log = logging.getLogger("deepsuper")


def run_lens(
    model: ModelConfig,
    text: str,
    page: Path,
    *,
    tuned: str | None = None,
    top: int = 5,
    lens_norm: bool = True,
    max_length: int = 512,
) -> list[View]:
    """Prints what `model` says at each layer, and writes the page, with the tuned model beside it where there is one.

    Raises: UserError for a text without tokens, or models that cut it into different ones, before a weight is loaded.
    """
    check_file("html", page)
    check_ranges([("top", top, "1 <= top <= 100", 1 <= top <= 100)])
    sources = [model, *([replace(model, name=tuned)] if tuned is not None else [])]
    sources = [inside_run(source) for source in sources]
    tokenizers = [load_tokenizer(source) for source in sources]
    ids = [encode(tokenizer, text, max_length) for tokenizer in tokenizers]
    if any(other != ids[0] for other in ids):
        raise UserError(f"tuned {tuned!r}: cuts the text into {len(ids[1])} other tokens than {model.name!r}")
    views = [
        read_text(
            load_for_reading(source),
            tokenizer,
            text,
            name=source.name,
            top=top,
            lens_norm=lens_norm,
            max_length=max_length,
        )
        for source, tokenizer in zip(sources, tokenizers, strict=True)
    ]
    if len({len(view.cells) for view in views}) > 1:
        depths = " and ".join(str(len(view.cells) - 1) for view in views)
        raise UserError(f"tuned {tuned!r}: the models have {depths} layers: need the same number")
    for view in views:
        print_view(Console(), view)
    write_page(page, views)
    log.info("page: %s", page)
    return views
