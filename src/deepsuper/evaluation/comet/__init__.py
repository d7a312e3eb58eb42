"""COMET scores of translations, computed in an environment of their own."""
