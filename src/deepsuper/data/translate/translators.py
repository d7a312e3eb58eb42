"""What local models and endpoints have in common."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from deepsuper.data.translate.answers import Answer

Batch = Mapping[str, Answer]
"""Texts and what came back for each."""
THINKING = re.compile(r"^\s*<think>.*?</think>", re.DOTALL)


class Translator(Protocol):
    """Makes translations. `maker`: all that they hang on, as text; `lines`: whether it wants one line at a time."""

    maker: str
    lines: bool

    def translate(self, texts: Sequence[str], attempt: int) -> Iterator[Batch]:
        """The answers for all `texts`, as they come; after the first attempt with some chance in them."""
        ...


def fill(prompt: str, text: str, source: str, target: str) -> str:
    """The prompt for one text; braces in the text mean nothing."""
    values = {"{text}": text, "{source}": source, "{target}": target}
    return re.sub(r"\{(text|source|target)\}", lambda found: values[found[0]], prompt)


def clean(text: str) -> str:
    """An answer without the thoughts that some models write before it."""
    return THINKING.sub("", text).strip()
