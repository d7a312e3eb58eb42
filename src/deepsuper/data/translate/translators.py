"""The interface that local models and endpoints share, and how a prompt is filled and a reply cleaned."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from deepsuper.data.translate.replies import Reply

Batch = Mapping[str, Reply]
"""Texts and the reply to each."""
THINKING = re.compile(r"^\s*<think>.*?</think>", re.DOTALL)


class Translator(Protocol):
    """Makes translations. `maker`: all settings that they depend on, as text; `lines`: texts are split into lines."""

    maker: str
    lines: bool

    def translate(self, texts: Sequence[str], attempt: int) -> Iterator[Batch]:
        """The replies for all `texts`, as they come. From the second attempt on, they are sampled."""
        ...


def fill(prompt: str, text: str, source: str, target: str) -> str:
    """The prompt for one text. Braces in the text are not replaced."""
    values = {"{text}": text, "{source}": source, "{target}": target}
    return re.sub(r"\{(text|source|target)\}", lambda found: values[found[0]], prompt)


def clean(text: str) -> str:
    """A reply without the reasoning that some models write before it."""
    return THINKING.sub("", text).strip()
