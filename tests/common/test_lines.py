"""Laws of reading lines: whatever a file holds, each line is a record, told of, or blank; memory stays bounded."""

from __future__ import annotations

import gzip
import json
import random
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deepsuper.common import lines
from deepsuper.common.errors import Place
from deepsuper.common.lines import FORMATS, MAX_LINE, file_records, numbered_lines, read_object
from deepsuper.config import DataConfig, SourceConfig
from deepsuper.data.rows import Corpus, load_source, write_skipped
from shared import SHARED, needs_shared

FIELDS = ("instruction", "input", "output", "instruction_en", "input_en", "output_en")
GOOD = {"id": "a", **dict.fromkeys(FIELDS, "好")}
LINE = json.dumps(GOOD, ensure_ascii=False).encode()
any_file = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def told(path: Path) -> tuple[list[str], list[tuple[str, str, str]]]:
    """Where each record of a file is, and what was told of its other lines."""
    bad: list[tuple[str, str, str]] = []
    return [str(where) for where, _ in file_records(path, lambda *said: bad.append(tuple(map(str, said))))], bad


def load(path: Path, kind: str = "parallel") -> Corpus:
    source, data = SourceConfig("zh", path=str(path)), DataConfig([], on_bad_row="skip")
    return load_source(source, data, kind=kind)  # type: ignore[arg-type]


def check_told(bad: list[tuple[str, str, str]], path: Path) -> None:
    """What is told of a line names file and line, fits on one, and says what to do."""
    for where, problem, _ in bad:
        assert where.startswith(f"{path}:") and ":" in problem and len(problem) < 300 and "\n" not in problem


