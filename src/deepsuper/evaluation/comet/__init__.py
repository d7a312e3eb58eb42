"""COMET scores of translations, computed by `worker` in a Python environment of its own.

Builds on `common` and `config`. Read `scores.Comet` first.
"""
