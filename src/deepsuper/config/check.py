"""What `deepsuper data check` reads, which findings count, and their thresholds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CheckConfig:
    """See docs/decisions.md for the reason of each threshold."""

    files: tuple[str, ...]
    language: str | None = None
    """Of the target side; None: told from the texts of each file."""
    fix: bool = False
    """Write the kept and the removed lines of each file."""
    reasons: tuple[str, ...] = ()
    """What `fix` removes for; none: every reason whose severity is error. "all": warnings too."""
    ignore: tuple[str, ...] = ()
    """Checks that do not run."""
    data_dir: str | None = None
    """Evaluation sets that no row may hold, beside the packaged ones; see `data layout`."""
    length_distance: float = 6.0
    """Robust standard deviations from the usual ratio of lengths."""
    score_distance: float = 3.5
    """Robust standard deviations below the usual alignment score."""
    similarity: float = 0.8
    """Jaccard similarity of the shingles of two rows from which they are near-duplicates."""
    word_gram: int = 13
    """Words in a row that an evaluation text must share."""
    character_gram: int = 20
    """The same, in characters, of a language that is written without spaces."""
    limit: int = 20
    """Rows of each reason, and rows without one, to read side by side."""
    workers: int | None = None
    """Processes that check; null: one for each core, up to 4."""
    seed: int = 0
    """Of the rows that are shown."""
