"""A study: its grid, what is refused of it, what is done, and that a killed one goes on to the same scores."""

from __future__ import annotations

import json
import os
import signal
import time
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest
import yaml

from deepsuper.cli import main
from deepsuper.cli.arguments import class_parser, from_values, parse_alone, parse_recipe
from deepsuper.cli.study import _check_line
from deepsuper.config import RunConfig
from deepsuper.config.study import StudyConfig
from deepsuper.models.depth import depth_of
from deepsuper.study.cells import cells_of
from deepsuper.study.run import plan_study
from deepsuper.training.run_folder import dump
from failing import fail
from local_rows import write_rows
from running import finish, results, start
from runs import make_run

PLAIN = {"objective.method": "tft", "objective.layer_lc": None, "objective.layer_et": None}


@pytest.fixture
def study(tmp_path) -> Path:
    """Two methods and two seeds of a tiny model, on two items of a benchmark."""
    run = make_run(tmp_path, max_steps=6, save_every=2)
    (tmp_path / "recipe.yaml").write_text(dump(run))
    write_rows(tmp_path / "data")
    return write(
        tmp_path,
        recipe="recipe.yaml",
        axes={"method": ["tft", "lc-logits"], "seed": [1, 2]},
        overrides=[
            {"where": {"method": "tft"}, "options": {"objective.layer_lc": None, "objective.layer_et": None}},
            {"where": {"method": "lc-logits"}, "options": {"objective.layer_et": None}},
        ],
        evaluate={"benchmarks": "xcopa", "langs": "zh", "data_dir": str(tmp_path / "data"), "comet_model": "none"},
        compare={"baseline": {"method": "tft"}, "resamples": 200},
        output_dir=str(tmp_path / "out"),
    )


def write(folder: Path, **values) -> Path:
    path = folder / "study.yaml"
    old = yaml.safe_load(path.read_text()) if path.exists() else {}
    path.write_text(yaml.safe_dump({**old, **values}, sort_keys=False))
    return path


def test_the_grid_has_a_cell_for_each_value_but_those_left_out(study, tmp_path, capsys):
    write(tmp_path, leave_out=[{"method": "lc-logits", "seed": [2]}])
    main(["study", "show", str(study)])
    said = capsys.readouterr().out
    assert "tft.seed1" in said and "lc-logits.seed1" in said and "lc-logits.seed2" not in said
    assert said.splitlines()[-1] == "3 cells, 8 jobs: 8 missing"


@pytest.mark.slow
def test_a_value_can_have_options_and_texts_name_the_values_of_their_cell(study, tmp_path, capsys):
    axes = {"language": ["zh", "vi"], "arm": {"plain": PLAIN, "deep": {}}}
    options = {"data.train": [{"language": "{language}", "path": str(tmp_path / "rows.jsonl")}], "data.held_out": []}
    write(tmp_path, axes=axes, options=options, overrides=[], compare={}, evaluate={})
    main(["study", "run", str(study), "--dry_run"])
    recipes = {p.stem: yaml.safe_load(p.read_text()) for p in (tmp_path / "out" / "recipes").iterdir()}
    assert recipes.keys() == {"zh.plain", "zh.deep", "vi.plain", "vi.deep"}
    assert recipes["vi.plain"]["data"]["train"][0]["language"] == "vi"
    assert recipes["vi.plain"]["objective"]["method"] == "tft"
    assert recipes["vi.deep"]["objective"]["method"] == "dft-logits"


def test_the_tuned_lens_of_a_base_model_is_fitted_once_before_the_cells_that_read_it(study, tmp_path):
    overrides = [
        {"where": {"method": "tft"}, "options": {"objective.layer_lc": None, "objective.layer_et": None}},
        {"where": {"method": "lc-logits"}, "options": {"objective.layer_et": None, "objective.lens": "tuned"}},
    ]
    path = write(tmp_path, overrides=overrides)
    jobs = {job.name: job for job in plan_study(read(path), path, parse_recipe, _check_line).jobs}
    (lens,) = [job for job in jobs.values() if job.kind == "lens"]
    assert lens.commands[0][3:] == ("layers", str(tmp_path / "base-llama"), "--fit_lens")
    assert jobs["train/lc-logits.seed1"].needs == jobs["train/lc-logits.seed2"].needs == (lens.marker,)
    assert jobs["train/tft.seed1"].needs == ()


