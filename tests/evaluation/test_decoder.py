"""The model as this project runs it gives the harness's own answers, and does less for them."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM
from transformers import AutoModelForCausalLM, JambaConfig, MambaConfig

from deepsuper.evaluation.engine import past
from deepsuper.evaluation.engine.batching import ENOUGH
from deepsuper.evaluation.engine.decoder import Decoder
from deepsuper.evaluation.engine.past import PASS, ROOM, Past, Piece, RoomyLayer, compose, in_passes
from deepsuper.evaluation.engine.prefixes import keeps_keys, shared_prefixes
from tiny import CONFIGS, make_model, make_tokenizer

PASSAGES = ["It was a dark and stormy night in a small town. ", "Nobody had seen the like of it before. "]
QUESTIONS = [
    *("Who?", "Where is it, then?", "A" * 90 + " what of this one?", "", "Who?"),
    *(passage + question for question in ("Who?", "What was dark and where?", "Why then?") for passage in PASSAGES),
    PASSAGES[0][:20],
]
CHOICES = [" a", " b", " not in the least", " b and so on"]


@pytest.fixture(autouse=True)
def no_fallback(monkeypatch):
    """An error of the own engine fails the test, where else the harness's engine would answer."""
    monkeypatch.setattr("deepsuper.evaluation.engine.decoder.warn_harness_runs", pytest.fail)


def both(family: str, batch_size: int, **options):
    model = make_model(family).eval()
    return [
        kind(pretrained=model, tokenizer=make_tokenizer(), batch_size=batch_size, **options) for kind in (HFLM, Decoder)
    ]


def asked(kind: str, *arguments):
    return [Instance(kind, {}, pair, n) for n, pair in enumerate(arguments)]


@pytest.mark.parametrize("family", CONFIGS)
@pytest.mark.parametrize("max_length", [512, 40])
def test_choices_get_the_log_probabilities_of_the_harness(family, max_length):
    theirs, ours = both(family, 3, max_length=max_length)
    pairs = asked("loglikelihood", *((question, choice) for question in QUESTIONS for choice in CHOICES))
    expected, got = theirs.loglikelihood(pairs, disable_tqdm=True), ours.loglikelihood(pairs, disable_tqdm=True)
    assert [value for value, _ in got] == pytest.approx([value for value, _ in expected], abs=2e-4)
    assert [greedy for _, greedy in got] == [greedy for _, greedy in expected]
    assert len({round(value, 3) for value, _ in got}) > len(CHOICES)


def test_what_the_model_would_say_is_marked_greedy():
    _, ours = both("llama", 4)
    said = ours.generate_until(asked("generate_until", ("Who?", {"until": [], "max_gen_toks": 3})), disable_tqdm=True)
    ((_, greedy), (_, other)) = ours.loglikelihood(asked("loglikelihood", ("Who?", said[0]), ("Who?", "no!")), True)
    assert greedy and not other


def test_a_context_is_read_once_for_all_its_choices(monkeypatch):
    _, ours = both("llama", len(CHOICES))
    read = []
    original = ours.model.forward
    monkeypatch.setattr(ours.model, "forward", lambda ids, **k: read.append(ids.shape) or original(ids, **k))
    ours.loglikelihood(asked("loglikelihood", *((QUESTIONS[2], choice) for choice in CHOICES)), disable_tqdm=True)
    context, choices = read
    assert context == (1, len(QUESTIONS[2]))  # BOS and all but the last letter
    assert choices == (3, len(CHOICES[2]))  # two choices differ in their last letter alone


def test_a_passage_is_read_once_for_all_its_questions(monkeypatch):
    _, ours = both("llama", 2)
    passage = PASSAGES[0] * 2
    questions = [passage + question for question in ("Who is it?", "And who?", "Why is it so?", "How?")]
    read = []
    original = ours.model.forward
    monkeypatch.setattr(
        ours.model, "forward", lambda input_ids, **k: read.append(input_ids.shape) or original(input_ids, **k)
    )
    for kind, request in (("generate_until", {"until": [], "max_gen_toks": 1}), ("loglikelihood", " so")):
        read.clear()
        getattr(ours, kind)(asked(kind, *((question, request) for question in questions)), disable_tqdm=True)
        wide = [(rows, tokens) for rows, tokens in read if tokens > len(passage) - 1]
        assert wide == [(1, len(passage) + 1)]  # BOS before it
        assert len(read) == 5  # the passage; and for each of two batches the questions, and what comes behind


def test_prompts_share_a_prefix_only_where_that_saves_something():
    one, other = tuple(range(100, 120)), tuple(range(200, 220))
    prompts = [(1, *one, 2), (1, *one, 3, 4), (1, *other, 2), (1, *other, 5), (1, 9, 9), (1, *one[:9], 7, 7)]
    found = shared_prefixes(prompts)
    assert {prompt: prefix.tokens for prompt, prefix in found.items()} == {
        **dict.fromkeys(prompts[:2], (1, *one)),
        **dict.fromkeys(prompts[2:4], (1, *other)),
    }


