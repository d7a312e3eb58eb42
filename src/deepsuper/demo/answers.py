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
        with Progress(transient=True) as progress, torch.inference_mode(), _autocast():
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
    output = model.generate(**batch, max_new_tokens=LONGEST_ANSWER, do_sample=False)
    texts = tokenizer.batch_decode(output[:, batch["input_ids"].shape[1] :], skip_special_tokens=True)
    return [text.strip().partition("\n")[0].strip() for text in texts]


def _autocast() -> torch.autocast:
    return torch.autocast("cuda" if torch.cuda.is_available() else "cpu", dtype=torch.bfloat16)
