"""The demo: its scores are right by hand, and it runs whole on the real model."""

from __future__ import annotations

import json

import pytest

from deepsuper.common.errors import UserError
from deepsuper.data.rows import Row
from deepsuper.demo import run_demo
from deepsuper.demo.dataset import load_rows
from deepsuper.demo.run import DEMO_OBJECTIVE, make_config, score
from deepsuper.training.arguments import make_arguments
from deepsuper.training.prepare import prepare
from deepsuper.training.run import make_trainer
from deepsuper.training.run_folder import RunFolder


def test_a_language_that_is_not_packaged_is_named():
    with pytest.raises(UserError, match=r"one of packaged:xquad\.ar\.held_out, .*, got 'packaged:xquad\.fr\.train'"):
        load_rows("fr", "train")


def scores_of(language, *pairs):
    """F1 and exact match of each pair of an answer and the right one."""
    rows = [Row(str(n), language, output=right) for n, (_, right) in enumerate(pairs)]
    scored = score([said for said, _ in pairs], rows, language)
    return list(zip(scored.f1, scored.exact_match, strict=True))


def test_scores_by_hand():
    """MLQA's rules: each Chinese character is a word, and F1 ignores the order of words. See also test_scorers.py."""
    pairs = [("美国", "美国最高法院"), ("国美", "美国"), ("308。", "308"), ("The 美国, 2！", "the美国2"), ("", "a")]
    assert scores_of("zh", *pairs) == [(pytest.approx(2 * 2 / (2 + 6)), 0), (1, 0), (1, 1), (1, 1), (0, 0)]
    assert scores_of("vi", ("của ông", "ông"), ("ông", "bà")) == [(1, 1), (0, 0)]
    # They remove the two letters of the Arabic article wherever they stand.
    assert scores_of("ar", ("كتاب", "الكتاب"), ("سلم", "سالم")) == [(1, 1), (0, 0)]


def untouched_loss(path):
    """The held-out loss of the same rows before any step."""
    config, folder = make_config(DEMO_OBJECTIVE, "zh", path, seed=42, steps=6), RunFolder(path)
    path.mkdir()
    return make_trainer(config, prepare(config), make_arguments(config, folder), folder).evaluate()["eval_loss_tft"]


@pytest.mark.real
@pytest.mark.timeout(1800)  # minutes on one core, beside other tests
def test_the_demo_trains_a_real_model_and_its_held_out_loss_falls(tmp_path):
    out = run_demo("zh", tmp_path / "demo", steps=6, questions=8)
    scores = json.loads((out / "scores.json").read_text())
    assert scores["questions"] == 8 and len((out / "answers.jsonl").read_text().splitlines()) == 8
    assert (out / "demo.png").stat().st_size > 10_000
    for name in ("tft", "deep-supervision"):
        assert (out / name / "model" / "model.safetensors").is_file()
    records = RunFolder(out / "deep-supervision").read_metrics()
    (after,) = (r["eval_loss_tft"] for r in records if "eval_loss_tft" in r)
    assert after < untouched_loss(tmp_path / "untouched")
    with pytest.raises(ValueError, match="holds a demo"):
        run_demo("zh", out)
