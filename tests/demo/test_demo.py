"""The demo: its rows are split by article, its scores are right by hand, and it runs whole on the real model."""

from __future__ import annotations

import gzip
import json

import pytest

from deepsuper.common.intervals import mean_interval, paired_interval
from deepsuper.data.rows import Row
from deepsuper.demo import run_demo
from deepsuper.demo.dataset import LANGUAGES, load_rows, rows_file
from deepsuper.demo.make_rows import make_rows, sentence_with
from deepsuper.demo.run import DEMO_OBJECTIVE, make_config, score
from deepsuper.evaluation.fidelity import in_language
from deepsuper.training.arguments import make_arguments
from deepsuper.training.prepare import prepare
from deepsuper.training.run import make_trainer
from deepsuper.training.run_folder import RunFolder
from shared import SHARED, needs_shared


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_article_is_in_both_parts(language):
    titles = {}
    for part in ("train", "held_out"):
        lines = gzip.decompress(rows_file(language, part).read_bytes()).decode("utf-8").splitlines()
        titles[part] = {json.loads(line)["title"] for line in lines}
        assert len(load_rows(language, part)) == len(lines) == {"train": 992, "held_out": 198}[part]
    assert len(titles["train"]) == 40 and len(titles["held_out"]) == 8
    assert not titles["train"] & titles["held_out"]


@needs_shared
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_packaged_rows_are_made_by_the_script_beside_them(language, tmp_path):
    make_rows(SHARED / "data" / "parallel" / f"xquad_qa.{language}.jsonl.gz", language, tmp_path)
    for part in ("train", "held_out"):
        made = gzip.decompress((tmp_path / rows_file(language, part).name).read_bytes())
        assert made == gzip.decompress(rows_file(language, part).read_bytes())


def test_a_language_that_is_not_packaged_is_named():
    with pytest.raises(ValueError, match="need one of zh, vi, ar, got 'fr'"):
        load_rows("fr", "train")


def test_the_context_is_cut_to_what_holds_the_answer():
    assert sentence_with("b", "First a. Then b here. Last b.") == "Then b here."
    assert sentence_with("二", "一。二在这里。三。") == "二在这里。"
    assert sentence_with("a. Then", "First a. Then b here. Last.") == "First a. Then b here."
    assert sentence_with("zzz", "First a. Then b.") == "First a. Then b."


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


def test_the_language_of_an_answer():
    assert in_language("美国", "zh") is True and in_language("United States", "zh") is False
    assert in_language("1990", "zh") is None
    assert in_language("أمريكا", "ar") is True and in_language("America", "ar") is False
    assert in_language("Tòa án tối cao Hoa Kỳ", "vi") is True
    assert in_language("the supreme court of the united states", "vi") is False


def test_intervals_by_known_cases():
    half = mean_interval([0.0, 1.0] * 200)
    # The normal approximation: 0.5 +- 1.96 sqrt(0.25 / 400).
    assert (half.mean, half.low, half.high) == (0.5, pytest.approx(0.451, abs=0.01), pytest.approx(0.549, abs=0.01))
    assert mean_interval([0.3]).low == mean_interval([0.3]).high == 0.3
    values = [n % 7 / 7 for n in range(50)]
    shifted = paired_interval([v + 0.1 for v in values], values)
    assert shifted.low == pytest.approx(0.1) and shifted.high == pytest.approx(0.1)
    with pytest.raises(ValueError, match="as many values"):
        paired_interval([1.0], [1.0, 2.0])
    with pytest.raises(ValueError, match="at least one"):
        mean_interval([])


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
