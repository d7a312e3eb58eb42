"""Every option of a demo against its range, before a model is loaded."""

from collections.abc import Iterator
from typing import get_args

from deepsuper.common.errors import UserError
from deepsuper.common.outputs import check_folder
from deepsuper.common.ranges import Range, check_ranges
from deepsuper.config.demo import DemoConfig, DemoLanguage


def check_demo(config: DemoConfig) -> None:
    """Raises: UserError naming the first option at fault, its value and its range."""
    check_ranges(_ranges(config))
    folder = config.folder
    check_folder("output_dir", folder)
    if (folder / "scores.json").exists() or (folder / "tft" / "config.yaml").exists():
        raise UserError(f"output_dir {folder}: holds a demo: choose another folder with --output_dir, or delete it")


def _ranges(config: DemoConfig) -> Iterator[Range]:
    languages = get_args(DemoLanguage)
    yield "lang", config.language, f"one of {', '.join(languages)}", config.language in languages
    yield "seed", config.seed, "0 <= seed < 2**32", 0 <= config.seed < 2**32
    yield "steps", config.steps, "at least 1", config.steps >= 1
    yield "questions", config.questions, "none (all) or at least 1", config.questions is None or config.questions >= 1
