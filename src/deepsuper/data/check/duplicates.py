"""Duplicates of an earlier row: exact, near, or of its question alone."""

from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from zlib import crc32

import numpy as np
import numpy.typing as npt

from deepsuper.config.check import CheckConfig
from deepsuper.data.check.findings import Found, place_of, shortened
from deepsuper.data.check.normalise import units
from deepsuper.data.rows import Row

SHINGLE = 3
"""Consecutive units that make a shingle."""
PERMUTATIONS = 64
"""Hash functions of a MinHash signature."""
LEAST_SHINGLES = 20
"""Rows with fewer are too short: they may be similar by chance."""
MAX_LSH_THRESHOLD = 0.9
"""LSH with so few permutations is unreliable above it. The candidates are compared exactly."""
MAX_UNITS = 2000
"""Of a longer row, only the beginning is compared."""


def duplicates(rows: Sequence[Row], config: CheckConfig) -> Iterable[Found]:
    """Rows whose target prompt and answer equal those of an earlier row, except for case and punctuation."""
    first: dict[bytes, int] = {}
    for n, row in enumerate(rows):
        earlier = first.setdefault(_digest(row.instruction, row.input, row.output), n)
        if earlier != n:
            yield Found(n, f"as {_name(rows[earlier])}: {shortened(row.instruction)}", earlier)


def repeated_questions(rows: Sequence[Row], config: CheckConfig) -> Iterable[Found]:
    """Rows with the prompt of an earlier row, and another answer."""
    first: dict[bytes, int] = {}
    for n, row in enumerate(rows):
        earlier = first.setdefault(_digest(row.instruction, row.input), n)
        if earlier != n and _key(rows[earlier].output) != _key(row.output):
            detail = f"as {_name(rows[earlier])}, whose answer is {shortened(rows[earlier].output, 40)!r}"
            yield Found(n, detail, earlier)


def _digest(*texts: str) -> bytes:
    """A hash of some texts in this order, the same for texts that differ only in case and punctuation."""
    folded = "\0".join(" ".join(_key(text)) for text in texts)
    return blake2b(folded.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _key(text: str) -> list[str]:
    # A text without letters and digits (an emoji, the signs of a formula) is compared as it is.
    return units(text) or [text.strip()]


def near_duplicates(rows: Sequence[Row], config: CheckConfig) -> Iterable[Found]:
    """Rows that share most shingles with an earlier row (Jaccard similarity), found by MinHash and LSH."""
    from datasketch import MinHashLSH

    index = MinHashLSH(threshold=min(config.similarity, MAX_LSH_THRESHOLD), num_perm=PERMUTATIONS)
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
    """Whether the questions are similar (several may ask about one passage), but not equal (`repeated_questions`)."""
    words, others = set(_key(row.instruction)), set(_key(earlier.instruction))
    twice = _digest(row.instruction, row.input) == _digest(earlier.instruction, earlier.input)
    return not twice and len(words & others) >= similarity * len(words | others)


def _signatures(rows: Sequence[Row]) -> Iterator[tuple[int, npt.NDArray[np.uint64], object]]:
    """The index, the hashed shingles and the MinHash of each row that is long enough."""
    from datasketch import MinHash

    # The shingles are hashed already; MinHash takes the numbers as they are.
    empty = MinHash(num_perm=PERMUTATIONS, hashfunc=int)
    for n, row in enumerate(rows):
        shingles = _shingles(units(f"{row.instruction}\n{row.input}\n{row.output}")[:MAX_UNITS])
        if len(shingles) >= LEAST_SHINGLES:
            signature = empty.copy()
            signature.update_batch((shingles >> np.uint64(32)).tolist())
            yield n, shingles, signature


def _shingles(words: Sequence[str]) -> npt.NDArray[np.uint64]:
    """The hashes of the shingles, sorted, without duplicates."""
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
