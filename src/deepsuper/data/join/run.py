"""`deepsuper data join`: two sides in, joined rows, rows set aside and a manifest out."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from deepsuper.common.errors import UserError
from deepsuper.common.files import sha256, write_json, write_json_lines
from deepsuper.common.languages import TRANSLATE, is_code, nearest_code
from deepsuper.common.manifests import manifest_head
from deepsuper.common.outputs import check_file, check_not_read, check_own
from deepsuper.common.ranges import Range, check_ranges
from deepsuper.config.join import JoinConfig
from deepsuper.data.join.pairs import NoMatch, Pairing, Sides, align_sides, pair_by_alignment, pair_by_id, pair_by_order
from deepsuper.data.join.readers import READERS
from deepsuper.data.join.rows import check_complete, joined_rows, pairs_by_how, rows_aside
from deepsuper.data.join.side import Side, read_side

log = logging.getLogger("deepsuper")
SHARED_IDS = 0.5
"""The share of the smaller side's rows whose ids the other has from which `auto` joins by id."""
FEW = 300
"""Pairs below which an expected precision is said to be rough."""
FORMATS = ("auto", *READERS)


def run_join(config: JoinConfig, command: Sequence[str]) -> Pairing:
    """Reads, checks, pairs, prints, and writes OUTPUT, its rows set aside and its manifest.

    Raises: UserError naming option, file, line and remedy, before anything is written.
    """
    check_ranges(_ranges(config))
    _check_output(config)
    english, target = _read_sides(config)
    _check_sides(english, target, config)
    pairing = pair(Sides(english, target, config.seed, config.compare), config)
    check_complete(pairing, english, target)
    write(pairing, english, target, config, command)
    print("\n".join(summary(pairing, english, target)))
    return pairing


def _read_sides(config: JoinConfig) -> tuple[Side, Side]:
    english = read_side(config.en, "en", config.format_en, config.split, config.subset_en)
    target = read_side(config.tgt, config.language, config.format_tgt, config.split, config.subset_tgt)
    told = config.format_en, config.format_tgt
    if config.en == config.tgt and told == ("auto", "auto") and english.format == "two-columns":
        return _read_sides(replace(config, format_en="sentence-pairs", format_tgt="sentence-pairs"))
    return english, target


def pair(sides: Sides, config: JoinConfig) -> Pairing:
    """The pairs, by the way that was asked for; `auto` tries them from the surest on."""
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


def _share_ids(english: Side, target: Side) -> bool:
    ours, theirs = ({e.key for e in side.entries if e.key is not None} for side in (english, target))
    fewest = min(len(english.entries), len(target.entries))
    return bool(ours & theirs) and len(ours & theirs) >= SHARED_IDS * fewest


def _ranges(config: JoinConfig) -> Iterator[Range]:
    code = is_code(config.language) and config.language != "en"
    such = nearest_code(config.language).replace("en", "zh")
    yield "lang", config.language, f"a language code such as {such}, other than en", code
    for name in ("format_en", "format_tgt"):
        value = getattr(config, name)
        yield name, value, f"one of {', '.join(FORMATS)}", value in FORMATS
    yield "seed", config.seed, "0 <= seed < 2**32", 0 <= config.seed < 2**32
    output = Path(config.output)
    yield "output", config.output, "the name of a file that ends in .jsonl", output.suffix in (".jsonl", ".json")


def _check_output(config: JoinConfig) -> None:
    """Raises: UserError where the three files would be written over what is read or no join made, or cannot be."""
    files = written_files(Path(config.output))
    check_not_read("output", files, [Path(config.en), Path(config.tgt)])
    for path in files:
        check_file("output", path)
    check_own("output", files[:2], files[2], "pairs", "join")


def written_files(output: Path) -> tuple[Path, Path, Path]:
    """The joined rows, the rows set aside, the manifest."""
    return output, output.with_name(f"{output.stem}.aside.jsonl"), output.with_name(f"{output.stem}.manifest.json")


