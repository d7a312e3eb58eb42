"""How many rows of each source go into the mix."""

import random
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Stock:
    """A source: its good rows, and its options in the recipe."""

    language: str
    rows: int
    weight: float = 1.0
    cap: int | None = None

    @property
    def taken(self) -> int:
        """The number of different rows that are taken."""
        return self.rows if self.cap is None else min(self.rows, self.cap)


def quotas(stocks: Sequence[Stock], *, temperature: float = 1.0, total: int | None = None) -> list[int]:
    """The rows of each source in the mix. Their sum is `total`; without it, what the weights alone give.

    a_s = weight * taken rows of source s; A_l = sum of a_s over the sources of language l; p_l = A_l^(1/T) / sum of
    A^(1/T) over languages; source s gives total * p_l * a_s / A_l rows, rounded by largest remainders.
    """
    amounts = [stock.weight * stock.taken for stock in stocks]
    sums: dict[str, float] = {}
    for stock, amount in zip(stocks, amounts, strict=True):
        sums[stock.language] = sums.get(stock.language, 0.0) + amount
    # Powers of shares: powers of numbers of rows would overflow at low temperatures.
    powers = {language: (a / sum(amounts)) ** (1 / temperature) for language, a in sums.items()}
    size = round(sum(amounts)) if total is None else total
    exact = [
        size * powers[stock.language] / sum(powers.values()) * amount / sums[stock.language]
        for stock, amount in zip(stocks, amounts, strict=True)
    ]
    rows = [int(x) for x in exact]
    by_remainder = sorted(range(len(rows)), key=lambda n: rows[n] - exact[n])
    for n in by_remainder[: size - sum(rows)]:
        rows[n] += 1
    return rows


class Sampler:
    """The number of copies of each row of a source, row after row: `quota` copies of `taken` different rows in all.

    Selection sampling (Knuth, The Art of Computer Programming 3.4.2, algorithm S): all choices of rows are equally
    likely, in one pass and in constant memory.
    """

    def __init__(self, rows: int, taken: int, quota: int, rng: random.Random) -> None:
        self._rng = rng
        self._rows, self._taken = rows, min(taken, quota)
        self._whole, self._extra = divmod(quota, self._taken) if self._taken else (0, 0)

    def copies(self) -> int:
        """The number of copies of the next row."""
        rows, self._rows = self._rows, self._rows - 1
        if self._rng.random() * rows >= self._taken:
            return 0
        taken, self._taken = self._taken, self._taken - 1
        if self._rng.random() * taken >= self._extra:
            return self._whole
        self._extra -= 1
        return self._whole + 1
