"""Generating text for prompts, in batches of similar length."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True)
class Decoding:
    """At most `longest` tokens, until EOS or the text `stop`; greedy at `temperature` 0, else sampled with `seed`."""

    longest: int
    stop: str | None = None
    temperature: float = 0.0
    seed: int = 0


@dataclass(frozen=True)
class Written:
    """Generated text, without the stop text. `ended`: it ended with EOS or the stop text, not at the limit."""

    text: str
    ended: bool


def batches_by_length(prompts: Sequence[str], size: int) -> list[list[int]]:
    """The indices of the prompts in batches, shortest first: similar lengths in a batch need less padding."""
    order = sorted(range(len(prompts)), key=lambda n: (len(prompts[n]), n))
    return [order[start : start + size] for start in range(0, len(order), size)]


def write(
    model: Any, tokenizer: Any, prompts: Sequence[str], decoding: Decoding, *, special: bool = True
) -> list[Written]:
    """The text generated for each prompt of one batch. `special`: the tokenizer adds BOS to the prompts."""
    side, tokenizer.padding_side = tokenizer.padding_side, "left"
    try:
        batch = tokenizer(list(prompts), return_tensors="pt", padding=True, add_special_tokens=special)
    finally:
        tokenizer.padding_side = side
    batch = batch.to(model.device)
    start = batch["input_ids"].shape[1]
    stopping = [_Stops(tokenizer, start, decoding.stop)] if decoding.stop is not None else []
    sampling: dict[str, Any] = {"do_sample": False}
    if decoding.temperature:
        sampling = {"do_sample": True, "temperature": decoding.temperature, "top_p": 1.0, "top_k": 0}
    devices = [model.device] if model.device.type == "cuda" else []
    with torch.inference_mode(), torch.random.fork_rng(devices=devices):
        torch.manual_seed(decoding.seed)
        output = model.generate(
            input_ids=batch["input_ids"],
            attention_mask=batch["attention_mask"],
            max_new_tokens=decoding.longest,
            stopping_criteria=stopping,
            pad_token_id=tokenizer.pad_token_id,
            **sampling,
        )
    ends = end_tokens(model, tokenizer)
    texts = _texts(tokenizer, output, start)
    return [_written(text, ids[start:], decoding.stop, ends) for text, ids in zip(texts, output.tolist(), strict=True)]


class _Stops:
    """Stops a batch once each of its texts contains the stop text."""

    def __init__(self, tokenizer: Any, start: int, stop: str) -> None:
        self.tokenizer, self.start, self.stop = tokenizer, start, stop

    def __call__(self, ids: torch.Tensor, scores: Any, **kwargs: Any) -> torch.Tensor:
        done = [self.stop in text.lstrip() for text in _texts(self.tokenizer, ids, self.start)]
        return torch.tensor(done, device=ids.device)


def _texts(tokenizer: Any, ids: torch.Tensor, start: int) -> list[str]:
    texts: list[str] = tokenizer.batch_decode(ids[:, start:], skip_special_tokens=True)
    return texts


def _written(text: str, ids: Sequence[int], stop: str | None, ends: frozenset[int]) -> Written:
    whole, found, _ = text.lstrip().partition(stop) if stop is not None else (text, "", "")
    return Written(whole.strip(), bool(found) or not ends.isdisjoint(ids))


def end_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    """The tokens that end a text for this model."""
    of_model = model.generation_config.eos_token_id
    several = of_model if isinstance(of_model, list) else [of_model]
    return frozenset(n for n in (*several, tokenizer.eos_token_id) if n is not None)
