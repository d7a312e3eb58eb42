"""Every script in benchmarks/ runs at toy size, so that it works on the day it is needed."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from deepsuper.training.resolve import resolve
from forked import Forked, script
from runs import make_records, make_run
from shared import needs_shared

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
pytestmark = pytest.mark.processes


def run(name: str, *options: object) -> str:
    """What one script prints, in a process of its own."""
    return Forked(script, str(BENCHMARKS / name), *map(str, options)).finish()


def test_steps_compares_time_and_memory_of_each_method():
    out = run("steps.py", "--model", "tiny", "--steps", 2, "--rows", 2)
    floors = dict(re.findall(r"([a-z-]+) (\d+\.\d+)", out.splitlines()[0]))
    assert float(floors["tft"]) == 1.0 < float(floors["logits-conditional"])
    assert len(re.findall(r"^time ", out, re.M)) == 4 and len(re.findall(r"^peak ", out, re.M)) == 6
    assert "x the naive implementation's memory" in out


def test_steps_compares_the_terms_beyond_the_paper_too():
    out = run("steps.py", "--model", "tiny", "--steps", 2, "--rows", 2, "--terms", "beyond", "--only", "time")
    floors = {name: float(floor) for name, floor in re.findall(r"([a-z-]+) (\d+\.\d+)", out.splitlines()[0])}
    assert floors["contrastive"] < floors["retain-cosine"] < floors["retain-kl"]
    assert len(re.findall(r"^time ", out, re.M)) == 6


def test_a_measurement_of_the_balance_is_timed_against_a_step():
    out = run("balance.py", "--model", "tiny", "--steps", 2, "--rows", 2, "--every", 10)
    lines = out.splitlines()
    floors = dict(re.findall(r"([a-z-]+) (\d+\.\d+)", lines[0]))
    assert set(floors) == {"logits-positional", "logits-conditional", "feature"}
    assert all(0.5 < float(floor) < 3.0 for floor in floors.values())
    for line in lines[1:]:
        ratio, share = re.search(r": (\d+\.\d+) x .* every 10 steps: (\d+\.\d)%", line).groups()
        assert float(share) == pytest.approx(10 * float(ratio), abs=0.2)


def test_packing_computes_fewer_tokens_for_the_same_rows(tmp_path):
    rows = tmp_path / "rows.jsonl"
    records = [{**record, "instruction": "a " * (1 + 7 * n % 40)} for n, record in enumerate(make_records(40))]
    rows.write_text("".join(json.dumps(record) + "\n" for record in records))
    out = run("packing.py", "--data", rows, "--batch", 8, "--batches", 2)
    shares = re.findall(r"│ [a-z-]+ +│ 8 +│ (\d\.\d+) +│ (\d\.\d+)", out)
    assert len(shares) == 5 and all(float(padded) < float(packed) <= 1 for padded, packed in shares)


def test_peers_compute_the_same_loss():
    out = run("peers.py", "--model", "tiny", "--steps", 2, "--rows", 2, "--turns", 1)
    first = re.search(r"deepsuper (\d+\.\d+), transformers.Trainer (\d+\.\d+)", out)
    assert first and float(first[1]) == pytest.approx(float(first[2]), rel=0.01)
    assert re.search(r"^transformers.Trainer .* deepsuper takes \d+\.\d+ x its time", out, re.M)


def test_llama_shapes_reports_every_method():
    out = run(
        "llama_shapes.py", "--shape", "tiny", "--query", 12, "--response", 8, "--steps", 2, "--attention", "eager"
    )
    names = re.findall(r"^(\S+) +\d+ tokens/s .* GiB", out, re.M)
    assert names == ["tft", "logits-positional", "logits-conditional", "feature"]
    # By hand, for 7 billion parameters and 2,048 tokens: two products with the head for each of 2,047 English words.
    block, head = 4 * 4096**2 + 3 * 4096 * 11008, 4096 * 32000
    tft = 6 * (32 * block * 2047 + head * 1024)
    floors = dict(re.findall(r"^(\S+) +floor (\S+)", run("llama_shapes.py", "--floors"), re.M))
    assert float(floors["logits-positional"]) == pytest.approx(1 + 4 * head * 2047 / tft, abs=1e-3)


def test_the_table_of_the_dose_gate_is_that_of_its_records():
    docs = BENCHMARKS.parent / "docs"
    out = run("dose_gate.py", "--report", "--output_dir", docs / "campaign" / "p0")
    table = re.search(r"<!-- p0 -->\n(.*)\n<!-- /p0 -->", (docs / "study.md").read_text(), re.S)[1]
    assert out.strip() == table and len(table.splitlines()) > 4


@needs_shared
@pytest.mark.parametrize("kind", ["", ":none", ":shuffled", ":detach", ":retain", ":retain-all"])
def test_every_setting_of_the_dose_gate_is_a_run(tmp_path, kind):
    import dose_gate

    dose_gate.write_rows(tmp_path)
    objectives = resolve(dose_gate.recipe(f"smollm2-135m:12:5e-4{kind}", tmp_path, 300))
    assert ("vi" in objectives) == (kind != ":none")
    assert ("retain" in objectives["task"].terms) == kind.startswith(":retain")


def test_a_finished_study_is_known_as_done():
    assert re.match(r"a grid of 2 finished cells: \d+\.\d s; ", run("study_done.py", "--cells", 2))


def test_the_demo_study_pairs_its_variants_with_tft(tmp_path):
    """The report alone, from records by hand: its training is the demo's, which has a test with the real model."""
    f1 = {"tft": [0.5, 1.0], "logits": [0.25, 0.75]}
    lines = [
        {"variant": variant, "seed": seed, "f1": scores, "exact_match": [0.0, 1.0], "in_language": [True, None]}
        for variant, scores in f1.items()
        for seed in (1, 2)
    ]
    (tmp_path / "zh.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    out = run("demo_study.py", "--report", "--output_dir", tmp_path)
    assert "| tft | 2 | 75.0 | 75.0, 75.0 | 50.0 | 100.0 |  |" in out
    assert "| logits | 2 | 50.0 | 50.0, 50.0 | 50.0 | 100.0 | -25.0 (-25.0 to -25.0) |" in out


def test_layers_compares_reading_every_layer_with_its_floor():
    out = run("layers.py", "--model", "tiny", "--sentences", 3, "--turns", 1)
    # By hand: 97 words of 32 numbers, five layers, three sentences of 63 counted letters behind BOS.
    assert f"head products {2 * 97 * 32 * 5 * 3 * 63 / 1e12:.2f} TFLOP" in out
    assert re.search(r"layers over the floor's time: \d+\.\d+", out) and re.search(r"memory: \d+ MiB above", out)


def test_layers_study_says_what_each_choice_moves():
    options = ("--models", "tiny", "--langs", "vi", "--sentences", 2, "--max_length", 32)
    rows = [line.split(" | ") for line in run("layers_study.py", *options).splitlines()[2:]]
    assert [row[2] for row in rows] == [
        "default", "first token out", "special tokens in", "no final norm", "questions of XQuAD"
    ]  # fmt: skip


def test_evaluation_says_what_the_harness_says(tmp_path):
    (tmp_path / "xquad").mkdir()
    row = {"id": "a", "context": "the sky is blue", "question": "which colour", "answers": ["blue"]}
    (tmp_path / "xquad" / "zh.jsonl").write_text(json.dumps(row) + "\n")
    model = make_run(tmp_path).model.name
    out = run("evaluation.py", "--data_dir", tmp_path, "--model", model, "--items", 1, "--turns", 1)
    assert re.search(r"^turn 0: deepsuper eval \d+\.\d s, lm_eval \d+\.\d s, ratio \d+\.\d\d$", out, re.M)
    assert "median ratio" in out


def test_mix_states_speed_and_memory_against_reading(tmp_path):
    rows = tmp_path / "rows.jsonl"
    rows.write_text("".join(json.dumps(record) + "\n" for record in make_records(5)))
    out = run("mix.py", "--data", rows, "--rows", 300, "--folder", tmp_path)
    assert re.findall(r"^(\w+) .* MiB .* rows/s .* x reading$", out, re.M) == ["read", "parse", "mix"]


def test_dose_is_timed_against_its_floor():
    out = run(
        "dose.py", "--model", "tiny", "--rows", 2, "--batches", 1, "--layers", 1, "--readings", "raw", "et-logits"
    )
    assert re.search(r"^3 gradients .* floor .* x floor$", out, re.M) and re.search(r"^median \d", out, re.M)


@pytest.mark.parametrize("name", ["data_check.py", "join.py", "mix.py", "word_alignment.py"])
def test_a_script_has_a_help_page(name):
    assert "usage:" in run(name, "--help")