@pytest.mark.parametrize("config", [MambaConfig, JambaConfig], ids=["mamba", "jamba"])
def test_models_that_remember_more_than_keys_run_as_the_harness_runs_them(config):
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2, "vocab_size": 300}
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config(**sizes))
    assert not keeps_keys(model)
    assert all(keeps_keys(make_model(family)) for family in CONFIGS)


@pytest.mark.slow
@pytest.mark.parametrize("family", CONFIGS)
@pytest.mark.parametrize("batch_size", [2, 5])
def test_answers_are_those_of_the_harness(family, batch_size, monkeypatch):
    monkeypatch.setattr(past, "ROOM", 16)  # as many tokens as the keys have room for; answers here have more
    theirs, ours = both(family, batch_size)
    long = {"until": [], "max_gen_toks": 30}
    whole = theirs.generate_until(asked("generate_until", *((q, long) for q in QUESTIONS)), disable_tqdm=True)
    assert any(len(text) > past.ROOM for text in whole)
    cut = {"until": [whole[0][5:7], whole[1][20:23] or "never"], "max_gen_toks": 30}
    shorter = theirs.generate_until(asked("generate_until", *((q, cut) for q in QUESTIONS)), disable_tqdm=True)
    requests = asked("generate_until", *((q, options) for options in (long, cut) for q in QUESTIONS))
    assert ours.generate_until(requests, disable_tqdm=True) == [*whole, *shorter]
    assert whole != shorter


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [{"use_cache": False}, {"repetition_penalty": 1.3}, {"eos_token_id": list(range(4, 97, 8))}],
    ids=["no cache asked for", "padding under a penalty", "many ends"],
)
def test_what_a_model_folder_says_of_generation_changes_the_answers_as_in_the_harness(change):
    theirs, ours = both("qwen3", 3)
    ours.model.generation_config.update(**change)
    requests = asked("generate_until", *((q, {"until": [], "max_gen_toks": 40}) for q in (*QUESTIONS, *"abc")))
    expected = theirs.generate_until(requests, disable_tqdm=True)
    assert ours.generate_until(requests, disable_tqdm=True) == expected
    assert len(set(map(len, expected))) > 1 or "eos_token_id" not in change


@pytest.mark.slow
def test_no_row_is_longer_than_the_model_can_read(monkeypatch):
    theirs, ours = both("llama", 5, max_length=64)
    options = {"until": ["e"], "max_gen_toks": 30}
    requests = asked("generate_until", *((q, options) for q in QUESTIONS))
    longest = []
    original = ours.model.forward

    def forward(*args, position_ids, **more):
        longest.append(int(position_ids.max()))
        return original(*args, position_ids=position_ids, **more)

    expected = theirs.generate_until(requests, disable_tqdm=True)
    monkeypatch.setattr(ours.model, "forward", forward)
    assert ours.generate_until(requests, disable_tqdm=True) == expected
    assert max(longest) < 64
    with pytest.raises(ValueError, match="reads 64 tokens at most, and an answer may have 64: leave out"):
        ours.generate_until(asked("generate_until", ("Who?", {"until": [], "max_gen_toks": 64})), disable_tqdm=True)


def test_prompts_of_one_token_are_answered():
    theirs, ours = both("llama", 2, add_bos_token=False)
    requests = asked("generate_until", *((q, {"until": [], "max_gen_toks": 9}) for q in "abca"))
    assert ours.generate_until(requests, disable_tqdm=True) == theirs.generate_until(requests, disable_tqdm=True)


@pytest.mark.slow
def test_beams_are_searched_by_the_harness():
    theirs, ours = both("llama", 2)
    requests = asked("generate_until", *((q, {"until": [], "max_gen_toks": 40, "num_beams": 3}) for q in QUESTIONS))
    expected = theirs.generate_until(requests, disable_tqdm=True)
    assert ours.generate_until(requests, disable_tqdm=True) == expected


@pytest.mark.slow
def test_a_long_answer_holds_up_no_batch(monkeypatch):
    questions = [f"{n} {n}" for n in range(24)]

    def decoded(batch_size: int, **options) -> tuple[int, list[str]]:
        """Tokens that the model was made to say for all questions, needed or not, and the answers."""
        _, ours = both("llama", batch_size)
        said = []

        def generate(input_ids, original=ours.model.generate, **more):
            output = original(input_ids=input_ids, **more)
            said.append(output[:, input_ids.shape[1] :].numel())
            return output

        with monkeypatch.context() as patch:
            patch.setattr(ours.model, "generate", generate)
            requests = asked("generate_until", *((q, {"max_gen_toks": 30, **options}) for q in questions))
            texts = ours.generate_until(requests, disable_tqdm=True)
        return sum(said), texts

    _, texts = decoded(8, until=[])
    stop = min(sorted(set("".join(texts))), key=lambda letter: abs(sum(letter in text for text in texts) - 16))
    needed, expected = decoded(1, until=[stop])
    assert decoded(2, until=[stop]) == (needed, expected)
    eight, answers = decoded(8, until=[stop])
    assert needed < eight <= needed / (1 - ENOUGH) < 24 * 30
    assert answers == expected


