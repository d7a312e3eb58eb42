"""Two languages' sides of one set -> pairs of rows: by id, by order with a check, or by alignment."""

from deepsuper.pairing.config import By, Compare, JoinConfig, Sentences

__all__ = ["By", "Compare", "JoinConfig", "Sentences"]
