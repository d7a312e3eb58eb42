"""Continuous batching: new prompts take the places of finished answers, so that no batch waits for one long answer."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from lm_eval.models.huggingface import HFLM
from lm_eval.models.utils import handle_stop_sequences, normalize_gen_kwargs
from transformers import StoppingCriteria

from deepsuper.evaluation.engine.past import Past, Piece, compose, pad
from deepsuper.evaluation.engine.prefixes import PrefixCache, Tokens
from deepsuper.models.generation import end_tokens

ENOUGH = 0.25
"""The share of a batch's answers that must be done before new prompts take their places."""


@dataclass
class PendingAnswer:
    """An unfinished answer: its index among all, the tokens of its prompt, and its own tokens so far."""

    place: int
    prompt: list[int]
    said: list[int] = field(default_factory=list)

    @property
    def read(self) -> Tokens:
        """The prompt without its last token, which the model reads when it generates the first token of the answer."""
        return tuple(self.prompt[:-1])


@dataclass(frozen=True)
class Generation:
    """How to answer: the strings and tokens that end an answer, its length, and transformers' own options."""

    stops: list[str]
    end_tokens: frozenset[int]
    max_tokens: int
    options: dict[str, Any]

    @classmethod
    def of(cls, asked: dict[str, Any], model: HFLM) -> "Generation":
        """The generation options of a task, as the harness reads them. Greedy unless the task says otherwise."""
        options = dict(normalize_gen_kwargs(asked, model.max_gen_toks))
        stops = handle_stop_sequences(options.pop("until"), model.tok_decode(model.eot_token_id, False))
        max_tokens = options.pop("max_gen_toks")
        if not options.get("do_sample"):
            options = {**options, "do_sample": False}
            options.pop("temperature", None)
        ends = end_tokens(model.model, model.tokenizer)
        return cls([stop for stop in stops if stop], ends, max_tokens, options)

    def done(self, said: Sequence[int], text: str) -> bool:
        """Whether an answer has its full length, or holds a token or a string that ends it."""
        ended = len(said) >= self.max_tokens or not self.end_tokens.isdisjoint(said)
        return ended or any(stop in text for stop in self.stops)

    def cut(self, said: Sequence[int]) -> Sequence[int]:
        """The part of a finished answer that counts: up to the token that ends it, which may be ordinary text."""
        end = next((n for n, token in enumerate(said, start=1) if token in self.end_tokens), len(said))
        return said[: min(end, self.max_tokens)]


def decode(
    model: Any, tokenizer: Any, waiting: Sequence[PendingAnswer], asked: Generation, batch_size: int
) -> Iterator[PendingAnswer]:
    """The answers in the order in which they are done, from batches of `batch_size`. Long prompts come first."""
    reader = PrefixCache(model, [answer.read for answer in waiting])
    queue = deque(sorted(waiting, key=lambda answer: reader.rank(answer.read)))
    batch: list[PendingAnswer] = []
    read: list[Piece] = []
    while queue or batch:
        new = [queue.popleft() for _ in range(min(batch_size - len(batch), len(queue)))]
        read += reader.read([answer.read for answer in new]).pieces(range(len(new))) if new else []
        batch += new
        past = _go_on(model, tokenizer, batch, compose(read, spend=True), asked)
        done = _done(tokenizer, asked, [answer.said for answer in batch])
        yield from (answer for answer, over in zip(batch, done, strict=True) if over)
        read = past.pieces(n for n, over in enumerate(done) if not over)
        batch = [answer for answer, over in zip(batch, done, strict=True) if not over]
        del past


def _go_on(model: Any, tokenizer: Any, batch: Sequence[PendingAnswer], past: Past, asked: Generation) -> Past:
    """Generates tokens for each answer of a batch until enough of them are done."""
    texts = [answer.prompt + answer.said for answer in batch]
    ids, mask = pad(texts, model.device, left=True, token=tokenizer.pad_token_id)
    width = ids.shape[1]
    said = model.generate(
        input_ids=ids,
        attention_mask=mask,
        past_key_values=past.cache,
        use_cache=True,
        max_new_tokens=min(asked.max_tokens - len(answer.said) for answer in batch),
        stopping_criteria=[Enough(tokenizer, asked, [answer.said for answer in batch], width)],
        pad_token_id=tokenizer.pad_token_id,
        **asked.options,
    )
    for answer, tokens in zip(batch, said[:, width:].tolist(), strict=True):
        answer.said += tokens
    # Every row read the same number of tokens, without padding.
    more = past.cache.get_seq_length() - past.width
    return Past(past.cache, F.pad(past.mask, (0, more), value=1))


def _done(tokenizer: Any, asked: Generation, answers: Sequence[Sequence[int]]) -> list[bool]:
    texts = tokenizer.batch_decode(answers)
    return [asked.done(said, text) for said, text in zip(answers, texts, strict=True)]


class Enough(StoppingCriteria):  # type: ignore[misc]
    """Tells which answers of a batch are done; all of them, once enough are done, so that new prompts can follow."""

    def __init__(self, tokenizer: Any, asked: Generation, before: Sequence[list[int]], start: int) -> None:
        self.tokenizer, self.asked, self.before, self.start = tokenizer, asked, before, start

    def __call__(self, input_ids: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:
        said = [before + row for before, row in zip(self.before, input_ids[:, self.start :].tolist(), strict=True)]
        done = torch.tensor(_done(self.tokenizer, self.asked, said), device=input_ids.device)
        return done | (done.float().mean() >= ENOUGH)
