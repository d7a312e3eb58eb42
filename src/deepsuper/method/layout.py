"""Where the rows of a batch lie: each in a sequence of its own, or several in one (packing).

A sequence holds the texts of its rows side by side, each kind in columns of its own: [trunk | english | et | lc]. So
a kind of text can leave a pass as a whole. Packing changes no loss and no gradient: a row sees itself alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch

Text = Literal["trunk", "english", "et", "lc"]
WIDTH = 256
"""How wide a sequence of several rows is meant to be, in tokens. Wider ones have less padding, and more attention to
what is masked."""
PADDING = -1
"""The row of a column that belongs to none."""


@dataclass(frozen=True)
class Layout:
    """The sequence of each row, and for each kind of text the first column of each row among those of its kind."""

    sequences: tuple[int, ...]
    starts: Mapping[Text, tuple[int, ...]]
    packed: bool = False
    """Whether some sequence has several rows."""

    @classmethod
    def of(cls, lengths: Mapping[Text, Sequence[int]], *, pack: bool) -> "Layout":
        """Lays out rows whose texts have `lengths`, in tokens: each row alone, or packed where that saves columns."""
        rows = list(zip(*lengths.values(), strict=True))
        alone = cls(tuple(range(len(rows))), {text: (0,) * len(rows) for text in lengths})
        if not pack:
            return alone
        wide = max(WIDTH, *map(sum, rows))
        most = -(-sum(map(sum, rows)) // wide)
        packed = [_pack(lengths, count) for count in range(max(1, most * 3 // 4), min(most, len(rows) - 1) + 1)]
        return min([alone, *packed], key=lambda layout: layout.size(lengths))

    def size(self, lengths: Mapping[Text, Sequence[int]]) -> int:
        """How many columns all sequences have together, with padding."""
        ends = (
            [start + n for start, n in zip(self.starts[text], of_text, strict=True)]
            for text, of_text in lengths.items()
        )
        return (max(self.sequences) + 1) * sum(max([1, *each]) for each in ends)

    def fill(self, text: Text, parts: Sequence[Sequence[int]], value: int) -> torch.Tensor:
        """What each row has in its columns of one kind, and `value` elsewhere. Shape: (sequences, at least 1)."""
        starts = self.starts[text]
        lines: list[list[int]] = [[] for _ in range(max(self.sequences) + 1)]
        placed = zip(self.sequences, starts, parts, strict=True)
        for sequence, start, part in sorted(placed, key=lambda each: (each[0], each[1], len(each[2]))):
            assert len(lines[sequence]) == start, "the rows of a sequence lie side by side"
            lines[sequence] += part
        width = max([1, *map(len, lines)])
        return torch.tensor([[*line, *[value] * (width - len(line))] for line in lines], dtype=torch.long)

    def rows(self, text: Text, parts: Sequence[Sequence[int]]) -> torch.Tensor:
        """The row of each column of one kind, PADDING for none. Shape: (sequences, at least 1)."""
        return self.fill(text, [[row] * len(part) for row, part in enumerate(parts)], PADDING)


def _pack(lengths: Mapping[Text, Sequence[int]], count: int) -> Layout:
    """Rows in `count` sequences: the longest first, each where the fullest kind of text stays least full."""
    totals = [max(1, sum(of_text)) for of_text in lengths.values()]
    rows = list(zip(*lengths.values(), strict=True))
    filled = [[0] * len(totals) for _ in range(count)]
    sequences, starts = [0] * len(rows), [[0] * len(rows) for _ in totals]

    def fullest(sequence: int, row: tuple[int, ...]) -> float:
        return max((used + n) / total for used, n, total in zip(filled[sequence], row, totals, strict=True))

    for number in sorted(range(len(rows)), key=lambda n: -sum(rows[n])):
        row = rows[number]
        sequence = min(range(count), key=lambda s: fullest(s, row))
        sequences[number] = sequence
        for text, length in enumerate(row):
            starts[text][number] = filled[sequence][text]
            filled[sequence][text] += length
    return Layout(tuple(sequences), {text: tuple(starts[n]) for n, text in enumerate(lengths)}, packed=True)
