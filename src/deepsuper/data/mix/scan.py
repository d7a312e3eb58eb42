"""The first pass over a source: counts its good rows, and records all other lines."""

import hashlib
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from deepsuper.common.errors import BadRow, Place, UserError
from deepsuper.common.files import sha256
from deepsuper.common.lines import json_records, numbered_lines
from deepsuper.config.objective import CorpusKind
from deepsuper.data.mix.buckets import Buckets
from deepsuper.data.rows import FIELDS, Skipper, as_text, check_record

DIGEST = np.dtype([("a", "<u8"), ("b", "<u8"), ("line", "<i8")])
"""A 128-bit hash of an id, to find equal ids, and its line."""
BUCKET_SOURCE = 64 << 20
"""Bytes of a source for each bucket of digests, which are much shorter than the rows."""
LineNumbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Scan:
    """What a source holds. `rows`: number of good ones; `size`: their bytes.

    `left_out`: numbers of all lines that are no good row; `repeated`: those of them whose id an earlier line has, with
    that line. Both in order. Shapes: (n,), (d, 2). `sha256`: of the file, before it was read.
    """

    rows: int
    size: int
    skipped: int
    left_out: LineNumbers
    repeated: LineNumbers
    sha256: str


def scan(path: Path, kind: CorpusKind, bad: Skipper, folder: Path, tick: Callable[[], None]) -> Scan:
    """Reads and checks every row of a file. `folder`: for temporary files; `tick`: called for each row.

    Raises: BadRow where `bad` does; UserError naming the file where it cannot be read.
    """
    before, rows, size, last = bad.count, 0, 0, 0
    hashed, left_out = sha256(path), array("q")
    lines, line = 0, b""  # the number of the last line that was read, and its bytes

    def skip(where: Place, problem: BadRow, text: str) -> None:
        nonlocal lines
        lines = where.line  # a line that is too long is not among the numbered lines
        bad(where, problem, text)

    def read() -> Iterator[tuple[int, bytes]]:
        nonlocal lines, line
        for number, found in numbered_lines(path, skip):
            lines, line = number, found
            yield number, found

    digests = Buckets(folder, 1 + path.stat().st_size // BUCKET_SOURCE)
    for where, record in json_records(path, read(), skip):
        tick()
        try:
            key = check_record(record, FIELDS[kind])[0].encode()
        except BadRow as error:
            skip(where, error, as_text(record))
            continue
        digest = hashlib.blake2b(key, digest_size=16).digest()
        digests.add(digest[0] % len(digests), digest + where.line.to_bytes(8, "little"))
        left_out.extend(range(last + 1, where.line))
        rows, size, last = rows + 1, size + len(line), where.line
    left_out.extend(range(last + 1, lines + 1))
    repeated = _repeated(digests)
    if len(repeated) and bad.on_bad_row == "error":
        bad(Place(path, int(repeated[0, 0])), repeated_id(path, int(repeated[0, 1])), "")
    every = np.sort(np.concatenate([np.array(left_out, dtype=np.int64), repeated[:, 0]]))
    return Scan(rows - len(repeated), size, bad.count - before + len(repeated), every, repeated, hashed)


def repeated_id(path: Path, first: int) -> BadRow:
    """What is wrong with a row whose id an earlier line has."""
    return BadRow(f"its id is also at {Place(path, first)}: need each id once in a source")


def _repeated(digests: Buckets) -> LineNumbers:
    """Lines whose id an earlier line has, each with the first such line, in order. Shape: (d, 2)."""
    found = [np.empty((0, 2), dtype=np.int64)]
    for path in digests.take():
        ids = np.fromfile(path, dtype=DIGEST)
        ids = ids[np.lexsort((ids["line"], ids["b"], ids["a"]))]
        same = np.zeros(len(ids), dtype=bool)
        same[1:] = (ids["a"][1:] == ids["a"][:-1]) & (ids["b"][1:] == ids["b"][:-1])
        firsts = np.maximum.accumulate(np.where(same, 0, np.arange(len(ids))))
        found.append(np.stack([ids["line"][same], ids["line"][firsts][same]], axis=1))
    pairs = np.concatenate(found)
    return pairs[np.argsort(pairs[:, 0])]


def good_lines(path: Path, scanned: Scan, duplicate: Callable[[int, int, bytes], None]) -> Iterator[bytes]:
    """The lines of the good rows, without line end and byte order mark. `duplicate`: called for repeated ids.

    Raises: UserError where the file has changed since it was scanned.
    """
    left, repeated, count = map(int, scanned.left_out), scanned.repeated[:, 0], 0
    skip = next(left, 0)
    for number, line in numbered_lines(path, lambda *_: None):
        while skip and skip < number:
            skip = next(left, 0)
        if number != skip:
            count += 1
            yield line.rstrip(b"\r\n").removeprefix(b"\xef\xbb\xbf")
        elif (place := np.searchsorted(repeated, number)) < len(repeated) and repeated[place] == number:
            duplicate(number, int(scanned.repeated[place, 1]), line)
    if count != scanned.rows or sha256(path) != scanned.sha256:
        raise UserError(f"{path}: changed while it was read: start again")
