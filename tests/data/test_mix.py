"""Laws of mixing: shares as defined, every order as likely, every row accounted for, ids unique, memory constant."""

from __future__ import annotations

import gzip
import json
import random
import tracemalloc
from collections import Counter
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from deepsuper.cli import main
from deepsuper.cli.arguments import parse_recipe
from deepsuper.common.files import sha256
from deepsuper.config import DataConfig, SourceConfig
from deepsuper.config.mix import MixConfig, MixSource
from deepsuper.data.mix import buckets as buckets_module
from deepsuper.data.mix import run as run_module
from deepsuper.data.mix.buckets import Buckets, shuffled
from deepsuper.data.mix.quotas import Sampler, Stock, quotas
from deepsuper.data.mix.run import run_mix
from deepsuper.data.rows import load_corpus
from deepsuper.training.run_folder import dump
from failing import fail
from runs import make_run
from shared import SHARED, needs_shared
from test_lines import broken

FIELDS = ("instruction", "input", "output", "instruction_en", "input_en", "output_en")
in_folders = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def record(key: Any, text: str = "好") -> dict[str, Any]:
    return {"id": key, **dict.fromkeys(FIELDS, text)}


def write(path: Path, keys: Any, text: str = "好") -> str:
    path.write_text("".join(json.dumps(record(key, text), ensure_ascii=False) + "\n" for key in keys), "utf-8")
    return str(path)


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def manifest(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "manifest.json").read_text("utf-8")))


stocks = st.lists(
    st.builds(
        Stock,
        st.sampled_from(["zh", "vi", "ar"]),
        st.integers(1, 10**9),
        st.floats(0.01, 1000),
        st.none() | st.integers(1, 10**6),
    ),
    min_size=1,
    max_size=6,
)


@given(stocks, st.floats(0.1, 1000), st.none() | st.integers(1, 10**9))
def test_quotas_sum_to_what_is_asked_for(sources, temperature, total):
    rows = quotas(sources, temperature=temperature, total=total)
    size = round(sum(s.weight * s.taken for s in sources)) if total is None else total
    assert sum(rows) == size and all(n >= 0 for n in rows)


@given(stocks)
def test_at_temperature_one_a_weight_is_how_often_a_source_goes_in(sources):
    for stock, rows in zip(sources, quotas(sources), strict=True):
        # The sum is rounded too, by at most a half, which the sources share.
        assert abs(rows - stock.weight * stock.taken) <= 1.5 + 1e-9 * rows


def test_shares_of_languages_are_powers_of_their_rows():
    sources = [Stock("zh", 60_000), Stock("zh", 4_000, 10.0), Stock("vi", 10_000), Stock("ar", 90_000, cap=1_000)]
    for temperature in (1.0, 2.0, 5.0):
        zh1, zh2, vi, ar = quotas(sources, temperature=temperature, total=10**8)
        assert (zh1 + zh2) / vi == pytest.approx(10 ** (1 / temperature), rel=1e-6)
        assert vi / ar == pytest.approx(10 ** (1 / temperature), rel=1e-6)
        assert zh1 / zh2 == pytest.approx(60 / 40, rel=1e-6)
    even = quotas(sources, temperature=1000, total=3_000)
    assert [even[0] + even[1], *even[2:]] == pytest.approx([1000] * 3, abs=5)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 150), st.integers(0, 9))
def test_a_sampler_gives_its_quota_as_evenly_as_it_can(rows, taken, quota, seed):
    taken = min(rows, taken)
    sampler = Sampler(rows, taken, quota, random.Random(seed))
    copies = [sampler.copies() for _ in range(rows)]
    chosen = [n for n in copies if n]
    assert sum(copies) == quota and len(chosen) == min(taken, quota)
    assert not chosen or max(chosen) - min(chosen) <= 1