def test_keys_grow_where_they_lie_until_the_room_is_used():
    layer = RoomyLayer()
    tokens = torch.randn(2, 3, 2 * ROOM, 4)
    places = []
    for start in range(0, 2 * ROOM, 4):
        keys, values = layer.update(tokens[:, :, start : start + 4], -tokens[:, :, start : start + 4])
        assert keys.equal(tokens[:, :, : start + 4]) and values.equal(-keys)
        places.append((keys.data_ptr(), values.data_ptr()))
    assert len(set(places)) == 2
    layer.batch_select_indices(torch.tensor([1]))
    keys, _ = layer.update(tokens[:1, :, :1], tokens[:1, :, :1])
    assert keys.equal(torch.cat([tokens[1:], tokens[:1, :, :1]], dim=2))


def test_pieces_of_several_batches_make_one_and_what_is_spent_is_let_go():
    def past(*lengths: int) -> Past:
        new = Past.empty(len(lengths), "cpu")
        keys = torch.randn(len(lengths), 1, max(lengths), 2)
        for layer in range(2):
            new.cache.update(keys + layer, keys - layer, layer)
        return Past(
            new.cache,
            torch.tensor([[int(n >= max(lengths) - length) for n in range(max(lengths))] for length in lengths]),
        )

    one, two, none = past(5, 3), past(2, 4), Past.empty(1, "cpu")
    keys = [one.cache.layers[1].keys.clone(), two.cache.layers[1].keys.clone()]
    made = compose([*one.pieces([1]), Piece(two, 1, 0, 2), *none.pieces([0])], spend=True)
    assert made.mask.tolist() == [[1, 1, 1], [0, 1, 1], [0, 0, 0]]
    layer = made.cache.layers[1]
    assert layer.keys[0].equal(keys[0][1, :, 2:]) and layer.keys[1, :, 1:].equal(keys[1][1, :, :2])
    assert (layer.keys[1, :, 0] == 0).all() and (layer.values[2] == 0).all()
    assert all(layer.keys is None for spent in (one, two) for layer in spent.cache.layers)


def test_sampled_answers_are_repeatable():
    _, ours = both("llama", 2)
    requests = asked(
        "generate_until", ("Who?", {"until": [], "max_gen_toks": 40, "do_sample": True, "temperature": 0.9})
    )
    torch.manual_seed(1)
    first = ours.generate_until(requests, disable_tqdm=True)
    torch.manual_seed(1)
    assert ours.generate_until(requests, disable_tqdm=True) == first


@given(st.lists(st.integers(1, 400), max_size=60))
def test_rows_are_read_in_the_passes_that_cost_least(lengths):
    def cost(passes):
        return sum(PASS + len(one) * max(lengths[n] for n in one) for one in passes)

    passes = in_passes(lengths)
    assert sorted(n for one in passes for n in one) == list(range(len(lengths)))
    longest = sorted(range(len(lengths)), key=lambda n: -lengths[n])
    fixed = [[longest[n : n + size] for n in range(0, len(longest), size)] for size in range(1, len(longest) + 1)]
    assert all(cost(passes) <= cost(others) for others in fixed)


def test_one_long_choice_does_not_lengthen_the_others(monkeypatch):
    theirs, ours = both("llama", 8)
    pairs = [("Who?", choice) for choice in (*"abcdefg", "h" * 200)]
    read = []
    original = ours.model.forward
    monkeypatch.setattr(ours.model, "forward", lambda ids, **k: read.append(ids.shape) or original(ids, **k))
    got = ours.loglikelihood(asked("loglikelihood", *pairs), disable_tqdm=True)
    assert read[1:] == [(1, 200), (1, 1)]  # seven letters differ in their last token alone
    expected = theirs.loglikelihood(asked("loglikelihood", *pairs), disable_tqdm=True)
    assert [value for value, _ in got] == pytest.approx([value for value, _ in expected], abs=2e-4)
    assert [greedy for _, greedy in got] == [greedy for _, greedy in expected]


def test_one_long_context_does_not_lengthen_the_others(monkeypatch):
    theirs, ours = both("llama", 8)
    pairs = [("Q" * 200, " a"), ("Who?", " a"), ("Is it?", " b")]
    read = []
    original = ours.model.forward
    monkeypatch.setattr(ours.model, "forward", lambda ids, **k: read.append(ids.shape) or original(ids, **k))
    got = ours.loglikelihood(asked("loglikelihood", *pairs), disable_tqdm=True)
    assert read[:-1] == [(1, 200), (2, 6)]  # BOS and all but the last letter
    expected = theirs.loglikelihood(asked("loglikelihood", *pairs), disable_tqdm=True)
    assert [value for value, _ in got] == pytest.approx([value for value, _ in expected], abs=2e-4)