def test_a_line_of_fifty_megabytes_is_told_of_and_never_in_memory(tmp_path):
    path = tmp_path / "long.jsonl"
    with path.open("wb") as file:
        file.write(LINE + b"\n")
        for _ in range(50):
            file.write(b"x" * (1 << 20))
        file.write(b"\n" + LINE + b"\n")
    tracemalloc.start()
    good, bad = told(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert good == [f"{path}:1", f"{path}:3"]
    ((where, problem, text),) = bad
    assert where == f"{path}:2" and f"{(50 << 20) + 1} bytes" in problem and "one row on each line" in problem
    assert len(text) <= 2000 and peak < 3 * MAX_LINE
    with pytest.raises(ValueError, match=rf"long\.jsonl:2: a line of {(50 << 20) + 1} bytes: need at most {MAX_LINE}"):
        list(numbered_lines(path))


@any_file
@given(st.lists(st.integers(0, 60), max_size=6), st.integers(1, 40), st.booleans(), st.booleans())
def test_whatever_the_limit_a_line_is_given_whole_or_told_of(tmp_path, monkeypatch, lengths, limit, packed, ended):
    written = [bytes([97 + n]) * length for n, length in enumerate(lengths)]
    data = b"\n".join(written) + (b"\n" if ended else b"")
    path = tmp_path / "a"
    path.write_bytes(gzip.compress(data) if packed else data)
    monkeypatch.setattr(lines, "MAX_LINE", limit)
    bad: list[Place] = []
    got = {n: line.rstrip(b"\n") for n, line in numbered_lines(path, lambda where, *_: bad.append(where))}
    long = {n for n in range(1, len(written) + 1) if Place(path, n) in bad}
    expected = dict(enumerate(data.split(b"\n"), start=1))
    if not expected[len(expected)]:
        del expected[len(expected)]
    assert got == {n: line for n, line in expected.items() if n not in long} and len(bad) == len(long)
    ends = {n: n < len(written) or ended for n in expected}
    assert long == {n for n, line in expected.items() if len(line) + ends[n] > limit}


def test_carriage_returns_alone_are_named_in_short_and_long_files(tmp_path):
    path = tmp_path / "mac.jsonl"
    path.write_bytes(b"\r".join([LINE] * 3))
    assert "carriage returns: save the file with \\n as line end" in told(path)[1][0][1]
    path.write_bytes(b"\r".join([LINE] * (MAX_LINE // len(LINE) + 10)))
    assert told(path)[1][0][1].endswith("save the file with \\n as line end")
    path.write_bytes(b"\r\n".join([LINE, LINE.replace(b'"a"', b'"b"'), b""]))
    assert [row.id for row in load(path).rows] == ["a", "b"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("packed", [False, True])
def test_other_unicode_encodings_are_said_by_name(tmp_path, encoding, packed):
    data = (LINE.decode() + "\n").encode(encoding)
    path = tmp_path / "wide.jsonl"
    path.write_bytes(gzip.compress(data) if packed else data)
    with pytest.raises(ValueError, match=rf"wide\.jsonl: is {encoding[:6].upper()}: save it as UTF-8$"):
        told(path)


@pytest.mark.parametrize("mark", FORMATS)
def test_other_formats_are_said_by_name(tmp_path, mark):
    path = tmp_path / "other"
    path.write_bytes(mark + LINE)
    with pytest.raises(ValueError, match=rf"other: is {FORMATS[mark]}"):
        told(path)


def test_every_damage_to_a_gzip_file_is_named(tmp_path):
    path, packed = tmp_path / "a.jsonl.gz", gzip.compress(LINE + b"\n")
    path.write_bytes(packed + b"left over")
    with pytest.raises(ValueError, match=r"a\.jsonl\.gz:2: cannot read on \(Not a gzipped file"):
        told(path)
    path.write_bytes(packed + packed)
    assert told(path)[0] == [f"{path}:1", f"{path}:2"]
    path.write_bytes(packed[:12] + b"\xff\xff\xff" + packed[15:])
    with pytest.raises(ValueError, match=r"cannot read on .*: fetch the file again"):
        told(path)
    path.write_bytes(packed[:-6] + b"\0\0" + packed[-4:])
    with pytest.raises(ValueError, match="CRC check failed"):
        told(path)


AMBIGUOUS = {
    '{"id": NaN}': 'NaN is not JSON: write null, or the text "NaN"',
    '{"id": [{"a": -Infinity}]}': "-Infinity is not JSON",
    '{"output": "1", "output": "2"}': 'field "output" is there 2 times: keep one of them',
    '{"id": {"a": 1, "b": 2, "a": 3}}': 'field "a" is there 2 times',
    '{"id": ' + "9" * 5000 + "}": "not JSON (Exceeds the limit",
    '{"id": ' + "[" * 100_000: "not JSON (maximum recursion depth",
    '{"id": "\0"}': "it holds NUL bytes, as a damaged file does",
    '{"id": 1e999}': "1e999 is larger than a number can be",
    '{"id": ' + "[{}, " * 300 + "[" + "]" * 301 + "}": "nested more than 200 deep: write such a field as text",
    "\0" * 20: "it holds NUL bytes",
    "[" + "1," * 100_000 + "1]": "a JSON list: need one JSON object on each line",
}


@pytest.mark.parametrize("text", AMBIGUOUS, ids=lambda text: text[:20])
def test_json_that_readers_take_differently_is_refused(tmp_path, text):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        read_object(text)
    assert AMBIGUOUS[text] in str(caught.value) and len(str(caught.value)) < 300
    path = tmp_path / "a.jsonl"
    path.write_bytes(LINE + b"\n" + text.encode() + b"\n")
    check_told(told(path)[1], path)
    assert len(load(path).rows) == len(load(path).skipped) == 1


@pytest.mark.parametrize("depth", [50, 200, 600, 900, 950, 980, 990, 1000, 2000])
def test_deep_nesting_is_a_row_or_a_bad_row_at_every_depth(tmp_path, depth):
    nested = "[" * depth + "]" * depth
    records = [
        f'{{"id": {nested}}}',
        json.dumps(GOOD)[:-1] + f', "more": {nested}}}',
        f'{{"id": 1, "output": {nested}}}',
    ]
    path = tmp_path / "deep.jsonl"
    path.write_text("\n".join([*records, json.dumps({**GOOD, "id": "b"})]))
    corpus = load(path)
    assert len(corpus.rows) == (2 if depth < lines.MAX_DEPTH else 1)
    assert len(corpus.rows) + len(corpus.skipped) == 4
    write_skipped(corpus.skipped, tmp_path / "skipped.jsonl")


def test_half_of_a_surrogate_pair_is_refused_in_an_id_too(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({**GOOD, "id": "\ud800"}) + "\n" + json.dumps(GOOD))
    (skipped,) = load(path).skipped
    assert "id holds half of a surrogate pair" in skipped.reason
    write_skipped(load(path).skipped, tmp_path / "skipped.jsonl")


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.slow
@any_file
@given(st.lists(JSON | st.dictionaries(st.sampled_from(("id", *FIELDS)), JSON | st.text(max_size=8)), max_size=6))
def test_any_json_is_a_row_or_is_told_of(tmp_path, records):
    path = tmp_path / "any.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in [GOOD, *records]))
    corpus = load(path)
    assert len(corpus.rows) + len(corpus.skipped) == 1 + len(records)
    check_told([(str(s.where), s.reason, s.text) for s in corpus.skipped], path)
    write_skipped(corpus.skipped, tmp_path / "skipped.jsonl")
    assert len((tmp_path / "skipped.jsonl").read_bytes().split(b"\n")) == len(corpus.skipped) + 1


Accident = Callable[[bytes, int, bytes], bytes]
ACCIDENTS: list[Accident] = [
    lambda data, at, noise: data[:at],
    lambda data, at, noise: data[:at] + bytes(len(noise)) + data[at:],
    lambda data, at, noise: data[:at] + noise + data[at + len(noise) :],
    lambda data, at, noise: data[:at] + data[at + len(noise) :],
    lambda data, at, noise: data[:at] + data[at:].replace(b"\n", b"\r\n"),
    lambda data, at, noise: data[:at] + data[at:].replace(b"\n", b"\r"),
    lambda data, at, noise: data[:at] + data[at:].replace(b"\n", b""),
    lambda data, at, noise: b"\xef\xbb\xbf" + data,
    lambda data, at, noise: data[:at] + data[at : at + 99].decode("utf-8", "replace").encode("utf-16") + data[at:],
    lambda data, at, noise: data + noise,
    lambda data, at, noise: data[:at] + b"[" * 3000 + data[at:],
    lambda data, at, noise: data[:at] + b"NaN" + data[at:],
]


def broken(data: bytes, rng: random.Random) -> bytes:
    """The bytes after one to four accidents."""
    for _ in range(rng.randint(1, 4)):
        data = rng.choice(ACCIDENTS)(data, rng.randrange(len(data)), rng.randbytes(rng.randint(1, 300))) or b"\n"
    return data


@needs_shared
@pytest.mark.parametrize("name", ["alpaca.ar.small.jsonl", "arc_qa.ar.jsonl.gz", "xquad_qa.vi.jsonl.gz"])
@pytest.mark.parametrize("seed", range(12))
def test_a_broken_file_is_refused_by_name_or_every_line_is_accounted_for(tmp_path, name, seed):
    whole, rng = (SHARED / "data" / "parallel" / name).read_bytes(), random.Random(seed)
    outside = name.endswith(".gz") and seed % 2 == 0
    inside = gzip.decompress(whole) if name.endswith(".gz") else whole
    data = broken(whole, rng) if outside else broken(inside[:200_000], rng)
    path = tmp_path / name.removesuffix(".gz")
    path.write_bytes(data)
    try:
        corpus = load(path)
    except ValueError as error:
        said = str(error)
        assert said.startswith(str(path)) and "\n" not in said
        return
    packed = data.startswith(b"\x1f\x8b")
    text = gzip.decompress(data) if packed else data
    written = [line for line in text.split(b"\n") if line.decode("utf-8", "replace").removeprefix("\ufeff").strip()]
    assert len(corpus.rows) + len(corpus.skipped) == len(written)
    check_told([(str(s.where), s.reason, s.text) for s in corpus.skipped], path)