def test_every_choice_of_rows_is_as_likely():
    def choice(seed: int) -> tuple[int, ...]:
        sampler = Sampler(4, 2, 3, random.Random(seed))
        return tuple(sampler.copies() for _ in range(4))

    counts = Counter(choice(seed) for seed in range(2400))
    assert len(counts) == 12 and chisquare(list(counts.values())).pvalue > 0.001


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 2, 5])
def test_every_order_is_as_likely_however_many_buckets(tmp_path, count):
    def order(seed: int) -> bytes:
        rng, dealt = random.Random(seed), Buckets(tmp_path / str(seed), count)
        for row in (b"a\n", b"b\n", b"c\n", b"d\n"):
            dealt.add(int(rng.random() * count), row)
        return b"".join(line for lines in shuffled(dealt, rng) for line in lines)

    counts = Counter(order(seed) for seed in range(1200))
    assert {k.replace(b"\n", b"").decode() for k in counts} == {"".join(p) for p in permutations("abcd")}
    assert chisquare(list(counts.values())).pvalue > 0.001


def test_rows_that_need_no_change_go_out_byte_for_byte_in_an_order_of_the_seed(tmp_path, monkeypatch):
    monkeypatch.setattr(run_module, "BUCKET_SIZE", 500)
    lines = [json.dumps(record(n, f"{n}\u2028é"), ensure_ascii=n % 2 == 0, indent=None).encode() for n in range(200)]
    lines[3] = lines[3].replace(b'": "', b'"  :"')
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(b"\xef\xbb\xbf" + b"\r\n".join(lines)))
    sources = [MixSource("zh", str(tmp_path / "a.jsonl.gz"))]
    orders = []
    for name, seed in (("one", 1), ("again", 1), ("two", 2)):
        run_mix(MixConfig(sources, str(tmp_path / name), seed=seed))
        orders.append((tmp_path / name / "zh.jsonl").read_bytes().split(b"\n"))
    assert all(order[-1] == b"" and sorted(order[:-1]) == sorted(lines) for order in orders)
    assert orders[0] == orders[1] != orders[2] and orders[0][:-1] != lines


def test_ids_stay_unique_and_say_where_a_row_comes_from(tmp_path):
    keys = ["x", "x#1", "x#2", "b/x", 7]
    a, b = write(tmp_path / "a.jsonl", keys), write(tmp_path / "b.json", keys)
    c = write(tmp_path / "c.jsonl", keys)
    sources = [MixSource("zh", a, weight=2.4), MixSource("zh", b, name="b2"), MixSource("vi", c)]
    run_mix(MixConfig(sources, str(tmp_path / "languages")))
    zh = [row["id"] for row in read(tmp_path / "languages" / "zh.jsonl")]
    assert len(set(zh)) == len(zh) == 17 and sum(key.startswith("a/x#1#") for key in zh) in (2, 3)
    assert "b2/7" in zh and not any(key.startswith("b2/x#1#") for key in zh)
    assert sorted(str(row["id"]) for row in read(tmp_path / "languages" / "vi.jsonl")) == sorted(map(str, keys))
    run_mix(MixConfig(sources, str(tmp_path / "one"), layout="one"))
    rows = read(tmp_path / "one" / "rows.jsonl")
    assert len({row["id"] for row in rows}) == len(rows) == 22
    assert all(row["language"] == ("vi" if row["id"].startswith("c/") else "zh") for row in rows)
    assert not (tmp_path / "one" / "data.yaml").exists()


def test_a_cap_takes_so_many_different_rows(tmp_path):
    path = write(tmp_path / "a.jsonl", range(50))
    (dealt,) = run_mix(MixConfig([MixSource("zh", path, cap=10, weight=2.5)], str(tmp_path / "out")))
    assert (dealt.rows, dealt.different) == (25, 10)
    assert len({row["id"].partition("#")[0] for row in read(tmp_path / "out" / "zh.jsonl")}) == 10


