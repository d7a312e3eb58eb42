"""`deepsuper layers --fit_lens`: checks, loads, fits, keeps and prints."""

import logging
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from deepsuper.config import LayersConfig
from deepsuper.data.texts import LANGUAGES, Texts, load_texts
from deepsuper.inside.states import encode_texts
from deepsuper.inside.tuned_lens.check import check_fit, check_texts
from deepsuper.inside.tuned_lens.fit import Fitted, fit_lens
from deepsuper.inside.tuned_lens.report import about, print_fitted
from deepsuper.method.kept_lens import lens_path
from deepsuper.method.tuned_lens import save_lens
from deepsuper.models.fingerprint import fingerprint
from deepsuper.models.load import inside_run, load_for_reading, load_tokenizer

log = logging.getLogger("deepsuper")


def run_fit(config: LayersConfig) -> Fitted:
    """Fits the tuned lens of a model to English text and keeps it in the cache folder, where it replaces an older one.

    Raises: UserError naming the option, or file and line, at fault, before a weight is loaded.
    """
    check_fit(config)
    texts = english_texts(config.data)
    check_texts(texts)
    source = inside_run(config.model)
    tokenizer = load_tokenizer(source)
    encoded = encode_texts(tokenizer, texts.target, max_length=config.max_length, named=f"{texts.source}: sentence")
    model = load_for_reading(source)
    fitted = fit_lens(model, encoded, steps=config.lens_steps, bf16=config.bf16, seed=config.seed)
    path = lens_path(model)
    said = about(
        fitted,
        model=source.name,
        weights=fingerprint(model),
        text=texts.source,
        sentences=len(texts.target),
        steps=config.lens_steps,
    )
    save_lens(path, fitted.lens, said)
    print_fitted(Console(), fitted, source.name)
    log.info("tuned lens: %s", path)
    return fitted


def english_texts(data: str | None) -> Texts:
    """The packaged English sentences (FLORES-200 dev), or those of a file. Raises: as `load_texts` does."""
    if data is not None:
        return load_texts("en", Path(data))
    packaged = load_texts(LANGUAGES[0], parallel=True)
    assert packaged.english is not None, "load_texts was asked for both sides"
    return replace(packaged, language="en", target=packaged.english, english=None)
