"""What `deepsuper lens` refuses before any weight is loaded."""

from collections.abc import Sequence
from pathlib import Path

from deepsuper.common.errors import UserError
from deepsuper.common.options import check_ranges
from deepsuper.common.outputs import check_file
from deepsuper.config import LensConfig
from deepsuper.inside.check import lens_range


def check_lens(config: LensConfig) -> None:
    """Raises: UserError naming the first option out of range, or a page that cannot be written."""
    check_file("html", Path(config.html))
    check_ranges([lens_range(config), ("top", config.top, "1 <= top <= 100", 1 <= config.top <= 100)])


def check_same_tokens(config: LensConfig, ids: Sequence[Sequence[int]]) -> None:
    """Raises: UserError where the tuned model splits the text into other tokens than the base model."""
    if any(other != ids[0] for other in ids):
        raise UserError(
            f"tuned {config.tuned!r}: splits the text into {len(ids[1])} other tokens than {config.model.name!r}: "
            "need a model with the same tokenizer"
        )
