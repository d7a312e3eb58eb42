"""What a translation writes beside its rows, and prints."""

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from deepsuper.common.files import sha256, write_json
from deepsuper.config.translate import TranslateConfig
from deepsuper.data.translate.check import Files
from deepsuper.data.translate.job import Translated

log = logging.getLogger("deepsuper")


def write_manifest(
    config: TranslateConfig, files: Files, maker: str, done: Translated, head: Mapping[str, Any]
) -> None:
    """Writes the settings, the hashes of the files and the counts. `head`: how every manifest begins."""
    manifest = {
        **head,
        "config": asdict(config),
        "maker": json.loads(maker),
        "files": {str(path): sha256(path) for path in (files.source, files.output, files.aside)},
        "rows_in": done.rows_out + done.rows_aside,
        "rows_out": done.rows_out,
        "rows_aside": done.rows_aside,
        "rows_whole": done.whole,
        "reasons": dict(done.reasons.most_common()),
        "texts_translated": done.texts,
        "texts_known": done.known,
    }
    write_json(files.manifest, manifest)


def print_translated(config: TranslateConfig, files: Files, done: Translated) -> None:
    """Prints the counts and the files. Warns where no row had anything to translate."""
    total = done.rows_out + done.rows_aside
    print(f"{total:,} rows in = {done.rows_out:,} out + {done.rows_aside:,} aside")
    print(f"{done.texts:,} texts translated now, {done.known:,} already known")
    for reason, count in done.reasons.most_common():
        print(f"  aside: {count:,} {reason}")
    print(f"{files.output}, {files.aside.name}, {files.manifest.name}")
    if done.rows_out and done.whole == done.rows_out:
        side = f"the {config.language} side" if config.to == "target" else "the English side"
        log.warning("%s: nothing was missing: all rows had %s already, whatever its language", files.source, side)
