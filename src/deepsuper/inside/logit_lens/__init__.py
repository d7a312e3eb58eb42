"""What a model predicts at every layer and position of a text, in the terminal and as an interactive page."""

from deepsuper.inside.logit_lens.run import run_lens
from deepsuper.inside.logit_lens.view import Cell, View, read_text

__all__ = ["Cell", "View", "read_text", "run_lens"]
