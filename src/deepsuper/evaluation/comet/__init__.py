"""COMET scores of translations, computed by `worker` in a Python environment of its own; read `scores.Comet` first."""
