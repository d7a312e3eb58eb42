"""Several streams in one run: their order, their losses, and that steps in turn equal two loops written by hand."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from deepsuper.common.errors import UserError
from deepsuper.config import LoraConfig, ObjectiveConfig, RunConfig, StreamConfig
from deepsuper.method.supervised import Supervised
from deepsuper.training.arguments import make_arguments
from deepsuper.training.prepare import prepare, shuffled_english
from deepsuper.training.run import make_trainer, train
from deepsuper.training.run_folder import RunFolder
from deepsuper.training.sampler import StreamSampler
from deepsuper.training.streams import StreamOrder
from runs import PAIRS, close, finish, losses, make_run, start, with_streams


def test_an_order_counts_the_steps_of_each_stream():
    order = StreamOrder(("a", "b"), (2, 1))
    run = [order.of_step(step)[0] for step in range(7)]
    assert run == ["a", "a", "b", "a", "a", "b", "a"]
    for name in "ab":
        for until in range(8):
            assert order.count(name, until) == run[:until].count(name)
    assert [order.steps_for("a", n) for n in (1, 2, 3, 5)] == [1, 2, 4, 7]
    assert [order.steps_for("b", n) for n in (1, 2)] == [3, 6]
    joined = StreamOrder(("a", "b"), (2, 1), joined=True)
    assert joined.of_step(5) == ("a", "a", "b") and joined.steps_for("a", 5) == 3 and joined.count("b", 4) == 4


def test_a_sampler_uses_every_row_of_a_stream_before_any_again():
    order = StreamOrder(("a", "b"), (1, 1))
    batches = list(StreamSampler(order, [6, 5], [4, 3], steps=10, parts=1, seed=0))
    a, b = (list(chain.from_iterable(batches[n::2])) for n in (0, 1))
    assert [len(batch) for batch in batches] == [4, 3] * 5
    assert [sorted(a[n : n + 6]) for n in (0, 6, 12)] == [list(range(6))] * 3
    assert [sorted(b[n : n + 5]) for n in (0, 5, 10)] == [list(range(6, 11))] * 3


def test_several_processes_share_the_rows_of_one(monkeypatch):
    order = StreamOrder(("a", "b"), (1, 2))
    whole = list(StreamSampler(order, [9, 7], [4, 2], steps=6, parts=1, seed=1))
    monkeypatch.setenv("WORLD_SIZE", "2")
    ranks = []
    for rank in ("0", "1"):
        monkeypatch.setenv("RANK", rank)
        ranks.append(list(StreamSampler(order, [9, 7], [2, 1], steps=6, parts=1, seed=1)))
    assert [left + right for left, right in zip(*ranks, strict=True)] == whole


@pytest.mark.slow
@pytest.mark.parametrize("family", ["llama", "gemma2", "qwen3"])
def test_steps_in_turn_equal_two_loops_written_by_hand(tmp_path, family):
    run = with_streams(make_run(tmp_path, family=family, max_steps=5, max_grad_norm=0.0, schedule="constant"), tmp_path)
    run = replace(run, training=replace(run.training, warmup_ratio=0.0, optimizer="adamw_torch"))
    folder = RunFolder(train(run))
    prepared = prepare(run)
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_pretrained(run.model.name, attn_implementation=model_attention(run))
    supervised = Supervised(model, prepared.objectives, languages=prepared.languages)
    trainer = make_trainer(run, prepared, make_arguments(run, folder, steps=5), RunFolder(tmp_path / "other"))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.0)
    by_hand = []
    for batch in trainer.get_train_dataloader():
        found = supervised(batch)
        optimizer.zero_grad()
        sum(found.values()).backward()
        optimizer.step()
        by_hand.append({f"{batch['stream']}_{name}": float(loss.detach()) for name, loss in found.items()})
    logged = [{k.removeprefix("loss_"): v for k, v in r.items() if k.startswith("loss_")} for r in losses(folder.path)]
    assert [list(step) for step in logged] == [["task_tft"], ["pairs_lc"]] * 2 + [["task_tft"]]
    close(logged, by_hand)


def model_attention(run: RunConfig) -> str | None:
    return None if run.model.attention == "auto" else run.model.attention


@pytest.mark.slow
def test_joined_streams_have_a_loss_each_in_every_step(tmp_path):
    run = with_streams(make_run(tmp_path, max_steps=3), tmp_path, schedule="joined")
    for step in losses(RunFolder(train(run)).path):
        assert step["loss"] == pytest.approx(step["loss_task_tft"] + step["loss_pairs_lc"], rel=1e-5)


def test_pairs_give_no_gradient_to_the_head_and_the_blocks_above(tmp_path):
    run = with_streams(make_run(tmp_path), tmp_path)
    prepared = prepare(run)
    trainer = make_trainer(run, prepared, make_arguments(run, RunFolder(tmp_path), steps=2), RunFolder(tmp_path))
    batch = next(batch for batch in trainer.get_train_dataloader() if batch["stream"] == "pairs")
    sum(trainer.supervised(batch).values()).backward()
    model = trainer.supervised.model
    assert model.lm_head.weight.grad is None and model.model.norm.weight.grad is None
    reached = [any(p.grad is not None and p.grad.any() for p in block.parameters()) for block in model.model.layers]
    assert reached == [True, True, False, False]


@pytest.mark.slow
def test_accumulated_micro_batches_of_a_stream_train_as_one_batch(tmp_path):
    run = with_streams(make_run(tmp_path, max_steps=4), tmp_path, task="tft")
    feature = replace(PAIRS, similarity="cosine")  # negatives are those of a micro-batch
    run = replace(run, streams={**run.streams, "pairs": replace(run.streams["pairs"], objective=feature)})
    parts = replace(run, training=replace(run.training, micro_batch_size=1), output_dir=str(tmp_path / "parts"))
    train(run)
    train(parts)
    close(losses(Path(run.output_dir)), losses(Path(parts.output_dir)))


@pytest.mark.slow
@pytest.mark.parametrize("lora", [None, LoraConfig(r=4)])
def test_a_resumed_run_of_streams_ends_with_the_same_losses(tmp_path, lora):
    run = with_streams(make_run(tmp_path, max_steps=7, save_every=3, log_every=2), tmp_path, lora=lora)
    folder = RunFolder(train(run))
    before, after = losses(folder.path), folder.checkpoints / "checkpoint-7"
    for file in sorted(after.iterdir()):
        file.unlink()
    train(run, resume=True)
    assert losses(folder.path) == before


@pytest.mark.processes
def test_two_processes_train_streams_as_one(tmp_path):
    run = with_streams(make_run(tmp_path, max_steps=4), tmp_path)
    feature = replace(PAIRS, similarity="cosine")
    run = replace(run, streams={**run.streams, "pairs": replace(run.streams["pairs"], objective=feature)})
    two = replace(run, training=replace(run.training, micro_batch_size=2), output_dir=str(tmp_path / "two"))
    train(run)
    finish(start(two, processes=2))
    close(losses(Path(run.output_dir)), losses(Path(two.output_dir)))


def test_both_trains_each_row_in_english_and_in_the_target_language(tmp_path):
    run = make_run(tmp_path, method="both", layer_lc=None, layer_et=None)
    (stream,) = prepare(run).streams
    one, other = (
        prepare(replace(run, objective=ObjectiveConfig(method="tft"))).streams[0].rows,
        prepare(replace(run, objective=ObjectiveConfig(method="sft"))).streams[0].rows,
    )
    assert [row.tgt for row in stream.rows[::2]] == [row.tgt for row in one]
    assert [row.tgt for row in stream.rows[1::2]] == [row.tgt for row in other]
    assert {row.language for row in stream.rows[1::2]} == {"en"}


@pytest.mark.slow
def test_et_output_predicts_the_english_answer_at_the_last_layer(tmp_path):
    run = make_run(tmp_path, method="et-output", layer_lc=None, layer_et=None)
    objective = prepare(run).task.objective
    assert objective.terms["et"].layer == objective.terms["tft"].layer == 4
    train(run)


def test_shuffled_rows_keep_their_texts_and_never_their_own_english(tmp_path):
    rows = prepare(make_run(tmp_path)).task.rows
    shuffled = shuffled_english(rows, seed=1)
    assert [row.tgt for row in shuffled] == [row.tgt for row in rows]
    assert sorted(row.en.query for row in shuffled) == sorted(row.en.query for row in rows)
    assert all(a.en is not b.en for a, b in zip(rows, shuffled, strict=True))
    assert shuffled == shuffled_english(rows, seed=1) != shuffled_english(rows, seed=2)


def test_questions_serve_as_pairs_and_texts_without_a_token_to_compare_are_refused(tmp_path):
    run = with_streams(make_run(tmp_path), tmp_path)
    source = StreamConfig(run.streams["task"].train, PAIRS)
    rows = prepare(replace(run, streams={**run.streams, "pairs": source})).streams[1].rows
    assert len(rows) == 24 and all(not row.tgt.response and not row.en.response for row in rows)
    (tmp_path / "pairs.jsonl").write_text('{"id": 1, "text": "", "text_en": "a"}\n')
    with pytest.raises(UserError, match=r"pairs.jsonl:1: field 'text' is empty"):
        prepare(run)


MISTAKES = {
    "streams: need one that learns answers": lambda s: {"pairs": s["pairs"]},
    "streams.pairs: objective.lc logits: method pairs": lambda s: {
        **s,
        "pairs": replace(s["pairs"], objective=ObjectiveConfig(method="pairs", lc="logits")),
    },
    "streams.pairs.train: has rows of vi, but the task .* trains zh": lambda s: {
        "task": replace(s["task"], objective=ObjectiveConfig(method="tft")),
        "pairs": replace(s["pairs"], train=[replace(s["pairs"].train[0], language="vi")]),
    },
    "streams.pairs.batch_size 3: need a multiple of 2": lambda s: {**s, "pairs": replace(s["pairs"], batch_size=3)},
    "streams.pairs.steps: need at least 1, got 0": lambda s: {**s, "pairs": replace(s["pairs"], steps=0)},
    "streams.pairs: training.micro_batch_size: need at least 2.*got 1": lambda s: {
        **s,
        "pairs": replace(s["pairs"], batch_size=2),
    },
    "streams.task: objective.shuffle_english: method sft": lambda s: {
        **s,
        "task": replace(s["task"], objective=ObjectiveConfig(method="sft", shuffle_english=True)),
    },
}


@pytest.mark.parametrize("message", MISTAKES)
def test_mistakes_in_streams_are_named_before_a_row_is_read(tmp_path, message, monkeypatch):
    run = with_streams(make_run(tmp_path, micro_batch_size=2), tmp_path)
    monkeypatch.setattr("deepsuper.training.prepare.load_corpus", None)
    with pytest.raises(UserError, match=message):
        prepare(replace(run, streams=MISTAKES[message](run.streams)))


def test_streams_and_the_options_of_one_stream_exclude_each_other(tmp_path):
    run = make_run(tmp_path)
    streams = with_streams(run, tmp_path).streams
    with pytest.raises(UserError, match=r"data.train: a recipe with streams has it in each stream"):
        prepare(replace(run, streams=streams))
    with pytest.raises(UserError, match="schedule joined: is read where"):
        prepare(replace(run, schedule="joined"))
    with pytest.raises(UserError, match="streams: need one that learns answers"):
        prepare(replace(run, objective=PAIRS))
