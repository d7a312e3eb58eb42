"""What `deepsuper data translate` is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from deepsuper.config.recipe import ModelConfig

MadeSide = Literal["target", "english"]
PROMPT = (
    "Translate the following text from {source} to {target}. Keep placeholders, code, markup and line breaks as they "
    "are. If it is a question or an instruction, translate it and do not answer it. Write the translation and nothing "
    "else.\n\n{text}"
)
"""Asked of chat models. {text} stands for the text, {source} and {target} for the languages' English names."""


@dataclass(frozen=True)
class TranslateConfig:
    """One file to complete, by a local model or by an endpoint that speaks the OpenAI protocol."""

    path: str
    language: str
    output: str
    """The file to write."""
    to: MadeSide = "target"
    """The side that is made: the target language's fields, or the English ones (`instruction_en` ...)."""
    model: ModelConfig | None = None
    endpoint: str | None = None
    """In place of a model: http://.../v1 of the OpenAI protocol."""
    endpoint_model: str | None = None
    """The model's name there."""
    prompt: str | None = None
    """None: `PROMPT` for chat models, the text alone for translation models."""
    source_code: str | None = None
    """What a many-language translation model calls the source language; null: found by the language."""
    target_code: str | None = None
    """The same, of the target language."""
    batch_size: int = 16
    """Texts in one pass of a model."""
    beams: int = 1
    """Of a model's search; 1: greedy."""
    max_new_tokens: int = 1024
    """Longer translations are cut."""
    retries: int = 2
    """How often a text is tried again whose translation does not hold."""
    concurrency: int = 8
    """Questions that wait for the endpoint at a time."""
    http_retries: int = 5
    """How often a question is asked again after a 429, a 5xx or a lost connection."""
    timeout: float = 120.0
    """Seconds that an endpoint has for one answer."""
    cache: str | None = None
    """The file that keeps what is translated; null: beside the output."""