def test_every_row_is_accounted_for(tmp_path):
    good = [json.dumps(record(n)).encode() for n in range(6)]
    bad = [b"{", b'{"id": 9}', b"\xff", good[1], b"[1]", good[1]]
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\n".join([good[0], b"", *good[1:3], *bad, b"  ", *good[3:], b"", b"\n"]))
    run_mix(MixConfig([MixSource("zh", str(path))], str(tmp_path / "out"), on_bad_row="skip"))
    (counts,) = manifest(tmp_path / "out")["sources"]
    assert [counts[k] for k in ("rows_in", "skipped", "good", "taken", "rows_out")] == [12, 6, 6, 6, 6]
    skipped = read(tmp_path / "out" / "skipped.jsonl")
    assert [s["where"] for s in skipped] == [f"{path}:{n}" for n in (5, 6, 7, 9, 8, 10)]
    assert all(s["reason"].startswith(f"its id is also at {path}:3") for s in skipped[4:])
    assert sorted(row["id"] for row in read(tmp_path / "out" / "zh.jsonl")) == list(range(6))
    assert {p.name for p in (tmp_path / "out").iterdir()} == {
        "zh.jsonl", "data.yaml", "mix.yaml", "manifest.json", "skipped.jsonl"
    }  # fmt: skip


@pytest.mark.parametrize("line", [b"{", b'{"id": 9}', json.dumps(record(1)).encode(), b"x" * (17 << 20)])
def test_a_bad_row_ends_the_mix_by_name_and_leaves_no_rows(tmp_path, line):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\n".join([json.dumps(record(1)).encode(), line]))
    with pytest.raises(ValueError, match=rf"{path}:2: .*, or leave such rows out with on_bad_row: skip$"):
        run_mix(MixConfig([MixSource("zh", str(path))], str(tmp_path / "out")))
    assert not list((tmp_path / "out").iterdir())


LINES = st.one_of(
    st.integers(0, 5).map(lambda n: json.dumps(record(n)).encode()),
    st.binary(max_size=20).map(lambda b: b.replace(b"\n", b"")),
    st.sampled_from([b"", b" ", b"\r", b"x" * 900, b'{"id": NaN}', b"\xef\xbb\xbf" + json.dumps(record(9)).encode()]),
)


