"""One run from recipe to model folder: `resolve` the objective, `prepare` the rows, `run` the training.

It stands on all lower rooms; read `run.train` first.
"""