FOLDER = Path(__file__).parents[2] / "studies"
STUDIES = sorted(path for path in FOLDER.rglob("*.yaml") if "\naxes:" in path.read_text())
DEPTHS = {"meta-llama/Llama-2-7b-hf": 32, "google/gemma-2-2b": 26}


def read(path: Path) -> StudyConfig:
    return from_values(StudyConfig, parse_alone(class_parser(StudyConfig, ""), ["--config", str(path)]))


CELLS = {"table1": 30, "table2": 30, "table3": 7, "table4": 7, "figure3": 13, "figure4": 3}
"""The cells of the paper's tables; a study of the same folder trains none again."""


@pytest.mark.slow
@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_every_study_is_valid_on_models_of_the_true_depth(path, tmp_path, monkeypatch):
    monkeypatch.setattr("deepsuper.training.resolve.depth_of", lambda model: DEPTHS.get(model.name) or depth_of(model))
    monkeypatch.setattr("deepsuper.training.check._check_files", lambda config: None)
    study = read(path)
    planned = plan_study(study, path, parse_recipe, _check_line)
    assert len(planned.cells) == CELLS.get(path.stem, len(planned.cells))
    assert sum(job.kind == "train" for job in planned.jobs) == len(planned.cells)


@pytest.mark.slow
def test_the_studies_of_the_paper_share_their_trainings():
    def recipes(name: str) -> dict[str, RunConfig]:
        path = next(path for path in STUDIES if path.stem == name)
        study = read(path)
        return {cell.name: cell.recipe for cell in cells_of(study, path, parse_recipe)}

    assert recipes("table1") == recipes("table2") and recipes("table3") == recipes("table4")
    assert recipes("figure4").items() <= recipes("table3").items()
    shared = recipes("table1").keys() & recipes("table3").keys()
    assert len(shared) == 3 and all(recipes("table1")[name] == recipes("table3")[name] for name in shared)


MISTAKES = {
    "alignment without a language": ({"align": {"sentences": 50}}, "align.langs: need languages, such as [vi, zh]"),
    "a sweep over no axis": ({"sweep": "layer"}, "sweep: need an axis with several numbers (seed), got 'layer'"),
    "a sweep without a baseline on it": ({"sweep": "seed"}, "sweep: need compare.baseline to name a value of 'seed'"),
    "an option that layers lacks": ({"layers": {"langs": "zh", "layer": 5}}, "--layer"),
    "an option that align lacks": ({"align": {"langs": "zh", "sentence": 50}}, "--sentence"),
    "axis without a value": ({"axes": {"seed": []}}, "axes.seed: need a list of values"),
    "no axis": ({"axes": {}}, "axes: need at least one"),
    "unknown option": ({"axes": {"objective.layer_eet": [3]}, "overrides": [], "compare": {}}, "layer_eet"),
    "an axis that changes nothing": (
        {"axes": {"flavour": ["a", "b"]}, "overrides": [], "compare": {}},
        "axes.flavour: 'a' and 'b' give the same run",
    ),
    "one folder for two cells": (
        {"axes": {"data.template": ["plain", "plain "]}, "overrides": [], "compare": {}},
        "plain",
    ),
    "unknown axis": ({"leave_out": [{"methd": "tft"}]}, "leave_out[0]: no axis 'methd': did you mean method?"),
    "unknown value": ({"leave_out": [{"seed": 7}]}, "leave_out[0].seed: need one of 1, 2, got 7"),
    "unknown baseline": ({"compare": {"baseline": {"method": "sft"}}}, "compare.baseline.method: need one of tft"),
    "nothing left": ({"leave_out": [{"method": ["tft", "lc-logits"]}]}, "leave_out: leaves no cell"),
    "no recipe": ({"recipe": "nowhere.yaml"}, "recipe: no such file 'nowhere.yaml'"),
    "a wrong value of a cell": ({"axes": {"method": ["tfft"]}, "overrides": [], "compare": {}}, "cell tfft: "),
    "a layer that is not there": ({"axes": {"objective.layer_et": [3, 9]}, "overrides": [], "compare": {}},
                                  "cell layer_et9: objective.layer_et: need 0 < layer"),
    "a missing data file": ({"options": {"data.train.path": "gone.jsonl"}}, "no such file 'gone.jsonl'"),
    "an unknown option of eval": ({"evaluate": {"benchmark": "xcopa"}}, "evaluate: "),
    "an unknown option of compare": ({"compare": {"baseline": {"method": "tft"}, "resample": 1}}, "compare: "),
    "an unknown entry": ({"axis": {"seed": [1]}}, "there is no option axis: did you mean axes?"),
    "no cores": ({"--cores": "0"}, "cores: need at least 1, got 0"),
}  # fmt: skip


