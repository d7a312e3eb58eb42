"""What the options of `deepsuper compare` must be, told before a file is read."""

from pathlib import Path
from typing import get_args

from deepsuper.common.options import check_ranges
from deepsuper.common.outputs import check_file
from deepsuper.config import CompareConfig, Correction, PaperTable
from deepsuper.config.compare import CompareFormat


def check_compare(config: CompareConfig) -> None:
    """Raises: UserError naming the first option out of range."""
    formats, corrections, papers = (get_args(choices) for choices in (CompareFormat, Correction, PaperTable))
    picture, twisted = config.picture, config.transpose and config.format == "csv"
    check_ranges(
        [
            ("runs", config.runs, "at least one folder that `deepsuper eval` wrote", len(config.runs) > 0),
            ("format", config.format, f"one of {', '.join(formats)}", config.format in formats),
            ("paper", config.paper, f"one of {', '.join(papers)}", config.paper is None or config.paper in papers),
            ("correction", config.correction, f"one of {', '.join(corrections)}", config.correction in corrections),
            ("resamples", config.resamples, "100 to 1000000", 100 <= config.resamples <= 1_000_000),
            ("seed", config.seed, "0 <= seed < 2**32", 0 <= config.seed < 2**32),
            ("transpose", config.transpose, "false with csv, which has a row for each score", not twisted),
            ("picture", picture, "a file that ends in .png", picture is None or picture.lower().endswith(".png")),
        ]
    )
    for option in ("output", "picture"):
        if (path := getattr(config, option)) is not None:
            check_file(option, Path(path))
