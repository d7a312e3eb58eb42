"""The similarity of two languages' sentence states: cosine, retrieval, CKA, and the distance between two clouds.

Shapes: n sentences, D hidden; `a` and `b` are (n, D), row k of both is the same sentence. English is the first where
the order matters.
"""

import numpy as np
from sklearn.metrics.pairwise import cosine_similarity

from deepsuper.common.arrays import Floats
from deepsuper.common.intervals import Interval

BLOCKS = 20
"""The number of blocks of sentences for the jackknife, which leaves out one at a time."""


def centered(a: Floats) -> Floats:
    """`a` minus its mean. Raw cosines are near 1 for any text, because all states of a decoder share a direction."""
    out: Floats = a - a.mean(axis=0, keepdims=True)
    return out


def pair_cosines(a: Floats, b: Floats) -> Floats:
    """The cosine of each true pair. (n, D), (n, D) -> (n,)."""
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    out: Floats = (a * b).sum(axis=1) / np.maximum(norms, 1e-12)
    return out


def mismatched_cosine(a: Floats, b: Floats) -> float:
    """The mean cosine of pairs of different sentences: the baseline for the cosine of true pairs."""
    similarity = cosine_similarity(a, b)
    return float((similarity.sum() - np.trace(similarity)) / (len(a) * (len(a) - 1)))


def retrieved(queries: Floats, candidates: Floats) -> Floats:
    """1 if the candidate with the largest cosine is the query's own sentence, else 0. (n, D), (n, D) -> (n,)."""
    best = cosine_similarity(queries, candidates).argmax(axis=1)
    out: Floats = (best == np.arange(len(queries))).astype(float)
    return out


def linear_cka(a: Floats, b: Floats) -> float:
    """Linear centred kernel alignment in [0, 1]: ||A^T B||_F^2 / (||A^T A||_F ||B^T B||_F) of centred states.

    Kornblith et al., "Similarity of Neural Network Representations Revisited", ICML 2019, eq. 3. Uses Gram
    matrices, (n, n), which are smaller if there are fewer sentences than dimensions.
    """
    gram_a, gram_b = (c @ c.T for c in (centered(a).astype(float), centered(b).astype(float)))
    return float((gram_a * gram_b).sum() / max(np.linalg.norm(gram_a) * np.linalg.norm(gram_b), 1e-12))


def cka_interval(a: Floats, b: Floats, blocks: int = BLOCKS) -> Interval:
    """`linear_cka` with a 95% interval by a jackknife over blocks of sentences (resampling would repeat sentences,
    and two copies of one are alike in any representation)."""
    whole = linear_cka(a, b)
    parts = np.array_split(np.arange(len(a)), min(blocks, len(a)))
    if len(parts) < 2 or len(a) < 4:
        return Interval(whole, 0.0, 1.0)
    left_out = np.array([linear_cka(np.delete(a, part, axis=0), np.delete(b, part, axis=0)) for part in parts])
    error = float(np.sqrt((len(parts) - 1) * left_out.var()))
    return Interval(whole, max(0.0, whole - 1.96 * error), min(1.0, whole + 1.96 * error), error)


def cloud_distance(a: Floats, b: Floats) -> float:
    """The distance of the means, divided by the root mean square distance of a point from its mean. 0: one cloud."""
    apart = np.linalg.norm(a.mean(axis=0) - b.mean(axis=0))
    spread = np.sqrt((np.square(centered(a)).sum(axis=1).mean() + np.square(centered(b)).sum(axis=1).mean()) / 2.0)
    return float(apart / max(spread, 1e-12))
