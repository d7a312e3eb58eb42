"""Length ratios of the two sides, and truncated answers."""

import re
from collections.abc import Iterable, Sequence

import numpy as np

from deepsuper.common.arrays import Floats
from deepsuper.config.check import CheckConfig
from deepsuper.data.check.findings import Found
from deepsuper.data.rows import Row

SMOOTHING = 16
"""Bytes added to both lengths: the ratio of short texts varies much."""
MAX_BINS = 10
"""Rows are compared with rows of similar length, in this many bins at most."""
LEAST_IN_BIN = 100
"""Rows of a bin."""
MIN_ROWS = 30
"""With fewer rows a file has no usual ratio."""
MIN_SPREAD = 0.15
"""The least standard deviation of log ratios: in a uniform file small differences are no reason to flag a row."""
SHORTER = -1.5
"""Robust standard deviations from which an answer that stops in mid-sentence was truncated."""
ENDINGS = re.compile(r"[.!?…。！？؟۔।:：;；)\]}）】」』\"'”’》`>*|~]$")
SENTENCE_END = re.compile(r"[.!?…。！？؟۔।][)\]）】」』\"'”’》*]*$")
GOES_ON = re.compile(r"[,，、،]$")
TAIL = 40
"""Characters at the end of an answer that are looked at."""
PROSE = 60
"""Characters from which an answer is prose, which ends with a sentence."""


def measured(text: str) -> int:
    """The length in UTF-8 bytes: a Chinese character, three bytes, says about as much as three English letters."""
    return len(text.encode("utf-8", "surrogatepass"))


def log_ratios(english: Sequence[int], target: Sequence[int]) -> Floats:
    """log (target + s) / (English + s). Shape: (N,)."""
    ratios: Floats = np.log((np.array(target, float) + SMOOTHING) / (np.array(english, float) + SMOOTHING))
    return ratios


def robust_distances(values: Floats, lengths: Sequence[int]) -> Floats:
    """Each value's distance from the median of values of similar length, in robust standard deviations."""
    distances = np.zeros(len(values))
    order = np.argsort(np.array(lengths), kind="stable")
    for part in np.array_split(order, max(1, min(MAX_BINS, len(values) // LEAST_IN_BIN))):
        middle = np.median(values[part])
        spread = 1.4826 * np.median(np.abs(values[part] - middle))
        distances[part] = (values[part] - middle) / max(spread, MIN_SPREAD)
    return distances


def side_lengths(row: Row) -> tuple[tuple[str, int, int], tuple[str, int, int]]:
    """(name, English, target): the lengths of the whole prompt and of the whole answer."""
    prompt = measured(row.instruction_en) + measured(row.input_en), measured(row.instruction) + measured(row.input)
    return ("prompt", *prompt), ("answer", measured(row.output_en), measured(row.output))


def side_distances(rows: Sequence[Row], side: int) -> Floats:
    """The robust distances of the length ratios of prompts (0) or answers (1) from the usual ratio."""
    lengths = [side_lengths(row)[side] for row in rows]
    english = [english for _, english, _ in lengths]
    return robust_distances(log_ratios(english, [target for _, _, target in lengths]), english)


def length_ratio(rows: Sequence[Row], config: CheckConfig) -> Iterable[Found]:
    """Rows with a prompt or an answer that is far longer or shorter than usual for its English version."""
    if len(rows) < MIN_ROWS:
        return
    found: dict[int, str] = {}
    for side in (0, 1):
        distances = side_distances(rows, side)
        for n in np.flatnonzero(np.abs(distances) > config.length_distance).tolist():
            name, english, target = side_lengths(rows[n])[side]
            found.setdefault(n, f"{name}: {english} English bytes, {target} others ({distances[n]:+.1f} sd)")
    yield from (Found(n, detail) for n, detail in sorted(found.items()))


def truncated(rows: Sequence[Row], config: CheckConfig) -> Iterable[Found]:
    """Rows with an answer that stops in mid-sentence, and is shorter than usual, while the other side is complete."""
    distances = side_distances(rows, 1) if len(rows) >= MIN_ROWS else np.zeros(len(rows))
    for n, row in enumerate(rows):
        if min(len(row.output_en), measured(row.output)) < PROSE:
            continue
        english, target = row.output_en.rstrip()[-TAIL:], row.output.rstrip()[-TAIL:]
        for name, text, other, sign in (("target", target, english, 1), ("English", english, target, -1)):
            if SENTENCE_END.search(other) and (
                GOES_ON.search(text) or (not ENDINGS.search(text) and sign * distances[n] < SHORTER)
            ):
                yield Found(n, f"{name} answer ends with {text[-30:]!r}, the other with {other[-20:]!r}")
                break
