"""Lengths of both sides, and answers that end too early."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np

from deepsuper.config.check import CheckConfig
from deepsuper.data.check.findings import Found, Numbers
from deepsuper.data.rows import Row

SMOOTH = 16
"""Bytes added to both lengths: the ratio of short texts says little."""
LEAST_IN_BIN, BINS = 100, 10
LEAST_ROWS = 30
"""Rows below which no file has a usual ratio."""
LEAST_SPREAD = 0.15
SHORTER = -1.5
"""Robust standard deviations: what ends in mid-sentence and is this much shorter was cut off."""
ENDINGS = re.compile(r"[.!?…。！？؟۔।:：;；)\]}）】」』\"'”’》`>*|~]$")
SENTENCE_END = re.compile(r"[.!?…。！？؟۔।][)\]）】」』\"'”’》*]*$")
GOES_ON = re.compile(r"[,，、،]$")
TAIL = 40
LONG = 60
"""Letters of English from which an answer is prose that has an end."""


def measured(text: str) -> int:
    """Its length in UTF-8 bytes: a Chinese character weighs about as much English as its three bytes, code the same."""
    return len(text.encode("utf-8", "surrogatepass"))


def log_ratios(english: Sequence[int], target: Sequence[int]) -> Numbers:
    """log (target + s) / (English + s). Shape: (N,)."""
    ratios: Numbers = np.log((np.array(target, float) + SMOOTH) / (np.array(english, float) + SMOOTH))
    return ratios


def robust_distances(values: Numbers, lengths: Sequence[int]) -> Numbers:
    """Each value's distance from the median of values of about the same length, in robust standard deviations."""
    distances = np.zeros(len(values))
    order = np.argsort(np.array(lengths), kind="stable")
    for part in np.array_split(order, max(1, min(BINS, len(values) // LEAST_IN_BIN))):
        middle = np.median(values[part])
        spread = 1.4826 * np.median(np.abs(values[part] - middle))
        distances[part] = (values[part] - middle) / max(spread, LEAST_SPREAD)
    return distances


def side_lengths(row: Row) -> tuple[tuple[str, int, int], tuple[str, int, int]]:
    """(name, English, target): the lengths of the whole prompt and of the whole answer."""
    prompt = measured(row.instruction_en) + measured(row.input_en), measured(row.instruction) + measured(row.input)
    return ("prompt", *prompt), ("answer", measured(row.output_en), measured(row.output))


def side_distances(rows: Sequence[Row], side: int) -> Numbers:
    """The robust distances of the prompts' (0) or the answers' (1) ratios from the usual one."""
    lengths = [side_lengths(row)[side] for row in rows]
    english = [english for _, english, _ in lengths]
    return robust_distances(log_ratios(english, [target for _, _, target in lengths]), english)


def length_ratio(rows: Sequence[Row], config: CheckConfig) -> Iterable[Found]:
    """Rows with a prompt or an answer far longer or shorter than usual against its English."""
    if len(rows) < LEAST_ROWS:
        return
    found: dict[int, str] = {}
    for side in (0, 1):
        distances = side_distances(rows, side)
        for n in np.flatnonzero(np.abs(distances) > config.length_distance).tolist():
            name, english, target = side_lengths(rows[n])[side]
            found.setdefault(n, f"{name}: {english} English bytes, {target} others ({distances[n]:+.1f} sd)")
    yield from (Found(n, detail) for n, detail in sorted(found.items()))


def truncated(rows: Sequence[Row], config: CheckConfig) -> Iterable[Found]:
    """Rows with an answer that stops in mid-sentence, and is shorter than usual, where the other side goes on."""
    distances = side_distances(rows, 1) if len(rows) >= LEAST_ROWS else np.zeros(len(rows))
    for n, row in enumerate(rows):
        if min(len(row.output_en), measured(row.output)) < LONG:
            continue
        english, target = row.output_en.rstrip()[-TAIL:], row.output.rstrip()[-TAIL:]
        for name, text, other, sign in (("target", target, english, 1), ("English", english, target, -1)):
            if SENTENCE_END.search(other) and (
                GOES_ON.search(text) or (not ENDINGS.search(text) and sign * distances[n] < SHORTER)
            ):
                yield Found(n, f"{name} answer ends with {text[-30:]!r}, the other with {other[-20:]!r}")
                break
