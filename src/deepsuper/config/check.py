"""The options of `deepsuper data check`."""

from dataclasses import dataclass


@dataclass(frozen=True)
class CheckConfig:
    """What `deepsuper data check` reads and looks for. See docs/decisions.md for the reason of each threshold."""

    files: tuple[str, ...]
    language: str | None = None
    """The language of the target side; null: detected from the texts of each file."""
    fix: bool = False
    """Also write the kept and the removed lines of each file."""
    reasons: tuple[str, ...] = ()
    """The reasons for which `fix` removes a row; none: all errors. "all": also the warnings."""
    ignore: tuple[str, ...] = ()
    """The checks to leave out."""
    data_dir: str | None = None
    """More evaluation sets whose texts no row may contain, besides the packaged ones; see `data layout`."""
    length_distance: float = 6.0
    """The largest distance from the median ratio of lengths, in robust standard deviations."""
    score_distance: float = 3.5
    """The largest distance below the median alignment score, in robust standard deviations."""
    similarity: float = 0.8
    """Two rows are near-duplicates from this Jaccard similarity of their shingles on."""
    word_gram: int = 13
    """The number of consecutive words that a row and an evaluation text must share to count as overlap."""
    character_gram: int = 20
    """The same in characters, for languages that are written without spaces."""
    limit: int = 20
    """The number of rows to show for each reason, and of rows without findings."""
    workers: int | None = None
    """The number of processes; null: one for each core, at most 4."""
    seed: int = 0
    """The seed of the choice of rows to show."""
