"""A real model fine-tuned on real rows in ten to thirty minutes, by TFT and by deep supervision, and both compared.

It stands on `training` and the rooms below; read `run.run_demo` first.
"""
