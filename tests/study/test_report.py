"""The page of a study: its numbers are those of compare, it names what is missing, and nothing in an answer runs."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from browser import headless, needs_chromium
from deepsuper.cli import main
from deepsuper.cli.arguments import class_parser, from_values, parse_alone, parse_recipe
from deepsuper.cli.study import _check_line
from deepsuper.common.files import write_json
from deepsuper.config.study import StudyConfig
from deepsuper.evaluation.compare.grids import signed
from deepsuper.study import answers, sentences
from deepsuper.study.charts import POINTS, thinned
from deepsuper.study.findings import find
from deepsuper.study.jobs import align_folders, eval_folder, layers_folders, run_of
from deepsuper.study.page import make_study_page
from deepsuper.study.run import Planned, plan_study, write_plan
from deepsuper.study.sweep import sweeps_of
from deepsuper.study.table import as_csv, columns_of
from deepsuper.training.run_folder import dump
from failing import fail
from result_folders import compared, write_run
from runs import make_run

ATTACK = "</script><img src=x onerror=\"document.title='broken'\">{{ 7 * 7 }}"
ARABIC = "السلام عليكم"
ITEMS = 40
WAYS = ("en-tgt", "tgt-en")


@pytest.fixture
def study(tmp_path) -> Path:
    """The file of a study of two methods and two seeds in two languages; nothing of it is done."""
    (tmp_path / "recipe.yaml").write_text(dump(make_run(tmp_path)))
    values = {
        "question": "Does <b>it</b> pay?",
        "recipe": "recipe.yaml",
        "axes": {"language": ["zh", "ar"], "method": ["tft", "lc-logits"], "seed": [1, 2]},
        "options": {"data.train.language": "{language}", "data.held_out": [], "objective.layer_et": None},
        "overrides": [{"where": {"method": "tft"}, "options": {"objective.layer_lc": None}}],
        "evaluate": {"benchmarks": "xcopa,xquad", "langs": "{language}"},
        "compare": {"baseline": {"method": "tft"}, "resamples": 300, "paper": "llama-2-7b.ablation"},
        "output_dir": str(tmp_path / "out"),
    }
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(values, sort_keys=False))
    return path


def plan(study: Path) -> Planned:
    config = from_values(StudyConfig, parse_alone(class_parser(StudyConfig, ""), ["--config", str(study)]))
    return plan_study(config, study, parse_recipe, _check_line, ready=False)


def items_of(values: dict[str, object], *, text: str = "") -> dict[str, tuple[str, list[dict]]]:
    """The items of one cell: the second method is better at XQuAD, and seeds differ a little."""
    language, seed, better = values["language"], int(values["seed"]), values["method"] != "tft"
    ease = np.random.default_rng(7).random(ITEMS)
    f1 = (ease + 0.3 * better + 0.02 * seed).clip(0, 1)
    right = (ease + 0.1 * np.random.default_rng(seed).random(ITEMS) + 0.05 * better) > 0.5
    written = [
        {"id": f"q{n}", "prompt": f"question {n} {text}", "gold": "x", "golds": [f"gold {n}"], "f1": float(v),
         "prediction": f"{values['method']} says {n} {text}" if n else ARABIC, "in_language": True}
        for n, v in enumerate(f1)
    ]  # fmt: skip
    chosen = [
        {"id": n, "prompt": f"premise {n}", "gold": 0, "choices": ["wet", "dry"], "acc": float(v),
         "logprobs": [0.0, -1.0] if v else [-1.0, 0.0]}
        for n, v in enumerate(right)
    ]  # fmt: skip
    return {f"xcopa/{language}": ("acc", chosen), f"xquad/{language}": ("f1", written)}


def finish(study: Path, *, without: tuple[str, ...] = (), text: str = "") -> Planned:
    """Writes what the jobs of all cells leave behind, but for the evaluations of the cells `without`."""
    planned = plan(study)
    jobs = {job.name: job for job in planned.jobs}
    for cell in planned.cells:
        folder = Path(cell.recipe.output_dir)
        folder.mkdir(parents=True, exist_ok=True)
        term = {} if cell.values["method"] == "tft" else {"loss_lc": 5.0, "weight_lc": 0.5}
        records = [{"step": n, "loss_tft": 3.0 / n} | {k: v / n for k, v in term.items()} for n in (1, 2, 4)]
        if cell.name == "zh.lc-logits.seed1":
            records[1]["ratio_lc"] = 0.2
        (folder / "metrics.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
        write_json(folder / "manifest.json", {"packages": {"torch": "9.9"}, "data": {"rows.jsonl": "abc"}})
        for kind in ("train", "eval"):
            job = jobs[f"{kind}/{cell.name}"]
            if kind == "train" or cell.name not in without:
                job.marker.parent.mkdir(parents=True, exist_ok=True)
                write_json(job.marker, {"inputs": job.inputs, "seconds": 90.0, "peak_mib": 321})
        if cell.name not in without:
            write_run(eval_folder(planned.study, cell) / cell.name / "paper", items_of(cell.values, text=text))
    return plan(study)


def test_the_numbers_of_the_answer_are_those_of_compare(study):
    found = find(finish(study))
    said = sentences.answer(found)
    tests = []
    for group in found.groups:
        runs = [run_of(found.planned.study, arm, own) for arm, own in group.group.arms.items()]
        comparison = compared(*runs, baseline="tft", resamples=300, paper="llama-2-7b.ablation")
        assert comparison.tables == group.comparison.tables
        tests += [difference for _, _, difference in comparison.differences()]
    most = max(tests, key=lambda one: abs(one.mean))
    better = sum(one.significant and one.mean > 0 for one in tests)
    assert len(tests) == 4 and better >= 2
    assert f"of {len(tests)} benchmark-language pairs {better} significantly better and 0 significantly worse" in said
    assert f"{signed(most.mean)} points (95% interval {signed(most.low)} to {signed(most.high)})" in said
    assert sentences.caveat(found) == (
        "The answer stands on 2 seeds for each arm and 40 items for each score; "
        "auxiliary terms without a measured dose: 3 of 8 cells."
    )


def test_the_papers_difference_is_of_the_same_methods_and_benchmarks(study):
    found = {group.group.name: group.in_the_paper() for group in find(finish(study)).groups}
    assert found["ar"] == {}
    told = {column.benchmark: round(100 * value, 2) for (_, column), value in found["zh"].items()}
    assert told == {"xcopa": 0.6, "xquad": 1.34}


def test_missing_and_stale_cells_are_named_and_seeds_stay_paired(study, tmp_path):
    finish(study, without=("zh.tft.seed1", "ar.tft.seed1", "ar.tft.seed2"))
    found = find(plan(study))
    assert sentences.lacking(found)["not evaluated"] == ["zh.tft.seed1", "ar.tft.seed1", "ar.tft.seed2"]
    groups = {group.group.name: group for group in found.groups}
    assert {arm: [f.cell.name for f in own] for arm, own in groups["zh"].used.items()} == {
        "tft": ["zh.tft.seed2"],
        "lc-logits": ["zh.lc-logits.seed2"],
    }
    assert groups["ar"].comparison is None and "The baseline tft has no results yet." in groups["ar"].remarks
    page = make_study_page(found)
    assert "ar.tft.seed1" in page and "zh.lc-logits.seed1." in page  # the second: not compared
    assert "of 2 benchmark-language pairs" in page and "✖ missing" in page
    study.write_text(study.read_text().replace("langs: '{language}'", "langs: '{language}'\n  limit: 9"))
    assert len(sentences.lacking(find(plan(study)))["stale"]) == 5


def test_a_study_of_which_nothing_is_done_has_a_page(study):
    page = make_study_page(find(plan(study)))
    assert "Nothing can be compared yet." in page and "stands on no results; not trained: 8 of 8 cells" in page
    assert "no answers yet" in page and "No training has logged a loss yet" in page


def test_a_result_that_cannot_be_read_is_a_remark(study, tmp_path):
    finish(study)
    (tmp_path / "out/eval/study/zh.tft.seed1/zh.tft.seed1/paper/results.json").write_text("{}")
    (tmp_path / "out/eval/study/ar.tft.seed1/ar.tft.seed1/paper/items/xquad.ar.jsonl").write_text("no JSON\n")
    page = make_study_page(find(plan(study)))
    assert "is no result of `deepsuper eval`" in page and "xquad.ar.jsonl:1: is no JSON" in page


def test_the_table_beside_the_page_has_the_scores_doses_and_cost_of_each_cell(study, tmp_path, capsys):
    finish(study, without=("ar.tft.seed2",))
    main(["study", "report", str(study)])
    page = tmp_path / "out" / "report" / "study.html"
    assert capsys.readouterr().out.strip() == str(page)
    rows = {row["cell"]: row for row in csv.DictReader(page.with_suffix(".csv").read_text().splitlines())}
    assert len(rows) == 8
    one, other = rows["zh.lc-logits.seed1"], rows["ar.tft.seed2"]
    doses = [one[name] for name in ("ratio_lc", "weight_lc", "loss_lc first", "loss_lc last")]
    assert doses == ["0.2", "0.125", "5.0", "1.25"]
    assert (one["minutes"], one["peak MiB"], one["steps"], one["empty"]) == ("1.5", "321.0", "4", "0.0")
    want = np.mean(
        [item["f1"] for item in items_of({"language": "zh", "method": "lc-logits", "seed": 1})["xquad/zh"][1]]
    )
    assert float(one["xquad (F1)"]) == pytest.approx(want)
    assert (other["eval"], other["xquad (F1)"], other["ratio_lc"]) == ("missing", "", "")
    text = page.read_text(encoding="utf-8")
    assert "torch" in text and "9.9" in text and "rows.jsonl" in text and "deepsuper compare" in text
    assert "5 → 1.25" in text and "✖ missing" in text


def test_the_table_shows_what_tuning_changed_inside_and_what_english_cost(study):
    study.write_text(study.read_text() + "align: {langs: [zh, ar], sentences: 50, layer: 2}\n")
    planned = finish(study)
    line = next(job for job in planned.jobs if job.name == "align/zh.tft.seed1").commands[1]
    assert "--lang=ar" in line and "--sentences=50" in line and "--layer=2" in line
    cell = planned.cells[0]
    assert sentences.lacking(find(planned))["alignment not measured"] == [cell.name for cell in planned.cells]
    for k, folder in enumerate(align_folders(planned.study, cell).values()):
        models = [
            {
                "english loss": 4.0 + better,
                "layers": [
                    {},
                    {},
                    {f"centered retrieval {way}": {"mean": 0.1 * (k + 1) + 0.5 * better} for way in WAYS},
                ],
                "tsne": {"layer": 2},
            }
            for better in (0, 1)
        ]
        folder.mkdir(parents=True)
        write_json(folder / "align.json", {"models": models})
    job = next(job for job in planned.jobs if job.name == f"align/{cell.name}")
    job.marker.parent.mkdir(parents=True, exist_ok=True)
    write_json(job.marker, {"inputs": job.inputs, "seconds": 1.0, "peak_mib": 1})
    found = find(plan(study))
    columns = columns_of(found.cells)
    assert columns["align"][:2] == ["done", "missing"]
    assert columns["retrieval, layer 2"][0] == pytest.approx((0.15, 0.65)) and columns["English loss"][0] == (4, 5)
    assert columns["retrieval, layer 2"][1] is None and "0.15 → 0.65" in make_study_page(found)
    first = next(csv.DictReader(as_csv(found.cells).splitlines()))
    assert (first["English loss base"], first["English loss tuned"]) == ("4.0", "5.0")


@pytest.mark.slow
def test_scores_are_drawn_over_an_axis_of_numbers_with_the_baseline_and_the_entropy(study, tmp_path):
    values = yaml.safe_load(study.read_text())
    layer = {"none": {}, 2: {"objective.layer_lc": 2}, 1: {"objective.layer_lc": 1}}
    values["axes"] = {"language": ["zh"], "method": ["tft", "lc-logits"], "layer": layer, "seed": [1, 2]}
    values["leave_out"] = [{"method": "tft", "layer": [1, 2]}, {"method": "lc-logits", "layer": "none"}]
    values["compare"] = {"baseline": {"method": "tft", "layer": "none"}, "resamples": 200}
    values |= {"sweep": "layer", "layers": {"langs": ["zh", "vi"], "sentences": 9}}
    study.write_text(yaml.safe_dump(values, sort_keys=False))
    assert "There are no scores yet." in make_study_page(find(plan(study)))
    planned = finish(study)
    (job,) = [job for job in planned.jobs if job.kind == "layers"]
    assert [line[-4:-2] for line in job.commands] == [("--lang=zh", "--sentences=9"), ("--lang=vi", "--sentences=9")]
    for language, folder in layers_folders(planned.study, planned.cells[0]).items():
        folder.mkdir(parents=True)
        write_json(folder / "layers.json", {"entropy": [5, 4, 3, 2, 1 if language == "zh" else 9]})
    found = find(planned)
    ((name, sweep),) = sweeps_of(found)
    scores = {facts.cell.name: np.mean(list(facts.scores().values())) for facts in found.cells}
    assert name == "zh" and sweep.entropy == {"zh": [5, 4, 3, 2, 1]}
    assert sweep.lines == {
        "lc-logits": [
            (x, tuple(pytest.approx(scores[f"zh.lc-logits.layer{x}.seed{n}"]) for n in (1, 2))) for x in (1, 2)
        ]
    }
    assert sweep.baseline[0] == "tft.none"
    assert sweep.baseline[1] == pytest.approx(np.mean([scores[f"zh.tft.none.seed{n}"] for n in (1, 2)]))
    main(["study", "report", str(study)])
    page = (tmp_path / "out" / "report" / "study.html").read_text()
    low = 100 * np.mean([scores[f"zh.lc-logits.layer1.seed{n}"] for n in (1, 2)])
    assert f"Mean score over layer, cells zh: lc-logits: {low:.1f} at 1" in page
    assert (tmp_path / "out" / "report" / "study.zh.png").read_bytes().startswith(b"\x89PNG")


def test_the_items_that_the_arms_disagree_on_come_first_and_markup_is_escaped(study):
    found = find(finish(study, text=ATTACK))
    shown = answers.answers_of(found)
    assert shown.total == len(shown.items) == 4 * ITEMS
    apart = [item.apart for item in shown.items]
    assert apart == sorted(apart, reverse=True) and apart[0] > 0.2
    first = next(item for item in shown.items if item.benchmark == "xcopa" and item.disagree)
    assert [answer.text for answer in first.answers] == ["dry", "wet"]
    assert [answer.sign for answer in first.answers] == ["✖", "✔"] and first.gold == "wet"
    page = make_study_page(found)
    assert "<img" not in page and "&lt;img" in page and "49" not in shown.items[0].prompt
    assert "<b>it</b>" not in page and page.count("<script>") == 1


def test_a_page_stays_small(study):
    found = find(finish(study, text="é" * 9000))
    page = make_study_page(found)
    assert len(page.encode()) < 5_000_000
    shown = answers.answers_of(found)
    assert f"{len(shown.items):,} of {shown.total:,} items" in page
    assert max(len(item.prompt) for item in shown.items) == answers.CHARACTERS + 1
    steps, values = thinned([(n, float(n)) for n in range(1000)] + [(1000, float("nan"))])
    assert len(steps) == POINTS and np.mean(values) == pytest.approx(499.5)


def test_the_last_job_writes_the_page_of_the_study_as_it_is_run(study, tmp_path):
    planned = plan(study)
    *others, last = planned.jobs
    assert last.name == "report/all" and set(last.needs) == {job.marker for job in others}
    (tmp_path / "out").mkdir()
    write_plan(planned, tmp_path / "out")
    again = plan(Path(last.commands[0][-1]))
    assert again == planned


@pytest.mark.parametrize("output", ["page.txt", "page"])
def test_another_name_than_html_is_refused(study, capsys, output):
    assert "need a file that ends in .html" in fail(capsys, "study", "report", str(study), "--output", output)


@pytest.mark.slow
@needs_chromium
def test_search_and_filters_work_and_nothing_is_fetched(study, tmp_path):
    finish(study, text=ATTACK)
    main(["study", "report", str(study), "--output", str(tmp_path / "page.html")])
    with headless() as browser:
        page = browser.new_page(viewport={"width": 390, "height": 800}, color_scheme="dark")
        problems: list[str] = []
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto((tmp_path / "page.html").as_uri())
        visible = page.locator("#answers article:visible")
        assert page.title() == "Study study" and visible.count() == 4 * ITEMS
        page.locator("#search").focus()
        page.keyboard.type("SAYS 17 ")
        assert visible.count() == 2 and "2 of 160 items" in page.locator("#told").inner_text()
        page.locator("select[name=language]").select_option("zh")
        assert visible.count() == 1
        page.locator("#search").fill("")
        page.locator("select[name=benchmark]").select_option("xcopa")
        assert visible.count() == ITEMS
        page.locator("#differing").check()
        assert 0 < visible.count() < ITEMS
        page.locator("#differing").uncheck()
        page.locator("select[name=benchmark]").select_option("xquad")
        arabic = page.locator("#answers dd", has_text=ARABIC).first
        assert arabic.evaluate("e => e.matches('[dir=auto]') && getComputedStyle(e).direction") == "rtl"
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert page.evaluate("performance.getEntriesByType('resource').length") == 0
        assert all(page.locator("svg").evaluate_all("all => all.map(e => !!e.getAttribute('aria-label'))"))
        assert problems == []
