"""What `deepsuper layers --fit_lens` refuses before any weight is loaded."""

from deepsuper.common.errors import UserError
from deepsuper.common.options import check_ranges
from deepsuper.config import LayersConfig
from deepsuper.data.texts import Texts
from deepsuper.inside.tuned_lens.fit import HELD_OUT_EVERY

UNREAD = ("sentences", "criteria", "positions", "lens_norm", "tuned_lens", "resamples")
"""Options of `layers` that say how layers are chosen, and nothing of how a lens is fitted."""


def check_fit(config: LayersConfig) -> None:
    """Raises: UserError naming the first option out of range, or one that is not read with --fit_lens."""
    for name in UNREAD:
        value = getattr(config, name)
        if value != getattr(LayersConfig, name):
            raise UserError(f"{name} {value!r}: is not read with --fit_lens: leave it out")
    check_ranges(
        [
            ("lens_steps", config.lens_steps, "0 <= lens_steps <= 10000", 0 <= config.lens_steps <= 10_000),
            ("max_length", config.max_length, "at least 2 tokens", config.max_length >= 2),
        ]
    )


def check_texts(texts: Texts) -> None:
    """Raises: UserError where there are too few sentences to keep any out of the fit."""
    if len(texts.target) < HELD_OUT_EVERY:
        raise UserError(
            f"data {texts.source}: has {len(texts.target)} sentences: need at least {HELD_OUT_EVERY}, and thousands "
            "for a good lens"
        )
