"""Official downloads -> DATA_DIR/BENCHMARK/LANGUAGE.jsonl: which file of a download holds a language, and its rows."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deepsuper.common.errors import UserError, Where
from deepsuper.common.files import write_json_lines
from deepsuper.common.lines import Located
from deepsuper.common.outputs import check_folder
from deepsuper.evaluation.benchmarks import BENCHMARKS, Row
from deepsuper.evaluation.official.readers import READERS, paired_lines
from deepsuper.evaluation.official.rows import ROWS
from deepsuper.evaluation.official.sources import Member, members

log = logging.getLogger("deepsuper")

CODE = r"[a-z]{2}|[a-z]{3}_[A-Z][a-z]{3}"
IDS = ("id", "pairID", "InputStoryid", "story_id", "example_id")


@dataclass(frozen=True)
class Official:
    """Where a benchmark's rows are. `files`: patterns of names, the best first; LANG is the language's code there.

    A name without LANG is of a file for all languages, or, in `english`, of one for English alone.
    """

    files: tuple[str, ...]
    english: tuple[str, ...] = ()
    codes: Mapping[str, str] = field(default_factory=dict)


OFFICIAL: dict[str, Official] = {
    "xquad": Official((r"xquad\.LANG\.jsonl?", r"xquad\.LANG/validation-[^/]*\.parquet")),
    "mlqa": Official((r"test-context-LANG-question-LANG\.json",)),
    "mkqa": Official((r"(test_)?mkqa(_test_fixture)?\.jsonl",)),
    "truthfulqa": Official(
        (r"LANG/val\.jsonl", r"LANG/val-[^/]*\.parquet", r"LANG_validation\.json"), english=(r"mc_task\.json",)
    ),
    "xnli": Official((r"xnli\.dev\.tsv", r"xnli\.dev\.jsonl", r"LANG/validation-[^/]*\.parquet")),
    # The official repository has data-gmt/ too: machine translations into English, under the same names.
    "xcopa": Official((r"data/LANG/test\.LANG\.jsonl", r"test\.LANG\.jsonl", r"LANG/test-[^/]*\.parquet")),
    "xstorycloze": Official((r"spring2016\.val\.LANG\.tsv\.split_20_80_eval\.tsv",)),
    # The test split where it is there: it is what the harness scores.
    "mmlu": Official(
        (
            r"LANG/test\.jsonl", r"LANG/test-[^/]*\.parquet", r"LANG_test\.json", r"m?_?mmlu\.test\.LANG\.jsonl",
            r"test\.LANG\.jsonl", r"mmlu_LANG-[a-z]{2}\.csv",
            r"LANG/val\.jsonl", r"LANG/val-[^/]*\.parquet", r"LANG_val\.json", r"m_mmlu\.val\.LANG\.jsonl",
        ),
        english=(r"test/[a-z_]+_test\.csv", r"[a-z_]+_test\.csv", r"mmlu\.csv"),
    ),
    "flores": Official(
        (r"devtest/LANG\.devtest", r"LANG\.devtest", r"flores_devtest\.en-LANG\.jsonl", r"flores_sib200\.jsonl"),
        codes={"zh": "zho_Hans", "vi": "vie_Latn", "ar": "arb_Arab", "en": "eng_Latn"},
    ),
}  # fmt: skip


def convert(benchmark: str, source: Path, data_dir: Path, languages: Sequence[str]) -> dict[Path, int]:
    """Files written, and the rows of each. Raises: UserError as `read_official`, before any file is written."""
    if not languages:
        raise UserError("languages: need one or more")
    check_folder("data_dir", data_dir / benchmark)
    read = {language: read_official(benchmark, source, language) for language in dict.fromkeys(languages)}
    written = {}
    for language, rows in read.items():
        path = data_dir / benchmark / f"{language}.jsonl"
        write_json_lines(path, rows)
        written[path] = len(rows)
    return written


def read_official(benchmark: str, source: Path, language: str) -> list[Row]:
    """The rows of a benchmark in a language, with the local layout's fields and an `id`.

    `source`: the file, folder or archive that was downloaded. Raises: UserError naming file, line and remedy.
    """
    if benchmark not in OFFICIAL:
        raise UserError(f"benchmark: need one of {', '.join(OFFICIAL)}, got {benchmark!r}")
    if not re.fullmatch(CODE, language) or (benchmark, language) == ("flores", "en"):
        raise UserError(f"languages: need codes such as zh, vi, ar for {benchmark}, got {language!r}")
    with members(source) as found:
        pattern, chosen = _choose(benchmark, source, found, language)
        names = ", ".join(member.where for member in chosen[:3]) + (" ..." if len(chosen) > 3 else "")
        named = "LANG" in pattern or pattern in OFFICIAL[benchmark].english
        rows = checked_rows(benchmark, _records(found, chosen), language, names, named=named)
    log.info("%s, %s: %d rows of %s", benchmark, language, len(rows), names)
    if benchmark == "mmlu" and "val" in pattern:
        log.warning("mmlu, %s: these are validation rows: %s has no test split", language, source)
    return rows


def _patterns(benchmark: str, language: str | None) -> list[str]:
    official = OFFICIAL[benchmark]
    local = (rf"{benchmark}/LANG\.jsonl", rf"{benchmark}\.LANG\.jsonl", r"LANG\.jsonl")
    return [
        *official.files,
        *(p for p in local if p not in official.files),
        *(official.english if language == "en" else ()),
    ]


def _fits(pattern: str, code: str, found: Sequence[Member]) -> list[tuple[Member, str]]:
    """The files whose names fit, and the language in each."""
    first, _, rest = pattern.partition("LANG")
    whole = first + (code + rest.replace("LANG", "(?P=lang)") if "LANG" in pattern else "")
    matches = ((member, re.fullmatch(rf"(?:.*/)?{whole}", member.name, re.IGNORECASE)) for member in found)
    return [(member, match.groupdict().get("lang") or "") for member, match in matches if match]


def _choose(benchmark: str, source: Path, found: Sequence[Member], language: str) -> tuple[str, list[Member]]:
    """The first pattern that fits a file, and its files. Raises: UserError telling what the source has."""
    codes = OFFICIAL[benchmark].codes
    for pattern in _patterns(benchmark, language):
        chosen: list[Member] = []
        for code in dict.fromkeys((codes.get(language, language), language)):
            chosen = chosen or [member for member, _ in _fits(pattern, f"(?P<lang>{re.escape(code)})", found)]
        names = [member.name.rpartition("/")[2] for member in chosen]
        for n, name in enumerate(names):
            if name in names[:n]:
                raise UserError(
                    f"{source}: {chosen[names.index(name)].name} and {chosen[n].name} both fit: name the right file"
                )
        if chosen:
            return pattern, chosen
    back = {code: name for name, code in codes.items()}
    has = {back.get(c, c) for p in _patterns(benchmark, None) for _, c in _fits(p, f"(?P<lang>{CODE})", found) if c}
    has |= {"en" for p in OFFICIAL[benchmark].english if _fits(p, "", found)}
    if has := has - ({"en"} if benchmark == "flores" else set()):
        raise UserError(f"{source}: no {benchmark} in {language!r}: it has {', '.join(sorted(has))}")
    code = codes.get(language, language)
    without = [re.sub(r"(\([^)]*\)|.)\?", "", p) for p in OFFICIAL[benchmark].files[:3] if "[" not in p]
    plain = [p.replace("\\", "") for p in without]
    shown = [name.replace("en-LANG", f"en-{language}").replace("LANG", code) for name in plain]
    raise UserError(f"{source}: no file of {benchmark}: need one named such as {' or '.join(shown)}")


def _records(found: Sequence[Member], chosen: Sequence[Member]) -> Iterator[Located]:
    for member in chosen:
        if member.name.endswith(".devtest"):
            name = member.name.rpartition("/")[0] + "/eng_Latn.devtest"
            english = [other for other in found if f"/{other.name}".endswith(f"/{name.removeprefix('/')}")]
            if not english:
                raise UserError(f"{member.where}: no eng_Latn.devtest beside it: name the folder that holds both")
            yield from paired_lines(member, english[0])
            continue
        yield from next(reader for ending, reader in READERS.items() if member.name.lower().endswith(ending))(member)


def checked_rows(benchmark: str, records: Iterator[Located], language: str, names: str, *, named: bool) -> list[Row]:
    """The rows of a benchmark with the local layout's fields, every value checked. Raises: UserError naming the place.

    `named`: the file's name tells the language; else each record must. An id that is missing is the row's place.
    """
    rows: list[Row] = []
    seen: dict[str, Where] = {}
    others: set[str] = set()
    not_devtest = 0
    for where, record in records:
        if not named and record.get("language", language) != language:
            others.add(str(record["language"]))
            continue
        if record.get("devtest_id", 0) is None:
            not_devtest += 1
            continue
        try:
            if not named and not record.keys() & {"language", "queries", "en"}:
                raise UserError(f"tells no language, nor does the file's name: name the file {language}.jsonl")
            key = _key(benchmark, record, len(rows))
            if key in seen:
                raise UserError(f"id {key!r} is also at {seen[key]}: need each id once")
            rows.append({"id": key, **ROWS[benchmark](record, language)})
        except KeyError as error:
            needs = f"{benchmark} needs {', '.join(BENCHMARKS[benchmark].fields)} (see `deepsuper data layout`)"
            raise UserError(f"{where}: has no field {error.args[0]!r}: {needs}") from error
        except (ValueError, TypeError, AttributeError) as error:
            raise UserError(f"{where}: {error}") from error
        seen[key] = where
    if not_devtest:
        log.warning("%s, %s: %d rows left out: they are not sentences of devtest", benchmark, language, not_devtest)
    if not rows:
        raise UserError(
            f"{names}: no row in {language!r}" + (f": it has {', '.join(sorted(others))}" if others else "")
        )
    return rows


def _key(benchmark: str, record: Mapping[str, object], place: int) -> str:
    """The row's id as text; one name for a FLORES sentence, whichever file it is from."""
    if benchmark == "flores":
        key = record.get("devtest_id", record.get("id", place))
    else:
        named = (record[name] for name in IDS if record.get(name) not in (None, ""))
        key = next(named, f"{benchmark}-{record.get('idx', place)}")
    if isinstance(key, bool) or not isinstance(key, str | int):
        raise UserError(f"id is {key!r}: need a string or a whole number")
    return f"flores-devtest-{key}" if benchmark == "flores" and str(key).isdigit() else str(key)