def _check_sides(english: Side, target: Side, config: JoinConfig) -> None:
    if english.sentences != target.sentences:
        raise UserError(
            f"{english.source} was read as {english.format}, {target.source} as {target.format}: "
            "need sentences on both sides or instructions on both: name them with --format_en, --format_tgt"
        )
    if english.sentences and config.sentences == "translate" and config.language not in TRANSLATE:
        raise UserError(
            f"lang {config.language!r}: the instruction to translate is there for {', '.join(TRANSLATE)}: "
            "write the sentences beside each other with --sentences plain"
        )
    same = sum(
        a.row is not None
        and b.row is not None
        and (a.row.instruction, a.row.output) == (b.row.instruction, b.row.output)
        for a, b in zip(english.entries, target.entries, strict=False)
    )
    if same > min(len(english.entries), len(target.entries)) / 2:
        raise UserError(
            f"{english.source} and {target.source} hold the same texts: --en and --tgt need one set in two languages"
        )


def write(pairing: Pairing, english: Side, target: Side, config: JoinConfig, command: Sequence[str]) -> None:
    """Writes the three files, each aside and renamed."""
    rows, aside, manifest = written_files(Path(config.output))
    write_json_lines(aside, rows_aside(pairing, english, target))
    write_json_lines(rows, joined_rows(pairing, english, target, config.sentences))
    write_json(manifest, _manifest(pairing, english, target, config, command))


def _manifest(
    pairing: Pairing, english: Side, target: Side, config: JoinConfig, command: Sequence[str]
) -> dict[str, Any]:
    return {
        **manifest_head(command, "written"),
        "language": config.language,
        "by": config.by,
        "compare": config.compare,
        "seed": config.seed,
        "inputs": {
            name: {
                "source": side.source,
                "sha256": sha256(Path(side.source)) if Path(side.source).is_file() else None,
                "format": side.format,
                "rows": len(side.entries),
                "aside": len(aside),
            }
            for name, side, aside in (("en", english, pairing.aside_en), (config.language, target, pairing.aside_tgt))
        },
        "pairs": pairs_by_how(pairing.pairs),
        "threshold": pairing.threshold,
        "expected_wrong": pairing.wrong,
        "low_scores": pairing.low,
    }


def summary(pairing: Pairing, english: Side, target: Side) -> list[str]:
    """What was paired, how, how sure that is, and what was not."""
    ways = ", ".join(
        f"{count} by {way}" if way != "moved" else f"{count} moved"
        for way, count in pairs_by_how(pairing.pairs).items()
    )
    lines = [
        f"{len(pairing.pairs)} pairs of {len(english.entries)} English and {len(target.entries)} {target.language} rows"
        f" (read as {english.format}, {target.format})" + (f": {ways}" if ways else "")
    ]
    if pairing.wrong and pairing.pairs:
        wrong = sum(pairing.wrong.values())
        parts = ", ".join(f"{value:.1f} {way}" for way, value in pairing.wrong.items())
        rough = "" if len(pairing.pairs) >= FEW else ": a rough guess from so few rows"
        lines.append(
            f"expected to be wrong: {wrong:.1f} ({parts}), precision {1 - wrong / len(pairing.pairs):.2%}{rough}"
        )
    elif pairing.threshold is not None:
        lines.append(
            f"{pairing.low} of them score like pairs that do not belong together (below {pairing.threshold:.2f})"
        )
    elif pairing.pairs:
        lines.append("how sure that is cannot be said: too few rows to learn from")
    for language, aside in (("English", pairing.aside_en), (target.language, pairing.aside_tgt)):
        kinds = Counter(reason.kind for reason in aside.values())
        told = "".join(f"; {count}: {kind}" for kind, count in kinds.most_common(4))
        lines.append(f"set aside: {len(aside)} {language} rows{told}")
    return lines
