"""SDRRL in a run and on the command line: own answers are kept, rows made once, mistakes named before the weights."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

import pytest

from deepsuper.cli import main
from deepsuper.config import DataConfig, ObjectiveConfig, SdrrlConfig
from deepsuper.data.sdrrl import distillation as distil_module
from deepsuper.data.sdrrl import synthesised_for_run
from deepsuper.data.sdrrl.completion import completion_rows
from deepsuper.data.sdrrl.corpus import make_rows
from deepsuper.data.sdrrl.distillation import distil
from deepsuper.data.sdrrl.run import synthesise
from deepsuper.data.templates import encode_rows
from deepsuper.method.collate import Collator
from deepsuper.method.methods import build_objective
from deepsuper.training.check import check
from deepsuper.training.prepare import prepare
from deepsuper.training.run import train
from deepsuper.training.run_folder import dump
from failing import fail
from runs import close, finish, losses, make_run, start
from sdrrl_rows import OFF, ROWS
from tiny import make_tokenizer


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("DEEPSUPER_CACHE", str(tmp_path / "cache"))
    config = make_run(tmp_path, method="sdrrl", layer_lc=None, layer_et=None)
    records = [{name: value for name, value in vars(row).items() if name != "where"} for row in ROWS[:24]]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    parts = SdrrlConfig(max_answer=40, temperature=1.0, batch_size=5, completion=[])
    return replace(config, data=replace(config.data, sdrrl=parts, max_length=128))


def rows_of(run):
    from deepsuper.data.rows import load_corpus

    return load_corpus(run.data.train, run.data, kind="parallel").rows


@pytest.mark.slow
def test_answers_outlive_a_killed_run(run, monkeypatch, tmp_path):
    rows, calls, write = rows_of(run), [], distil_module.write

    def killed(*args, **kwargs):
        if len(calls) == 2:
            raise KeyboardInterrupt
        calls.append(1)
        return write(*args, **kwargs)

    monkeypatch.setattr(distil_module, "write", killed)
    with pytest.raises(KeyboardInterrupt):
        distil(run, run.data.sdrrl, rows)
    (file,) = (tmp_path / "cache" / "sdrrl").iterdir()
    with file.open("a") as torn:
        torn.write('{"batch": 2, "answers": [{"te')
    monkeypatch.setattr(distil_module, "write", lambda *a, **k: calls.append(1) or write(*a, **k))
    resumed = distil(run, run.data.sdrrl, rows)
    assert len(calls) == 5  # 24 rows in batches of 5, each once
    monkeypatch.setattr(distil_module, "load_for_reading", None)  # nothing is left to answer
    assert distil(run, run.data.sdrrl, rows) == resumed
    monkeypatch.undo()
    monkeypatch.setenv("DEEPSUPER_CACHE", str(tmp_path / "other"))
    assert distil(run, run.data.sdrrl, rows) == resumed  # in one go
    assert resumed.counts["own"] and resumed.counts["cut"] and sum(resumed.counts.values()) == 24


@pytest.mark.slow
@pytest.mark.parametrize("change", [{"temperature": 0.0}, {"max_answer": 4}, {"batch_size": 4}])
def test_what_answers_depend_on_is_in_the_name_of_their_file(run, change, tmp_path):
    for parts in (run.data.sdrrl, replace(run.data.sdrrl, **change)):
        distil(run, parts, rows_of(run))
    assert len(list((tmp_path / "cache" / "sdrrl").iterdir())) == 2


def test_greedy_answers_serve_every_seed_and_sampled_ones_their_own(run, tmp_path):
    for temperature, files in ((0.0, 1), (1.0, 3)):
        for seed in (1, 2):
            seeded = replace(run, training=replace(run.training, seed=seed))
            distil(seeded, replace(run.data.sdrrl, temperature=temperature, max_answer=2), rows_of(run))
        assert len(list((tmp_path / "cache" / "sdrrl").iterdir())) == files


def test_only_the_answers_of_synthesised_rows_are_predicted():
    parts = replace(OFF, directions=["en-tgt"], code_switch=0.5)
    data = DataConfig(train=[], template="alpaca")
    rows = encode_rows(make_rows(ROWS[:8], None, parts, 0).rows, make_tokenizer(), data, "translated").rows
    objective = build_objective(ObjectiveConfig(method="sdrrl"), 4)
    batch = Collator(0, 1, objective)(rows)
    b, columns, labels = batch["targets_tft"]
    for n, row in enumerate(rows):
        assert tuple(labels[b == n].tolist()) == row.tgt.response and row.en is None
        assert columns[b == n].min() == len(row.tgt.query) - 1
    assert set(objective.terms) == {"tft"} and objective.terms["tft"].layer == 4


@pytest.mark.slow
def test_a_run_trains_on_its_rows_and_says_how_many_of_each_part(run, tmp_path):
    out = train(run)
    made = synthesised_for_run(out)
    directions = {"en-en", "en-tgt", "tgt-en", "tgt-tgt"}
    assert set(made.parts) == directions | {"switched-en", "switched-tgt"} and len(made.parts["en-en"]) == 24
    counts = json.loads((out / "manifest.json").read_text())["rows"]
    assert counts["train_rows"] + counts["skipped_rows"] == len(made.rows) > 96
    assert {name: counts[f"sdrrl_{name}"] for name in made.parts} == {n: len(rows) for n, rows in made.parts.items()}
    assert counts["sdrrl_answers_own"] + counts["sdrrl_answers_cut"] + counts.get("sdrrl_answers_empty", 0) == 24
    assert "L_SDRRL" in json.loads((out / "manifest.json").read_text())["objective"]
    assert len(losses(out)) == -(-counts["train_rows"] // 4) and (out / "model" / "model.safetensors").is_file()
    english = {row.id.rpartition(":")[2]: row.output for row in made.parts["en-en"]}
    gold = {row.id: row.output_en for row in rows_of(run)}
    assert sum(english[n] != gold[n] for n in gold) == counts["sdrrl_answers_own"]


@pytest.mark.slow
def test_a_resumed_run_keeps_its_rows(run, tmp_path, monkeypatch):
    run = replace(run, training=replace(run.training, max_steps=4, save_every=2))
    whole = losses(train(run))
    again = replace(run, output_dir=str(tmp_path / "again"))
    train(again)
    for part in ("checkpoint-4", "../model"):
        path = tmp_path / "again" / "checkpoints" / part
        path.rename(path.with_name("gone"))
    monkeypatch.setattr("deepsuper.training.run.synthesise_for_run", None)
    assert losses(train(again, resume=True)) == whole
    (tmp_path / "again" / "sdrrl.jsonl").unlink()
    with pytest.raises(ValueError, match="start the run again"):
        train(again, resume=True)


@pytest.mark.processes
def test_two_processes_train_on_the_rows_that_one_of_them_makes(run, tmp_path):
    training = replace(run.training, micro_batch_size=2, max_steps=3)
    run = replace(run, training=training)
    alone = train(replace(run, output_dir=str(tmp_path / "alone")))
    for file in (tmp_path / "cache" / "sdrrl").iterdir():
        file.unlink()
    finish(start(run, processes=2))
    close(losses(alone), losses(tmp_path / "run"))
    assert (alone / "sdrrl.jsonl").read_bytes() == (tmp_path / "run" / "sdrrl.jsonl").read_bytes()
    (answers,) = (tmp_path / "cache" / "sdrrl").iterdir()
    assert len(answers.read_text().splitlines()) == 5  # 24 rows in batches of 5, by one process


def test_every_value_is_checked_before_a_weight_is_loaded(run, monkeypatch):
    monkeypatch.setattr("deepsuper.data.sdrrl.distillation.load_for_reading", None)
    for change, problem in [
        ({"code_switch": 1.5}, "data.sdrrl.code_switch: need a share"),
        ({"temperature": -1.0}, "data.sdrrl.temperature"),
        ({"max_answer": 0}, "data.sdrrl.max_answer"),
        ({"batch_size": 0}, "data.sdrrl.batch_size"),
        ({"directions": ["en-en", "en-en"]}, "each at most once"),
        ({"directions": [], "completion": []}, "at least one, or some completion"),
        ({"sentences": "/nowhere.jsonl"}, "data.sdrrl.sentences"),
        ({"teacher": " "}, "data.sdrrl.teacher"),
        ({"teacher": "/no/such/model"}, "cannot be loaded"),
    ]:
        with pytest.raises(ValueError, match=problem):
            synthesise_checked(replace(run, data=replace(run.data, sdrrl=replace(run.data.sdrrl, **change))))
    with pytest.raises(ValueError, match=r"data.sdrrl is read by method: sdrrl, got method: tft"):
        check(replace(run, objective=replace(run.objective, method="tft")))
    swahili = [replace(source, language="sw") for source in run.data.train]
    data = replace(run.data, train=swahili, sdrrl=replace(run.data.sdrrl, completion=["translate"]))
    with pytest.raises(ValueError, match="no parallel sentences are packaged for 'sw'"):
        check(replace(run, data=data))


def synthesise_checked(config):
    prepare(config)
    return synthesise(config)


def test_sentences_that_cannot_be_read_are_found_before_a_weight_is_loaded(run, tmp_path, monkeypatch):
    monkeypatch.setattr("deepsuper.data.sdrrl.distillation.load_for_reading", None)
    path = tmp_path / "sentences.jsonl"
    path.write_text('{"zh": "好", "en": "good"}\n{"zh": "坏"}\n')
    parts = replace(run.data.sdrrl, completion=["translate"], sentences=str(path))
    with pytest.raises(ValueError, match="sentence 2 has no English"):
        synthesise(replace(run, data=replace(run.data, sdrrl=parts)))


def test_half_a_surrogate_pair_in_a_sentence_is_named_with_its_line(tmp_path):
    path = tmp_path / "sentences.jsonl"
    path.write_text('{"zh": "你好", "en": "hello"}\n{"zh": "\\ud800", "en": "a"}\n')
    with pytest.raises(ValueError, match=r"sentences\.jsonl:2: holds half of a surrogate pair"):
        completion_rows("zh", SdrrlConfig(sentences=str(path)))


@pytest.mark.slow
def test_the_command_shows_each_part_and_writes_every_row(run, tmp_path, capsys):
    recipe, output = tmp_path / "recipe.yaml", tmp_path / "deep" / "rows.jsonl"
    recipe.write_text(dump(run))
    main(["data", "sdrrl", str(recipe), "--data.sdrrl.distill", "false", "--output", str(output)])
    shown = capsys.readouterr().out
    records = [json.loads(line) for line in output.read_text().splitlines()]
    assert Counter(record["part"] for record in records).items() >= {"en-en": 24, "tgt-tgt": 24}.items()
    assert all(part in shown for part in {record["part"] for record in records}) and f"{len(records)} rows" in shown
    assert not (tmp_path / "run").exists()
    with (tmp_path / "rows.jsonl").open("a") as rows:
        rows.write('{"id": "bad"}\n')
    main(["data", "sdrrl", str(recipe), "--data.sdrrl.distill", "false", "--data.on_bad_row", "skip"])
    assert "rows_skipped: 1" in capsys.readouterr().out
    main(["data", "sdrrl", str(recipe), "--data.sdrrl.distill", "false", "--data.on_bad_row", "skip", "--output",
          str(output)])  # fmt: skip
    skipped = [json.loads(line) for line in (tmp_path / "deep" / "rows.skipped.jsonl").read_text().splitlines()]
    assert [row["where"] for row in skipped] == [f"{tmp_path / 'rows.jsonl'}:25"]
    assert f"skipped: {skipped[0]['where']}: field 'instruction' is missing" in capsys.readouterr().out
    main(["show", str(recipe), "--data.sdrrl.code_switch", "0.5"])
    shown = capsys.readouterr().out
    assert "L_SDRRL = -log P(y | x; theta_1:4, W_out)" in shown and "50% of their aligned words" in shown
    with pytest.raises(SystemExit):
        main(["data", "sdrrl", str(recipe), "--objective.method", "tft", "--data.sdrrl", "null"])
    assert "need sdrrl, got tft" in capsys.readouterr().err


@pytest.mark.slow
def test_the_rows_are_never_written_over_a_file_that_is_read(run, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("deepsuper.data.sdrrl.run.synthesise", None)
    recipe, rows, sentences, held = (tmp_path / f"{name}.jsonl" for name in ("recipe", "rows", "sentences", "held"))
    english = tmp_path / "english.jsonl"
    sentences.write_text('{"zh": "好", "en": "good"}\n')
    for path in (held, english):
        path.write_bytes(rows.read_bytes())
    data = replace(
        run.data,
        train=[replace(run.data.train[0], path_en=str(english))],
        held_out=[replace(run.data.train[0], path=str(held))],
        sdrrl=replace(run.data.sdrrl, sentences=str(sentences)),
    )
    recipe.write_text(dump(replace(run, data=data)))
    (tmp_path / "link.jsonl").symlink_to(rows)
    before = {path: path.read_bytes() for path in tmp_path.glob("*.jsonl")}
    for path in before:
        said = fail(capsys, "data", "sdrrl", str(recipe), "--output", str(path))
        assert said.endswith(f"output {path}: would overwrite a file that is read: choose another output")
    rows.rename(tmp_path / "a.skipped.jsonl")
    train = f"[{{language: zh, path: {tmp_path}/a.skipped.jsonl}}]"
    said = fail(capsys, "data", "sdrrl", str(recipe), "--data.train", train, "--output", str(tmp_path / "a.jsonl"))
    assert "a.skipped.jsonl: would overwrite" in said


@pytest.mark.slow
def test_only_rows_of_a_synthesis_are_written_over(run, tmp_path, monkeypatch, capsys):
    recipe, output, skipped = tmp_path / "recipe.yaml", tmp_path / "a.jsonl", tmp_path / "a.skipped.jsonl"
    recipe.write_text(dump(run))
    command = ["data", "sdrrl", str(recipe), "--data.sdrrl.distill", "false", "--data.on_bad_row", "skip"]
    for path, others in ((output, "precious"), (skipped, '{"id": 1}\n'), (output, '["part"]')):
        path.write_text(others)
        with monkeypatch.context() as patch:
            patch.setattr("deepsuper.data.sdrrl.run.synthesise", None)
            said = fail(capsys, *command, "--output", str(output))
        assert said.endswith(f"output {path}: exists and was not written by synthesis: choose another name")
        assert path.read_text() == others
        path.write_text("")  # an empty file loses nothing
    for _ in range(2):
        main([*command, "--output", str(output)])
    assert json.loads(output.read_text().splitlines()[0])["part"]
