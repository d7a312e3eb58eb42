"""Grids of runs: which cells a study has, what is done, and the jobs that an engine runs for the rest.

It stands on `training`, `evaluation` and the rooms below; read `run.plan_study` first.
"""
