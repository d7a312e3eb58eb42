"""What a join writes and prints: the joined rows, the rows set aside, the manifest, and a summary."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from deepsuper.common.files import sha256, write_json, write_json_lines
from deepsuper.common.manifests import manifest_head
from deepsuper.config.join import JoinConfig
from deepsuper.data.join.check import written_files
from deepsuper.data.join.pairing import Pairing
from deepsuper.data.join.rows import joined_rows, pairs_by_how, rows_aside
from deepsuper.data.join.side import LanguageSide

ROUGH = 300
"""Pairs below which an expected precision is called rough."""


def write(
    pairing: Pairing, english: LanguageSide, target: LanguageSide, config: JoinConfig, command: Sequence[str]
) -> None:
    """Writes the three files, each aside and renamed."""
    joined, left_out, manifest = written_files(Path(config.output))
    write_json_lines(left_out, rows_aside(pairing, english, target))
    write_json_lines(joined, joined_rows(pairing, english, target, config.sentences))
    record = {
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
    write_json(manifest, record)


def summary(pairing: Pairing, english: LanguageSide, target: LanguageSide) -> list[str]:
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
        rough = "" if len(pairing.pairs) >= ROUGH else ": a rough guess from so few rows"
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
