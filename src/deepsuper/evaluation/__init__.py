"""Scores: lm-evaluation-harness run on local or hub data with every item kept, and runs compared.

It stands on `common`, `config` and `models`; read `run.run_eval` first, then `compare.run.run_compare`.
"""
