"""One run from recipe to model folder. It stands on all rooms below; read `run.train` first."""
