"""`deepsuper data join`: two sides in, joined rows, rows set aside and a manifest out."""

import logging
from collections.abc import Sequence
from dataclasses import replace

from deepsuper.config.join import JoinConfig
from deepsuper.data.join.check import check_join, check_sides
from deepsuper.data.join.pairing import (
    NoMatch,
    Pairing,
    Sides,
    align_sides,
    pair_by_alignment,
    pair_by_id,
    pair_by_order,
)
from deepsuper.data.join.report import summary, write
from deepsuper.data.join.rows import check_complete
from deepsuper.data.join.side import LanguageSide, read_side
from deepsuper.data.packaged import rows_path

log = logging.getLogger("deepsuper")
SHARED_IDS = 0.5
"""`auto` joins by id where the other side has the ids of this share of the smaller side's rows."""


def run_join(config: JoinConfig, command: Sequence[str]) -> Pairing:
    """Reads, checks, pairs, prints, and writes OUTPUT, its rows set aside and its manifest.

    Raises: UserError naming option, file, line and remedy, before anything is written.
    """
    config = replace(config, en=str(rows_path(config.en, "en")), tgt=str(rows_path(config.tgt, "tgt")))
    check_join(config)
    english, target = _read_sides(config)
    check_sides(english, target, config)
    pairing = pair(Sides(english, target, config.seed, config.compare), config)
    check_complete(pairing, english, target)
    write(pairing, english, target, config, command)
    print("\n".join(summary(pairing, english, target)))
    return pairing


def _read_sides(config: JoinConfig) -> tuple[LanguageSide, LanguageSide]:
    english = read_side(config.en, "en", config.format_en, config.split, config.subset_en)
    target = read_side(config.tgt, config.language, config.format_tgt, config.split, config.subset_tgt)
    told = config.format_en, config.format_tgt
    if config.en == config.tgt and told == ("auto", "auto") and english.format == "two-columns":
        return _read_sides(replace(config, format_en="sentence-pairs", format_tgt="sentence-pairs"))
    return english, target


def pair(sides: Sides, config: JoinConfig) -> Pairing:
    """The pairs, by the way that `config.by` names; `auto` tries the ways, the most reliable first."""
    if config.by == "id":
        return pair_by_id(sides)
    if config.by == "order":
        return pair_by_order(sides)
    if config.by == "alignment":
        return pair_by_alignment(sides)
    if _share_ids(sides.english, sides.target):
        try:
            return pair_by_id(sides)
        except NoMatch as problem:
            log.warning("not by id: %s", problem)
    aligned = align_sides(sides)
    if len(sides.english.entries) == len(sides.target.entries):
        try:
            return pair_by_order(sides, aligned)
        except NoMatch as problem:
            log.warning("not by order: %s", problem)
    return pair_by_alignment(sides, aligned)


def _share_ids(english: LanguageSide, target: LanguageSide) -> bool:
    ours, theirs = ({e.key for e in side.entries if e.key is not None} for side in (english, target))
    fewest = min(len(english.entries), len(target.entries))
    return bool(ours & theirs) and len(ours & theirs) >= SHARED_IDS * fewest
