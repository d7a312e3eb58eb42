"""How alike English and target-language states are, layer by layer, before and after tuning; the paper's figure 4."""

from deepsuper.inside.align.measure import Aligned, compare_sides
from deepsuper.inside.align.run import run_align

__all__ = ["Aligned", "compare_sides", "run_align"]
