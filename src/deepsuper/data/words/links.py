"""Links between the words of two texts: translation probabilities in both directions, and a liking for the diagonal."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from deepsuper.data.words.counts import Floats

DIAGONAL = 4.0
"""How fast the chance of a link falls with its distance from the diagonal, both texts taken as of length 1."""
NONE = 0.003
"""The chance, beside a word's own frequency, that it translates nothing: being rare is not enough for a link."""
AGREED, GROWN = 0.4, 0.6
"""The least geometric mean of a link's two posteriors; the least posterior of a link that grows beside one."""


def links_of(to_target: Floats, to_english: Floats, target: Floats, english: Floats) -> list[tuple[int, int]]:
    """Links on which both directions agree, and those beside them on which one direction is sure.

    Shapes: (English, target) twice: t(f|e), t(e|f); (target,), (English,): each word's own frequency.
    """
    rows, columns = to_target.shape
    place_e, place_f = (np.arange(rows) + 0.5) / rows, (np.arange(columns) + 0.5) / columns
    near = np.exp(-DIAGONAL * np.abs(place_e[:, None] - place_f[None, :]))
    from_english = to_target * near / near.sum(axis=0, keepdims=True)
    from_english /= from_english.sum(axis=0, keepdims=True) + target[None, :] + NONE
    from_target = to_english * near / near.sum(axis=1, keepdims=True)
    from_target /= from_target.sum(axis=1, keepdims=True) + english[:, None] + NONE
    agreed = np.sqrt(from_english * from_target) >= AGREED
    linked = agreed | _grown(agreed, from_english >= GROWN) | _grown(agreed.T, from_target.T >= GROWN).T
    return [(int(i), int(j)) for i, j in np.argwhere(linked)]


def _grown(agreed: npt.NDArray[np.bool_], sure: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Sure links of columns that have none yet, right beside an agreed link of the same row: the rest of a compound."""
    beside = np.zeros_like(agreed)
    beside[:, 1:] |= agreed[:, :-1]
    beside[:, :-1] |= agreed[:, 1:]
    return beside & sure & ~agreed.any(axis=0, keepdims=True)
