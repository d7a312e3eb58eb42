"""Rows that say what an earlier row says: exactly, nearly, or with the same question."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from deepsuper.config.check import CheckConfig
from deepsuper.data.check.findings import Found, place_of, shortened
from deepsuper.data.check.normalise import units
from deepsuper.data.rows import Row

SHINGLE = 3
"""Units in a row that are compared as one."""
PERMUTATIONS = 64
LEAST_SHINGLES = 20
"""Rows that have fewer are too short to be nearly the same by chance or not."""
MOST_SIMILAR = 0.9
"""Above it so few permutations cannot tell; what they find is compared as it is anyway."""
MOST_UNITS = 2000
"""Of a longer row its beginning is compared."""


def duplicates(rows: Sequence[Row], config: CheckConfig) -> Iterable[Found]:
    """Rows whose prompt and answer on the target side are those of an earlier row, but for case and punctuation."""
    first: dict[bytes, int] = {}
    for n, row in enumerate(rows):
        earlier = first.setdefault(_digest(row.instruction, row.input, row.output), n)
        if earlier != n:
            yield Found(n, f"as {_name(rows[earlier])}: {shortened(row.instruction)}", earlier)


def repeated_questions(rows: Sequence[Row], config: CheckConfig) -> Iterable[Found]:
    """Rows whose prompt is that of an earlier row, with another answer."""
    first: dict[bytes, int] = {}
    for n, row in enumerate(rows):
        earlier = first.setdefault(_digest(row.instruction, row.input), n)
        if earlier != n and _key(rows[earlier].output) != _key(row.output):
            detail = f"as {_name(rows[earlier])}, whose answer is {shortened(rows[earlier].output, 40)!r}"
            yield Found(n, detail, earlier)


def _digest(*texts: str) -> bytes:
    """A short name of some texts in their order, the same for texts that differ in case and punctuation only."""
    folded = "\0".join(" ".join(_key(text)) for text in texts)
    return blake2b(folded.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _key(text: str) -> list[str]:
    # What has no letter or digit (an emoji, a formula's signs) is compared as it is.
    return units(text) or [text.strip()]


def near_duplicates(rows: Sequence[Row], config: CheckConfig) -> Iterable[Found]:
    """Rows that share most runs of words with an earlier row (Jaccard of shingles), found by MinHash and LSH."""
    from datasketch import MinHashLSH

    index = MinHashLSH(threshold=min(config.similarity, MOST_SIMILAR), num_perm=PERMUTATIONS)
    kept: dict[int, npt.NDArray[np.uint64]] = {}
    for n, shingles, signature in _signatures(rows):
        best = max(((_jaccard(shingles, kept[k]), -k) for k in index.query(signature)), default=(0.0, 0))
        if best[0] < config.similarity:
            index.insert(n, signature)
            kept[n] = shingles
        elif _asks_alike(rows[n], rows[-best[1]], config.similarity):
            detail = f"{best[0]:.0%} as {_name(rows[-best[1]])}: {shortened(rows[n].instruction)}"
            yield Found(n, detail, -best[1])


def _asks_alike(row: Row, earlier: Row, similarity: float) -> bool:
    """Whether the questions are alike too: a passage that several ask about makes no duplicate. Nor one twice told."""
    words, others = set(_key(row.instruction)), set(_key(earlier.instruction))
    twice = _digest(row.instruction, row.input) == _digest(earlier.instruction, earlier.input)
    return not twice and len(words & others) >= similarity * len(words | others)


def _signatures(rows: Sequence[Row]) -> Iterator[tuple[int, npt.NDArray[np.uint64], object]]:
    """The index, the hashed shingles and the MinHash of each row that is long enough."""
    from datasketch import MinHash

    # A shingle is hashed once; MinHash takes the numbers as they are.
    empty = MinHash(num_perm=PERMUTATIONS, hashfunc=int)
    for n, row in enumerate(rows):
        shingles = _shingles(units(f"{row.instruction}\n{row.input}\n{row.output}")[:MOST_UNITS])
        if len(shingles) >= LEAST_SHINGLES:
            signature = empty.copy()
            signature.update_batch((shingles >> np.uint64(32)).tolist())
            yield n, shingles, signature


def _shingles(words: Sequence[str]) -> npt.NDArray[np.uint64]:
    """Numbers of the runs of words, each once, sorted."""
    from zlib import crc32

    codes = np.array([crc32(word.encode("utf-8", "surrogatepass")) for word in words], np.uint64)
    runs = max(len(codes) - SHINGLE + 1, 0)
    mixed = np.zeros(runs, np.uint64)
    for k in range(SHINGLE):
        mixed = mixed * np.uint64(0x9E3779B97F4A7C15) + codes[k : k + runs]
        mixed ^= mixed >> np.uint64(29)
    return np.unique(mixed)


def _jaccard(a: npt.NDArray[np.uint64], b: npt.NDArray[np.uint64]) -> float:
    both = len(np.intersect1d(a, b, assume_unique=True))
    return both / (len(a) + len(b) - both)


def _name(row: Row) -> str:
    """The line and the id of a row."""
    return f"line {place_of(row).line} ({shortened(row.id, 30)})"
