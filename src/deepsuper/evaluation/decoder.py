"""The harness's transformers model, with every beginning read once and no batch held up by one answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from lm_eval.models.huggingface import HFLM
from lm_eval.models.utils import handle_stop_sequences, normalize_gen_kwargs, postprocess_generated_text
from tqdm import tqdm
from transformers import StoppingCriteria

from deepsuper.evaluation.choices import Scored, score_choices, trim
from deepsuper.evaluation.prefixes import PrefixCache, Tokens, pad
from deepsuper.generation import end_tokens

FIRST_ROUND = 32
"""Tokens that every answer gets at first: most are shorter, and those that are not go on in batches of their own."""


Item = TypeVar("Item")


def batches(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    """`items` in pieces of `size`, in their order; the last one may be shorter."""
    return (items[start : start + size] for start in range(0, len(items), size))


class Decoder(HFLM):  # type: ignore[misc]
    """`HFLM` for decoders, with the same answers: what is saved is work that it does twice or for nobody."""

    def _loglikelihood_tokens(self, requests: Sequence[Any], disable_tqdm: bool = False, **_: Any) -> list[Any]:
        """(log-probability, whether greedy) of each continuation; a request is ((context, continuation), ids, ids)."""
        rows = [trim(context, continuation, self.max_length) for _, context, continuation in requests]
        answers: list[Scored] = [(0.0, False)] * len(rows)
        cache = PrefixCache(self.model, [context[:-1] for context, _ in rows])
        order = sorted(range(len(rows)), key=lambda n: (cache.rank(rows[n][0][:-1]), rows[n][0], -len(rows[n][1])))
        with tqdm(total=len(rows), disable=disable_tqdm, desc="Running loglikelihood requests") as bar:
            for batch in batches(order, self.batch_size):
                scored = score_choices(cache, [rows[n] for n in batch], self.softmax_dtype)
                for n, answer in zip(batch, scored, strict=True):
                    answers[n] = answer
                    if requests[n][0] is not None:
                        self.cache_hook.add_partial("loglikelihood", requests[n][0], answer)
                bar.update(len(batch))
        return answers

    def generate_until(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[str]:
        """The answer to each request, its arguments being (context, generation options)."""
        answers = [""] * len(requests)
        with tqdm(total=len(requests), disable=disable_tqdm, desc="Running generate_until requests") as bar:
            groups: dict[str, list[int]] = {}
            for n, request in enumerate(requests):
                groups.setdefault(repr(request.args[1]), []).append(n)
            for members in groups.values():
                contexts, options = [requests[n].args[0] for n in members], requests[members[0]].args[1]
                for n, text in self._answer(contexts, Generation.of(options, self)):
                    answers[members[n]] = text
                    self.cache_hook.add_partial("generate_until", requests[members[n]].args, text)
                    bar.update()
        return answers

    def _answer(self, contexts: Sequence[str], asked: Generation) -> Iterator[tuple[int, str]]:
        """The place of each context and its answer, as they come: all get some tokens, the unfinished ones more."""
        room = self.max_length - asked.max_tokens
        waiting = [Answer(n, self._encode(context)[-room:]) for n, context in enumerate(contexts)]
        step = FIRST_ROUND
        while waiting:
            cache = PrefixCache(self.model, [answer.read for answer in waiting])
            waiting.sort(key=lambda answer: cache.rank(answer.read))
            unfinished: list[Answer] = []
            for batch in batches(waiting, self.batch_size):
                self._go_on(batch, asked, step, cache)
                for answer in batch:
                    text = self.tok_decode(answer.said)
                    if answer.ended or len(answer.said) >= asked.max_tokens or asked.stopped(text):
                        yield answer.place, postprocess_generated_text(text, asked.stops, None)
                    else:
                        unfinished.append(answer)
            waiting, step = unfinished, asked.max_tokens

    def _encode(self, context: str) -> list[int]:
        ids, _ = self.tok_batch_encode([context])
        tokens: list[int] = ids[0].tolist()
        return tokens

    def _go_on(self, batch: Sequence[Answer], asked: Generation, step: int, cache: PrefixCache) -> None:
        """Adds up to `step` tokens to each answer of a batch, all of which have as many before."""
        ids, mask = pad([answer.prompt + answer.said for answer in batch], self.device, left=True)
        width = ids.shape[1]
        past, _ = (None, None) if asked.beams else cache.read([answer.read for answer in batch])
        said = self.model.generate(
            input_ids=ids,
            attention_mask=mask,
            past_key_values=past,
            max_new_tokens=min(step, asked.max_tokens - len(batch[0].said)),
            stopping_criteria=[Stopped(self.tokenizer, asked, [answer.said for answer in batch], width)],
            pad_token_id=self.tokenizer.pad_token_id,
            **asked.options,
        )
        for answer, tokens in zip(batch, said[:, width:].tolist(), strict=True):
            ends = [n for n, token in enumerate(tokens) if token in asked.end_tokens]
            answer.ended = bool(ends)
            answer.said += tokens[: ends[0]] if ends else tokens


@dataclass
class Answer:
    """An answer on its way: its prompt, what was said so far, and whether that ended with a token that ends text."""

    place: int
    prompt: list[int]
    said: list[int] = field(default_factory=list)
    ended: bool = False

    @property
    def read(self) -> Tokens:
        """All that the model reads ahead: the next token is asked for behind the last one."""
        return (*self.prompt, *self.said)[:-1]


@dataclass(frozen=True)
class Generation:
    """How to answer: the strings and tokens that end an answer, its length, and transformers' own options."""

    stops: list[str]
    end_tokens: frozenset[int]
    max_tokens: int
    options: dict[str, Any]

    @classmethod
    def of(cls, asked: dict[str, Any], model: HFLM) -> Generation:
        """What a task asks for, read as the harness reads it. Greedy unless the task says otherwise."""
        options = dict(normalize_gen_kwargs(asked, model.max_gen_toks))
        stops = handle_stop_sequences(options.pop("until"), model.tok_decode(model.eot_token_id, False))
        max_tokens = options.pop("max_gen_toks")
        if not options.get("do_sample"):
            options = {**options, "do_sample": False}
            options.pop("temperature", None)
        ends = end_tokens(model.model, model.tokenizer)
        return cls([stop for stop in stops if stop], ends, max_tokens, options)

    @property
    def beams(self) -> bool:
        """Whether several answers are searched at once: each then needs keys and values of its own."""
        return int(self.options.get("num_beams", 1)) > 1

    def stopped(self, text: str) -> bool:
        """Whether an answer holds one of the strings that end it."""
        return any(stop in text for stop in self.stops)


class Stopped(StoppingCriteria):  # type: ignore[misc]
    """Which rows of a batch hold a string that ends them; the last one ends the batch."""

    def __init__(self, tokenizer: Any, asked: Generation, before: Sequence[list[int]], start: int) -> None:
        self.tokenizer, self.asked, self.before, self.start = tokenizer, asked, before, start

    def __call__(self, input_ids: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:
        said = [before + row for before, row in zip(self.before, input_ids[:, self.start :].tolist(), strict=True)]
        texts = self.tokenizer.batch_decode(said)
        return torch.tensor([self.asked.stopped(text) for text in texts], device=input_ids.device)
