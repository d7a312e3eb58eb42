"""Official downloads -> DATA_DIR/BENCHMARK/LANGUAGE.jsonl: finds the file of a language and reads its rows."""

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from deepsuper.common.errors import UserError, Where, did_you_mean
from deepsuper.common.files import write_json_lines
from deepsuper.common.lines import Located
from deepsuper.common.outputs import check_folder
from deepsuper.evaluation.benchmarks import BENCHMARKS, Benchmark
from deepsuper.evaluation.official.readers import READERS, paired_lines
from deepsuper.evaluation.official.sources import Member, members

log = logging.getLogger("deepsuper")

CODE = r"[a-z]{2}|[a-z]{3}_[A-Z][a-z]{3}"


def convert(benchmark: str, source: Path, data_dir: Path, languages: Sequence[str]) -> dict[Path, int]:
    """The files that were written, and their numbers of rows. Raises: UserError as `read_official`, before writing."""
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


def read_official(name: str, source: Path, language: str) -> list[dict[str, Any]]:
    """The rows of a benchmark in a language, as in the local layout. Raises: UserError naming file, line and remedy."""
    if name not in BENCHMARKS:
        near = did_you_mean(name, BENCHMARKS)
        raise UserError(f"benchmark: need one of {', '.join(BENCHMARKS)}, got {name!r}{near}")
    benchmark = BENCHMARKS[name]
    if not re.fullmatch(CODE, language) or (benchmark.translates and language == "en"):
        raise UserError(f"languages: need codes such as zh, vi, ar for {name}, got {language!r}")
    with members(source) as found:
        pattern, chosen = _choose(benchmark, source, found, language)
        names = ", ".join(member.where for member in chosen[:3]) + (" ..." if len(chosen) > 3 else "")
        named = "LANG" in pattern or pattern in benchmark.download.english
        rows = checked_rows(benchmark, _records(found, chosen), language, names, named=named)
    log.info("%s, %s: %d rows of %s", name, language, len(rows), names)
    if pattern in benchmark.download.validation:
        log.warning("%s, %s: these are validation rows: %s has no test split", name, language, source)
    return rows


def _patterns(benchmark: Benchmark, language: str | None) -> list[str]:
    """The patterns of file names, the best first: the official ones, then those of the local layout."""
    download, name = benchmark.download, benchmark.name
    local = (rf"{name}/LANG\.jsonl", rf"{name}\.LANG\.jsonl", r"LANG\.jsonl")
    english = download.english if language == "en" else ()
    return list(dict.fromkeys((*download.files, *download.validation, *local, *english)))


def _fits(pattern: str, code: str, found: Sequence[Member]) -> list[tuple[Member, str]]:
    """The files whose names match, and the language in each name."""
    first, _, rest = pattern.partition("LANG")
    whole = first + (code + rest.replace("LANG", "(?P=lang)") if "LANG" in pattern else "")
    matches = ((member, re.fullmatch(rf"(?:.*/)?{whole}", member.name, re.IGNORECASE)) for member in found)
    return [(member, match.groupdict().get("lang") or "") for member, match in matches if match]


def _choose(benchmark: Benchmark, source: Path, found: Sequence[Member], language: str) -> tuple[str, list[Member]]:
    """The first pattern that matches a file, and the files that it matches. Raises: UserError as `_without` says."""
    codes = benchmark.download.codes
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
    raise UserError(f"{source}: {_without(benchmark, found, language)}")


def _without(benchmark: Benchmark, found: Sequence[Member], language: str) -> str:
    """Why a source has no file of a language, in words: the languages that it has, or the names it should have."""
    download = benchmark.download
    names = {code: name for name, code in download.codes.items()}
    patterns = _patterns(benchmark, None)
    has = {names.get(c, c) for p in patterns for _, c in _fits(p, f"(?P<lang>{CODE})", found) if c}
    has |= {"en" for p in download.english if _fits(p, "", found)}
    if has := has - ({"en"} if benchmark.translates else set()):
        return f"no {benchmark.name} in {language!r}: it has {', '.join(sorted(has))}"
    code = download.codes.get(language, language)
    plain = [re.sub(r"(\([^)]*\)|.)\?", "", p).replace("\\", "") for p in download.files[:3] if "[" not in p]
    shown = [name.replace("en-LANG", f"en-{language}").replace("LANG", code) for name in plain]
    return f"no file of {benchmark.name}: need one named such as {' or '.join(shown)}"


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


def checked_rows(
    benchmark: Benchmark, records: Iterator[Located], language: str, names: str, *, named: bool
) -> list[dict[str, Any]]:
    """The rows of a benchmark with the local layout's fields, every value checked. Raises: UserError naming the place.

    `named`: the file's name tells the language; else each record must. A row without an id gets its place as its id.
    """
    rows: list[dict[str, Any]] = []
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
            rows.append({"id": key, **benchmark.download.read_row(record, language)})
        except KeyError as error:
            needs = f"{benchmark.name} needs {', '.join(benchmark.fields)} (see `deepsuper data layout`)"
            raise UserError(f"{where}: has no field {error.args[0]!r}: {needs}") from error
        except (ValueError, TypeError, AttributeError) as error:
            raise UserError(f"{where}: {error}") from error
        seen[key] = where
    if not_devtest:
        message = "%s, %s: %d rows left out: they are not sentences of devtest"
        log.warning(message, benchmark.name, language, not_devtest)
    if not rows:
        raise UserError(
            f"{names}: no row in {language!r}" + (f": it has {', '.join(sorted(others))}" if others else "")
        )
    return rows


def _key(benchmark: Benchmark, record: Mapping[str, object], place: int) -> str:
    download = benchmark.download
    named = (record[name] for name in download.ids if record.get(name) not in (None, ""))
    key = next(named, f"{download.numbered or f'{benchmark.name}-'}{record.get('idx', place)}")
    if isinstance(key, bool) or not isinstance(key, str | int):
        raise UserError(f"id is {key!r}: need a string or a whole number")
    return f"{download.numbered}{key}" if str(key).isdigit() else str(key)
