"""Evaluation that can be trusted: lm-evaluation-harness, run on local or hub data, with every item kept."""
