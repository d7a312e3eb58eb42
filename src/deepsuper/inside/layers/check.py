"""What `deepsuper layers` refuses before any weight is loaded."""

from deepsuper.common.options import check_ranges
from deepsuper.config import LayersConfig
from deepsuper.config.layers import CRITERIA
from deepsuper.inside.check import lens_range, sentence_ranges


def check_layers(config: LayersConfig) -> None:
    """Raises: UserError naming the first option out of range, before a weight is loaded."""
    criteria, known = config.criteria, CRITERIA
    check_ranges(sentence_ranges(config))
    check_ranges(
        [
            ("criteria", ",".join(criteria or ()), f"some of {','.join(known)}", set(criteria or ()) <= set(known)),
            lens_range(config),
            ("resamples", config.resamples, "0 <= resamples <= 10000", 0 <= config.resamples <= 10_000),
        ]
    )
