"""Public instruction sets, by hub name or local file -> one side's rows under the project's field names."""

from deepsuper.sets.readers import READERS
from deepsuper.sets.side import Entry, Side, read_side

__all__ = ["READERS", "Entry", "Side", "read_side"]