@pytest.mark.slow
@in_folders
@given(st.lists(LINES, max_size=12), st.sampled_from([b"\n", b"\r\n"]), st.booleans())
def test_whatever_a_file_holds_each_line_is_out_or_skipped_or_blank(tmp_path_factory, lines, end, packed):
    folder = tmp_path_factory.mktemp("mix")
    data = end.join([json.dumps(record("good")).encode(), *lines])
    path = folder / "a.jsonl"
    path.write_bytes(gzip.compress(data) if packed else data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("deepsuper.common.lines.MAX_LINE", 800)
        (dealt,) = run_mix(MixConfig([MixSource("zh", str(path))], str(folder / "out"), on_bad_row="skip"))
    written = [line for line in data.split(b"\n") if line.decode("utf-8", "replace").removeprefix("\ufeff").strip()]
    skipped = len(read(folder / "out" / "skipped.jsonl"))
    (counts,) = manifest(folder / "out")["sources"]
    assert dealt.rows + skipped == counts["rows_in"] == len(written)
    assert len({row["id"] for row in read(folder / "out" / "zh.jsonl")}) == dealt.rows


@needs_shared
@pytest.mark.parametrize("seed", range(6))
def test_a_broken_real_file_is_refused_by_name_or_accounted_for(tmp_path, seed):
    data = gzip.decompress((SHARED / "data" / "parallel" / "arc_qa.vi.jsonl.gz").read_bytes())[:300_000]
    path = tmp_path / "broken.jsonl"
    path.write_bytes(broken(data, random.Random(seed)))
    try:
        run_mix(MixConfig([MixSource("vi", str(path))], str(tmp_path / "out"), on_bad_row="skip"))
    except ValueError as error:
        said = str(error)
        assert said.startswith(str(path)) and "\n" not in said
        return
    (counts,) = manifest(tmp_path / "out")["sources"]
    assert counts["rows_out"] + len(read(tmp_path / "out" / "skipped.jsonl")) == counts["rows_in"]


@pytest.mark.slow
def test_memory_does_not_grow_with_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr(run_module, "BUCKET_SIZE", 100_000)
    monkeypatch.setattr(buckets_module, "BUFFER", 100_000)
    monkeypatch.setattr("deepsuper.data.mix.scan.BUCKET_SOURCE", 500_000)
    peaks = []
    for rows in (1_000, 10_000):
        path = write(tmp_path / f"{rows}.jsonl", range(rows), "好" * 50)
        tracemalloc.start()
        run_mix(MixConfig([MixSource("zh", path)], str(tmp_path / f"out-{rows}")))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert Path(path).stat().st_size > 10_000_000 > 4 * peaks[1]
    assert peaks[1] < 1.3 * peaks[0]


def test_a_file_that_changes_meanwhile_is_named(tmp_path, monkeypatch):
    path = write(tmp_path / "a.jsonl", range(5))
    plan = run_module.make_plan

    def shorten(*args: Any) -> Any:
        write(tmp_path / "a.jsonl", range(4))
        return plan(*args)

    monkeypatch.setattr(run_module, "make_plan", shorten)
    with pytest.raises(ValueError, match=r"a\.jsonl: changed while it was read"):
        run_mix(MixConfig([MixSource("zh", path)], str(tmp_path / "out")))


@pytest.fixture
def recipe(tmp_path):
    sources = [
        {"language": "zh", "path": write(tmp_path / "zh.jsonl", range(8))},
        {"language": "vi", "path": write(tmp_path / "vi.jsonl", range(4)), "weight": 0.5},
    ]
    path = tmp_path / "mix.yaml"
    path.write_text(yaml.safe_dump({"sources": sources, "output_dir": str(tmp_path / "mix")}))
    return path


@pytest.mark.slow
def test_training_reads_the_mix_with_one_option(recipe, tmp_path, capsys):
    main(["data", "mix", str(recipe), "--rows", "20", "--seed", "3"])
    made = make_run(tmp_path)
    (tmp_path / "train.yaml").write_text(dump(made))
    config = parse_recipe([str(tmp_path / "train.yaml"), "--config", str(tmp_path / "mix" / "data.yaml")])
    folder = tmp_path / "mix"
    assert config.data.train == [SourceConfig(n, path=str(folder / f"{n}.jsonl")) for n in ("zh", "vi")]
    assert (config.data.template, config.training, config.data.held_out) == ("plain", made.training, made.data.held_out)
    rows = load_corpus(config.data.train, DataConfig([]), kind="parallel").rows
    assert Counter(row.language for row in rows) == {"zh": 16, "vi": 4}
    said = manifest(folder)
    assert said["seed"] == 3 and said["command"][:3] == ["deepsuper", "data", "mix"]
    assert said["files"]["zh.jsonl"]["rows"] == 16 and len(said["sources"][0]["sha256"]) == 64


@pytest.mark.slow
def test_print_config_is_a_recipe(recipe, tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["data", "mix", str(recipe), "--temperature", "2", "--print_config"])
    again = tmp_path / "again.yaml"
    again.write_text(capsys.readouterr().out)
    main(["data", "mix", str(again)])
    written = yaml.safe_load((tmp_path / "mix" / "mix.yaml").read_text())
    assert written["temperature"] == 2.0 and [s["weight"] for s in written["sources"]] == [1.0, 0.5]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("temperature", "0", "temperature: need 0.1 <= temperature <= 1000, got 0.0"),
        ("rows", "0", "rows: need none or at least 1, got 0"),
        ("seed", "-1", "need 0 <= seed"),
        ("sources", "[]", "need at least one source"),
        ("sources", "[{language: zh, path: nowhere.jsonl}]", "sources[0].path: need a file"),
        ("sources", "[{language: z/h, path: HERE}]", "need a language code such as zh"),
        ("sources", "[{language: zh, path: HERE, weight: 0}]", "sources[0].weight: need 0 < weight <= 1000"),
        ("sources", "[{language: zh, path: HERE, cap: 0}]", "cap: need none or at least 1"),
        ("sources", "[{language: zh, path: HERE, name: a/b}]", "need a name without"),
        ("sources", "[{language: zh, path: HERE}, {language: vi, path: HERE}]", "2 sources are named 'zh': give each"),
        ("sources", "[{language: zh, path: HERE, weight: 0.01}]", "the weights leave none of 8 rows"),
        ("output_dir", "HERE", "is a file: name a folder"),
    ],
)
def test_every_value_out_of_range_ends_in_one_line(recipe, tmp_path, capsys, option, value, words):
    value = value.replace("HERE", str(tmp_path / "zh.jsonl"))
    assert words in fail(capsys, "data", "mix", str(recipe), f"--{option}={value}")
    assert not (tmp_path / "mix" / "manifest.json").exists()


