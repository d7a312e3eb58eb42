"""What a model answers to questions: greedy decoding up to the end of a line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from rich.progress import Progress

from deepsuper.corpora import Row
from deepsuper.templates import Template, TemplateName

LONGEST_ANSWER = 32
"""Tokens."""


def answer(
    model: Any, tokenizer: Any, rows: Sequence[Row], template: TemplateName, *, title: str, batch_size: int = 32
) -> list[str]:
    """The first line of the greedy answer to each row's prompt, in order."""
    prompts = [Template(template, tokenizer).render(row.instruction, row.input) for row in rows]
    # Prompts of like length go together: less padding.
    order = sorted(range(len(rows)), key=lambda n: len(prompts[n]))
    answers = [""] * len(rows)
    side, tokenizer.padding_side = tokenizer.padding_side, "left"
    model.eval()
    try:
        with Progress(transient=True) as progress, torch.inference_mode():
            task = progress.add_task(title, total=len(rows))
            for start in range(0, len(rows), batch_size):
                chosen = order[start : start + batch_size]
                for n, text in zip(chosen, _generate(model, tokenizer, [prompts[n] for n in chosen]), strict=True):
                    answers[n] = text
                progress.advance(task, len(chosen))
    finally:
        tokenizer.padding_side = side
    return answers


def _generate(model: Any, tokenizer: Any, prompts: list[str]) -> list[str]:
    batch = tokenizer(prompts, return_tensors="pt", padding=True).to(model.device)
    start = batch["input_ids"].shape[1]
    output = model.generate(
        **batch,
        max_new_tokens=LONGEST_ANSWER,
        do_sample=False,
        stopping_criteria=[_LineEnds(tokenizer, start)],
    )
    return [_first_line(text) for text in _texts(tokenizer, output, start)]


class _LineEnds:
    """Whether each answer of a batch has its first line: nothing after it is read."""

    def __init__(self, tokenizer: Any, start: int) -> None:
        self.tokenizer, self.start = tokenizer, start

    def __call__(self, ids: torch.Tensor, scores: Any, **kwargs: Any) -> torch.Tensor:
        done = ["\n" in text.lstrip() for text in _texts(self.tokenizer, ids, self.start)]
        return torch.tensor(done, device=ids.device)


def _texts(tokenizer: Any, ids: torch.Tensor, start: int) -> list[str]:
    texts: list[str] = tokenizer.batch_decode(ids[:, start:], skip_special_tokens=True)
    return texts


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0].strip()
