"""Every option of a demo against its range, before a model is loaded."""

from typing import get_args

from deepsuper.common.errors import UserError
from deepsuper.common.options import check_ranges
from deepsuper.common.outputs import check_folder
from deepsuper.config.demo import DemoConfig, DemoLanguage


def check_demo(config: DemoConfig) -> None:
    """Raises: UserError naming the first option at fault, its value and its range."""
    languages, questions = get_args(DemoLanguage), config.questions
    check_ranges(
        [
            ("lang", config.language, f"one of {', '.join(languages)}", config.language in languages),
            ("seed", config.seed, "0 <= seed < 2**32", 0 <= config.seed < 2**32),
            ("steps", config.steps, "at least 1", config.steps >= 1),
            ("questions", questions, "none (all) or at least 1", questions is None or questions >= 1),
        ]
    )
    folder = config.folder
    check_folder("output_dir", folder)
    if (folder / "scores.json").exists() or (folder / "tft" / "config.yaml").exists():
        raise UserError(f"output_dir {folder}: holds a demo: choose another folder with --output_dir, or delete it")