SMALL = ["zh.jsonl", "vi.jsonl", "mix.yaml"]


@pytest.mark.slow
def test_a_mix_never_writes_over_its_sources_its_recipe_or_what_lies_there(recipe, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = {name: (tmp_path / name).read_bytes() for name in SMALL}
    assert f"{tmp_path}/zh.jsonl: would overwrite a file that is read" in fail(
        capsys, "data", "mix", str(recipe), "--output_dir", str(tmp_path)
    )
    (tmp_path / "zh.jsonl").rename(tmp_path / "own.jsonl")
    sources = "[{language: ar, path: own.jsonl}, {language: zh, path: vi.jsonl}]"
    line = ["data", "mix", "mix.yaml", "--sources", sources, "--output_dir"]
    assert "the mix would overwrite its mix.yaml: choose another folder" in fail(capsys, *line, ".")
    for name in ("ar.jsonl", "data.yaml", "skipped.jsonl", "mix.yaml"):
        (tmp_path / name[:2]).mkdir()
        (tmp_path / name[:2] / name).write_text("precious")
        assert f"would overwrite its {name}: choose another folder" in fail(capsys, *line, name[:2])
        assert (tmp_path / name[:2] / name).read_text() == "precious"
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "ar.jsonl").symlink_to(tmp_path / "own.jsonl")
    assert "would overwrite a file that is read" in fail(capsys, *line, "out")
    (tmp_path / "work" / "buckets.partial").mkdir(parents=True)
    inside = write(tmp_path / "work" / "buckets.partial" / "a.jsonl", range(3))
    sources = f"[{{language: zh, path: {inside}}}]"
    assert "a mix empties buckets.partial" in fail(capsys, *line[:4], sources, "--output_dir", "work")
    assert Path(inside).exists()
    (tmp_path / "own.jsonl").rename(tmp_path / "zh.jsonl")
    assert {name: (tmp_path / name).read_bytes() for name in SMALL} == before


def test_the_manifest_has_the_hash_of_what_was_read(recipe, tmp_path, monkeypatch):
    path, plan = tmp_path / "zh.jsonl", run_module.make_plan
    main(["data", "mix", str(recipe)])
    assert manifest(tmp_path / "mix")["sources"][0]["sha256"] == sha256(path)

    def exchange(*args: Any) -> Any:
        write(path, range(8), "坏")
        return plan(*args)

    monkeypatch.setattr(run_module, "make_plan", exchange)
    with pytest.raises(ValueError, match=r"zh\.jsonl: changed while it was read: start again"):
        run_mix(MixConfig([MixSource("zh", str(path))], str(tmp_path / "out")))


def test_a_mix_without_a_good_row_says_what_is_wrong_and_keeps_the_account(tmp_path, capsys):
    path, out = tmp_path / "a.jsonl", tmp_path / "out"
    path.write_text('{"id": 1, "instruction": "hi"}\n' * 40)
    line = MixConfig([MixSource("zh", str(path))], str(out), on_bad_row="skip")
    with pytest.raises(ValueError, match="no row to mix") as stopped:
        run_mix(line)
    said = str(stopped.value)
    assert f"40 were skipped, the first: {path}:1: field 'output' is missing: add it; all are in {out}/s" in said
    assert len(read(out / "skipped.jsonl")) == 40
    write(path, range(3))
    run_mix(line)  # into the same folder
    assert not read(out / "skipped.jsonl") and len(read(out / "zh.jsonl")) == 3


@pytest.mark.slow
def test_a_mix_is_not_written_over(recipe, capsys):
    main(["data", "mix", str(recipe)])
    assert "holds a mix or a run already" in fail(capsys, "data", "mix", str(recipe))
