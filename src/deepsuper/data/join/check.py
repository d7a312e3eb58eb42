"""Every option of a join against its range, before a row is read; then whether the two sides can be joined."""

from collections.abc import Iterator
from pathlib import Path

from deepsuper.common.errors import UserError
from deepsuper.common.languages import TRANSLATE, is_code, nearest_code
from deepsuper.common.options import Range, check_ranges
from deepsuper.common.outputs import check_file, check_not_read, check_own
from deepsuper.config.join import JoinConfig
from deepsuper.data.join.formats import READERS
from deepsuper.data.join.side import LanguageSide

FORMATS = ("auto", *READERS)


def check_join(config: JoinConfig) -> None:
    """Raises: UserError naming the first option at fault, its value and its range.

    No file may be overwritten that is an input, or that is there and was not written by a join.
    """
    check_ranges(_ranges(config))
    files = written_files(Path(config.output))
    check_not_read("output", files, [Path(config.en), Path(config.tgt)])
    for path in files:
        check_file("output", path)
    check_own("output", files[:2], files[2], "pairs", "join")


def written_files(output: Path) -> tuple[Path, Path, Path]:
    """The joined rows, the rows set aside, the manifest."""
    return output, output.with_name(f"{output.stem}.aside.jsonl"), output.with_name(f"{output.stem}.manifest.json")


def check_sides(english: LanguageSide, target: LanguageSide, config: JoinConfig) -> None:
    """Raises: UserError where the sides are of different kinds, in one language, or cannot be written as asked."""
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
