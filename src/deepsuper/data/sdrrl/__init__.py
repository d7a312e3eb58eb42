"""SDRRL (Zhang et al. 2024): parallel rows -> self-distilled, partly translated, code-switched and completion rows."""

from deepsuper.data.sdrrl.run import run_synthesis, synthesise_for_run, synthesised_for_run

__all__ = ["run_synthesis", "synthesise_for_run", "synthesised_for_run"]
