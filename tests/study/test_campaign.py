"""The rows and the tests of P1: no sentence is trained and tested in one fold, and the verdict is the protocol's."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from shared import SHARED, needs_shared

CAMPAIGN = Path(__file__).parents[2] / "studies" / "campaign"


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@needs_shared
def test_each_sentence_is_tested_once_and_never_where_it_is_trained(tmp_path):
    line = [sys.executable, CAMPAIGN / "make_rows.py", SHARED / "data", "--output_dir", tmp_path, "--pairs", "50"]
    subprocess.run(line, check=True, capture_output=True)
    tested = []
    for fold in sorted(tmp_path.glob("fold*")):
        own = [item["id"] for item in lines(fold / "bench" / "sib200" / "vi.jsonl")]
        trained = {f"sib-{row['id']}" for row in lines(fold / "task.jsonl")}
        assert not trained & set(own) and len(trained) + len(own) == 1004
        assert own == [item["id"] for item in lines(fold / "bench" / "sib200" / "en.jsonl")]
        tested += own
    assert len(tested) == len(set(tested)) == 1004
    for language in ("vi", "zh", "ar"):
        english = [row["text_en"] for row in lines(tmp_path / f"pairs.{language}.jsonl")]
        assert len(english) == len(set(english)) == 50


@pytest.mark.slow
@pytest.mark.parametrize(
    ("gain", "shuffled", "words"),
    [(0.15, 0.0, "works"), (0.0, 0.0, "no effect above 2 points"), (0.15, 0.15, "undecided")],
)
def test_the_verdict_is_that_of_the_protocol(tmp_path, gain, shuffled, words):
    rng = random.Random(0)
    for language in ("vi", "zh", "ar", "en"):
        for fold in range(5):
            right = [rng.random() < 0.5 for _ in range(400)]
            for seed in (1, 2):
                for arm, more in (("english", 0.0), ("aligned", gain), ("shuffled", shuffled)):
                    own = np.array(right)
                    own[: int(400 * more)] = True
                    own[350 + fold * 4 + seed] ^= True  # no two runs are alike
                    folder = tmp_path / "eval" / "p1" / f"{arm}.fold{fold}.seed{seed}" / "cell" / "paper" / "items"
                    folder.mkdir(parents=True, exist_ok=True)
                    items = [{"id": f"{fold}-{n}", "acc": float(value)} for n, value in enumerate(own)]
                    text = "".join(json.dumps(item) + "\n" for item in items)
                    (folder / f"sib200.{language}.jsonl").write_text(text)
    line = [sys.executable, CAMPAIGN / "p1_tests.py", tmp_path]
    out = subprocess.run(line, check=True, capture_output=True, text=True).stdout
    assert out.splitlines()[-1].startswith(f"primary language vi: {words}"), out
    run = float(out.split("vi aligned: ")[1].split()[0])
    assert run == pytest.approx(50 + 100 * gain / 2, abs=3)
