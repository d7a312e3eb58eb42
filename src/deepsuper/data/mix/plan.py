"""The plan of a mix: for each source how many rows, to which file, with which changes."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from deepsuper.common.errors import UserError
from deepsuper.config.mix import MixConfig, MixSource
from deepsuper.data.mix.distribute import RowChanges
from deepsuper.data.mix.quotas import Sampler, Stock, quotas
from deepsuper.data.mix.scan import Scan


@dataclass(frozen=True)
class SourcePlan:
    """One source: `quota` rows of it, copies of `taken` different ones, go to `file`."""

    source: MixSource
    scan: Scan
    file: str
    taken: int
    quota: int
    changes: RowChanges

    @property
    def bytes_out(self) -> int:
        """The number of bytes that it gives, roughly."""
        return self.scan.size * self.quota // self.scan.rows

    def sampler(self, rng: random.Random) -> Sampler:
        """Chooses the rows."""
        return Sampler(self.scan.rows, self.taken, self.quota, rng)


def make_plan(config: MixConfig, scans: Sequence[Scan]) -> list[SourcePlan]:
    """The plan for every source. Raises: UserError where the mix would have no rows."""
    stocks = [
        Stock(source.language, scan.rows, source.weight, source.cap)
        for source, scan in zip(config.sources, scans, strict=True)
    ]
    shares = quotas(stocks, temperature=config.temperature, total=config.rows)
    if not sum(shares):
        raise UserError(f"rows: the weights leave none of {sum(s.rows for s in stocks)} rows: raise them, or set rows")
    files = [file_of(config, source) for source in config.sources]
    sharing = Counter(files)
    return [
        SourcePlan(
            source,
            scan,
            file,
            stock.taken,
            quota,
            RowChanges(
                source=source.named if sharing[file] > 1 else None,
                language=source.language if config.layout == "one" else None,
                copies=quota > stock.taken,
            ),
        )
        for source, scan, file, stock, quota in zip(config.sources, scans, files, stocks, shares, strict=True)
    ]


def file_of(config: MixConfig, source: MixSource) -> str:
    """The name of the file for the rows of a source."""
    return "rows.jsonl" if config.layout == "one" else f"{source.language}.jsonl"
