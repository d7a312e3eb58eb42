"""The main job on real rows in ten to thirty minutes: untouched, TFT and deep supervision on held-out articles.

It stands on `training` and the rooms below; read `run.run_demo` first.
"""

from deepsuper.demo.run import run_demo

__all__ = ["run_demo"]
