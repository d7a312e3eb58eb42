"""The demo: its scores are right by hand, and it runs whole on the real model."""

from __future__ import annotations

import json

import pytest

from deepsuper.common.errors import UserError
from deepsuper.config import DemoConfig
from deepsuper.data.rows import Row, load_corpus
from deepsuper.demo.run import OBJECTIVES, data_config, load_rows, make_config, run_demo
from deepsuper.demo.scores import score
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


def untouched_loss(demo, path):
    """The held-out loss of the same rows before any step."""
    config, folder = make_config(demo, OBJECTIVES["deep supervision"], path), RunFolder(path)
    path.mkdir()
    return make_trainer(config, prepare(config), make_arguments(config, folder), folder).evaluate()["eval_loss_tft"]


@pytest.mark.real
@pytest.mark.timeout(1800)  # minutes on one core, beside other tests
def test_the_demo_trains_a_real_model_and_its_held_out_loss_falls(tmp_path):
    demo = DemoConfig(output_dir=str(tmp_path / "demo"), steps=3, questions=3)
    out = run_demo(demo)
    scores = json.loads((out / "scores.json").read_text())
    assert scores["questions"] == 3 and len((out / "answers.jsonl").read_text().splitlines()) == 3
    assert (out / "demo.png").stat().st_size > 10_000
    for name in ("tft", "deep-supervision"):
        assert (out / name / "model" / "model.safetensors").is_file()
    records = RunFolder(out / "deep-supervision").read_metrics()
    (after,) = (r["eval_loss_tft"] for r in records if "eval_loss_tft" in r)
    assert after < untouched_loss(demo, tmp_path / "untouched")
    with pytest.raises(UserError, match="holds a demo"):
        run_demo(demo)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"language": "fr"}, "lang: need one of zh, vi, ar, got 'fr'"),
        ({"seed": -1}, r"seed: need 0 <= seed < 2\*\*32, got -1"),
        ({"steps": 0}, "steps: need at least 1, got 0"),
        ({"questions": 0}, r"questions: need none \(all\) or at least 1, got 0"),
    ],
)
def test_a_bad_option_is_refused_before_a_model_is_loaded(change, message, tmp_path, monkeypatch):
    monkeypatch.setattr("deepsuper.demo.run.ask", lambda *_, **__: pytest.fail("a model was asked"))
    with pytest.raises(UserError, match=message):
        run_demo(DemoConfig(output_dir=str(tmp_path / "demo"), **change))


def test_the_demo_trains_on_all_rows_and_takes_as_many_held_out_rows_as_questions():
    counts = {}
    for questions in (None, 3):
        data = data_config(DemoConfig(questions=questions))
        counts[questions] = [len(load_corpus(s, data, kind="parallel").rows) for s in (data.train, data.held_out)]
    assert counts == {None: [992, 198], 3: [992, 3]}