@pytest.mark.parametrize("case", MISTAKES)
def test_a_wrong_study_is_refused_in_one_line_before_anything_starts(study, tmp_path, capsys, case):
    values, words = MISTAKES[case]
    more = [word for name, value in values.items() if name.startswith("--") for word in (name, value)]
    write(tmp_path, **{name: value for name, value in values.items() if not name.startswith("--")})
    assert words in fail(capsys, "study", "run", str(study), *more)
    assert not (tmp_path / "out").exists()


@pytest.mark.processes
def test_a_study_that_is_killed_goes_on_to_the_same_scores_and_does_nothing_twice(study, tmp_path):
    whole = tmp_path / "whole"
    finish(write(tmp_path, axes={"method": ["tft", "lc-logits"], "seed": [1]}, output_dir=str(whole)))
    assert (whole / "compare" / "study" / "all.html").is_file()
    write(tmp_path, output_dir=str(tmp_path / "out"))
    done = tmp_path / "out" / "done"
    for jobs in (0, 2):
        process = start(study)
        deadline = time.monotonic() + 300
        while len(list(done.rglob("*.json"))) < jobs and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(2)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    before = {file: file.stat().st_mtime_ns for file in done.rglob("*.json")}
    finish(study)
    assert {file: file.stat().st_mtime_ns for file in before} == before
    found, expected = results(tmp_path / "out"), results(whole)
    assert found.keys() == expected.keys() and len(expected) == 5
    assert all(found[name].replace("out/", "whole/") == text for name, text in expected.items())


SBATCH = """#!/bin/sh
# Runs the script, the last argument, on this machine; the state of the job is in a file that sacct prints.
echo "$@" >> {folder}/submitted
for script; do :; done
job=$(wc -l < {folder}/submitted)
echo RUNNING > {folder}/state.$job
run() {{
    if sh "$script" > {folder}/job.$job.log 2>&1; then echo COMPLETED; else echo FAILED; fi > {folder}/state.$job
}}
run > /dev/null 2>&1 &
echo $job
"""
SACCT = """#!/bin/sh
cat {folder}/state.$2
"""


