"""Links between the words of two texts: translation probabilities in both directions, and a liking for the diagonal."""

from __future__ import annotations

import numpy as np

from deepsuper.words.counts import Floats

DIAGONAL = 4.0
"""How fast the chance of a link falls with its distance from the diagonal, both texts taken as of length 1."""
NONE = 1.0
"""The weight of no translation at all, beside that of one word of the other text."""
SURE = 0.4
"""Links are those whose two posteriors have at least this geometric mean."""


def links_of(to_target: Floats, to_english: Floats, target: Floats, english: Floats) -> list[tuple[int, int]]:
    """Links whose posteriors, read in both directions, agree.

    Shapes: (English, target) twice: t(f|e), t(e|f); (target,), (English,): each word's own frequency.
    """
    rows, columns = to_target.shape
    place_e, place_f = (np.arange(rows) + 0.5) / rows, (np.arange(columns) + 0.5) / columns
    near = np.exp(-DIAGONAL * np.abs(place_e[:, None] - place_f[None, :]))
    from_english = to_target * near / near.sum(axis=0, keepdims=True)
    from_english /= from_english.sum(axis=0, keepdims=True) + NONE * target[None, :]
    from_target = to_english * near / near.sum(axis=1, keepdims=True)
    from_target /= from_target.sum(axis=1, keepdims=True) + NONE * english[:, None]
    return [(int(i), int(j)) for i, j in np.argwhere(np.sqrt(from_english * from_target) >= SURE)]
