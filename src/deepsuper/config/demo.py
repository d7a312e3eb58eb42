"""The options of `deepsuper demo`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

DemoLanguage = Literal["zh", "vi", "ar"]


@dataclass(frozen=True)
class DemoConfig:
    """What `deepsuper demo` trains and compares. The command has options for the first three fields."""

    language: DemoLanguage = "zh"
    output_dir: str | None = None
    """The run folder; null: runs/demo-LANG."""
    seed: int = 42
    """The seed of the order of the rows."""
    model: str = "gemma-3-270m"
    """A hub name, a folder or a packaged model."""
    steps: int = 45
    """Optimizer steps of each training."""
    questions: int | None = None
    """How many held-out questions are asked, and rows are taken for the held-out loss; null: all."""

    @property
    def folder(self) -> Path:
        """The run folder."""
        return Path(self.output_dir or f"runs/demo-{self.language}")
