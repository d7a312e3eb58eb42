"""Answers of a model to questions, by greedy decoding up to the end of a line."""

from collections.abc import Sequence
from typing import Any

from deepsuper.common.progress import progress_bar
from deepsuper.data.rows import Row
from deepsuper.data.templates import Template, TemplateName
from deepsuper.models.generation import Decoding, batches_by_length, write

LINE = Decoding(longest=32, stop="\n")


def answer(
    model: Any, tokenizer: Any, rows: Sequence[Row], template: TemplateName, *, title: str, batch_size: int = 32
) -> list[str]:
    """The first line of the greedy answer to each row's prompt, in order."""
    rendering = Template(template, tokenizer)
    prompts = [rendering.render(row.instruction, row.input) for row in rows]
    answers = [""] * len(rows)
    model.eval()
    with progress_bar(title, len(rows)) as advance:
        for chosen in batches_by_length(prompts, batch_size):
            texts = write(model, tokenizer, [prompts[n] for n in chosen], LINE, special=rendering.add_special_tokens)
            for n, written in zip(chosen, texts, strict=True):
                answers[n] = written.text
            advance(len(chosen))
    return answers
