"""The model as this project runs it gives the harness's own answers, and does less for them."""

from __future__ import annotations

import pytest
import torch
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM

from deepsuper.evaluation.decoder import FIRST_ROUND, Decoder
from tiny import CONFIGS, make_model, make_tokenizer

QUESTIONS = ["Who?", "Where is it, then?", "A" * 90 + " what of this one?", "", "Who?"]
CHOICES = [" a", " b", " not in the least", " b and so on"]


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


@pytest.mark.parametrize("family", CONFIGS)
def test_answers_are_those_of_the_harness(family):
    theirs, ours = both(family, 2)
    long = {"until": [], "max_gen_toks": FIRST_ROUND + 30}
    whole = theirs.generate_until(asked("generate_until", *((q, long) for q in QUESTIONS)), disable_tqdm=True)
    assert any(len(text) > FIRST_ROUND for text in whole)
    stops = [whole[0][5:7], whole[1][FIRST_ROUND - 1 : FIRST_ROUND + 2] or "never"]  # the second: over the seam
    cut = {"until": stops, "max_gen_toks": FIRST_ROUND + 30}
    requests = asked("generate_until", *((q, options) for options in (long, cut) for q in QUESTIONS))
    expected = theirs.generate_until(requests, disable_tqdm=True)
    assert ours.generate_until(requests, disable_tqdm=True) == expected
    assert expected[: len(QUESTIONS)] != expected[len(QUESTIONS) :]


def test_one_long_answer_holds_up_no_batch(monkeypatch):
    _, ours = both("llama", 2)
    questions = [f"{n} {n}" for n in range(8)]
    free = {"until": [], "max_gen_toks": FIRST_ROUND}
    texts = ours.generate_until(asked("generate_until", *((q, free) for q in questions)), disable_tqdm=True)
    stop = next(letter for letter in set(texts[0]) if 0 < sum(letter in text for text in texts) < 8)
    long = sum(stop not in text for text in texts)
    sizes = []
    original = ours.model.generate
    monkeypatch.setattr(
        ours.model, "generate", lambda **k: sizes.append((len(k["input_ids"]), k["max_new_tokens"])) or original(**k)
    )
    cut = {"until": [stop], "max_gen_toks": 80}
    ours.generate_until(asked("generate_until", *((q, cut) for q in questions)), disable_tqdm=True)
    assert sizes == [(2, FIRST_ROUND)] * 4 + [(min(2, long - n), 80 - FIRST_ROUND) for n in range(0, long, 2)]


def test_sampled_answers_are_repeatable():
    _, ours = both("llama", 2)
    requests = asked(
        "generate_until", ("Who?", {"until": [], "max_gen_toks": 40, "do_sample": True, "temperature": 0.9})
    )
    torch.manual_seed(1)
    first = ours.generate_until(requests, disable_tqdm=True)
    torch.manual_seed(1)
    assert ours.generate_until(requests, disable_tqdm=True) == first
