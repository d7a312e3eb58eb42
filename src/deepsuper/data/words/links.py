"""Links between the words of two texts, from translation probabilities in both directions and from word order."""

import numpy as np
import numpy.typing as npt

from deepsuper.common.arrays import Floats

DIAGONAL = 4.0
"""How fast the probability of a link falls with its distance from the diagonal; both texts have length 1."""
NULL = 0.003
"""The probability, added to a word's own frequency, that it translates nothing: rare words get no link for rarity."""
AGREED = 0.4
"""The least geometric mean of a link's two posteriors."""
GROWN = 0.6
"""The least posterior of a link that is added beside an agreed one."""


def links_of(to_target: Floats, to_english: Floats, target: Floats, english: Floats) -> list[tuple[int, int]]:
    """Links on which both directions agree, and those next to them of which one direction is sure.

    Shapes: (English, target) twice: t(f|e), t(e|f); (target,), (English,): each word's own frequency.
    """
    rows, columns = to_target.shape
    place_e, place_f = (np.arange(rows) + 0.5) / rows, (np.arange(columns) + 0.5) / columns
    near = np.exp(-DIAGONAL * np.abs(place_e[:, None] - place_f[None, :]))
    from_english = to_target * near / near.sum(axis=0, keepdims=True)
    from_english /= from_english.sum(axis=0, keepdims=True) + target[None, :] + NULL
    from_target = to_english * near / near.sum(axis=1, keepdims=True)
    from_target /= from_target.sum(axis=1, keepdims=True) + english[:, None] + NULL
    agreed = np.sqrt(from_english * from_target) >= AGREED
    linked = agreed | _grown(agreed, from_english >= GROWN) | _grown(agreed.T, from_target.T >= GROWN).T
    return [(int(i), int(j)) for i, j in np.argwhere(linked)]


def _grown(agreed: npt.NDArray[np.bool_], sure: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Sure links of columns without a link, next to an agreed link of the same row: the rest of a compound."""
    beside = np.zeros_like(agreed)
    beside[:, 1:] |= agreed[:, :-1]
    beside[:, :-1] |= agreed[:, 1:]
    return beside & sure & ~agreed.any(axis=0, keepdims=True)