KUBECTL = """#!/bin/sh
# create: runs the script of the Job on standard input; get: prints whether it has ended, as the asked jsonpath does.
case "$1" in
create)
    cat >> {folder}/submitted
    name=$(sed -n 's/^  name: //p' {folder}/submitted | tail -n 1)
    script=$(sed -n 's/.*command: .sh, "\\(.*\\)".$/\\1/p' {folder}/submitted | tail -n 1)
    echo "succeeded= failed=" > {folder}/state.$name
    run() {{
        end="succeeded= failed=1"
        if sh "$script" > {folder}/job.$name.log 2>&1; then end="succeeded=1 failed="; fi
        echo "$end" > {folder}/state.$name
    }}
    run > /dev/null 2>&1 &
    echo "job.batch/$name created" ;;
get) cat {folder}/state.$3 ;;
esac
"""
CLUSTERS = {
    "slurm": ({"sbatch": SBATCH, "sacct": SACCT}, "--gres=gpu:8 --cpus-per-task=32 --mem=400000"),
    "kubernetes": ({"kubectl": KUBECTL}, "limits: {nvidia.com/gpu: 8, cpu: 32, memory: 400000Mi}"),
}
"""The stand-ins for the commands of each profile, and what it must ask for."""


@pytest.mark.processes
@pytest.mark.parametrize("profile", CLUSTERS)
def test_a_profile_submits_each_job_and_sees_which_one_failed(study, tmp_path, monkeypatch, capsys, profile):
    commands, asked = CLUSTERS[profile]
    for name, text in commands.items():
        (tmp_path / name).write_text(text.format(folder=tmp_path))
        (tmp_path / name).chmod(0o755)
    for name, value in {"STUDY_IMAGE": "registry/image", "STUDY_CLAIM": "claim"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    options = {**PLAIN, "training.max_steps": 1}
    write(tmp_path, axes={"seed": [1, 2]}, options=options, overrides=[], compare={}, evaluate={})
    (tmp_path / "out" / "cells" / "seed1").mkdir(parents=True)
    (tmp_path / "out" / "cells" / "seed1" / "metrics.jsonl").write_text("")
    with pytest.raises(SystemExit, match="1"):
        main(["study", "run", str(study), "--profile", str(FOLDER / profile)])
    assert "1 of 2 jobs are not done, such as train/seed1" in capsys.readouterr().err
    assert (tmp_path / "submitted").read_text().count(asked) == 2
    assert (tmp_path / "out" / "done" / "train" / "seed2.json").is_file()


@pytest.mark.processes
def test_a_failing_cell_stops_no_other_and_a_changed_one_is_stale(study, tmp_path, capsys, caplog):
    options = {**PLAIN, "training.max_steps": 1}
    write(tmp_path, axes={"seed": [1, 2]}, options=options, overrides=[], compare={}, evaluate={})
    folder, done = tmp_path / "out" / "cells" / "seed1", tmp_path / "out" / "done" / "train"
    folder.mkdir(parents=True)
    (folder / "metrics.jsonl").write_text("")
    with pytest.raises(SystemExit, match="1"):
        main(["study", "run", str(study)])
    assert "1 of 2 jobs are not done, such as train/seed1" in capsys.readouterr().err
    assert "holds a run" in (tmp_path / "out" / "logs" / "train" / "seed1.log").read_text()
    assert [file.name for file in done.iterdir()] == ["seed2.json"]
    (folder / "metrics.jsonl").unlink()
    caplog.set_level("INFO", "deepsuper")
    # As if the study had been killed right after this job: Snakemake has not noted yet that it has ended.
    ended = done / "seed2.json"
    noted = tmp_path / "out" / ".snakemake" / "incomplete" / urlsafe_b64encode(str(ended).encode()).decode()
    noted.write_text('{"external_jobid": null}')
    written = ended.stat().st_mtime_ns
    for _ in range(2):
        main(["study", "run", str(study)])
        assert "all 2 jobs are done" in caplog.text
    assert ended.stat().st_mtime_ns == written
    before = {file: file.read_text() for file in done.iterdir()}
    write(tmp_path, options={**options, "training.max_steps": 2})
    main(["study", "run", str(study)])
    assert "2 jobs are stale and stay as they are: train/seed1 was done with another recipe.training" in caplog.text
    assert {file: file.read_text() for file in done.iterdir()} == before
    main(["study", "run", str(study), "--rerun_stale"])
    steps = [json.loads(file.read_text())["inputs"]["recipe"]["training"]["max_steps"] for file in done.iterdir()]
    assert steps == [2, 2]
