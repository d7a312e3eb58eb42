"""Translations from a local model: encoder-decoder (NLLB, M2M100, mBART, Marian, T5) or causal."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import torch

from deepsuper.common.errors import UserError
from deepsuper.common.files import model_hashes
from deepsuper.common.languages import codes_of, name_of
from deepsuper.config import ModelConfig
from deepsuper.config.translate import PROMPT, TranslateConfig
from deepsuper.data.translate.replies import Batch, Problem, Reply, clean, fill, on_one_line
from deepsuper.models.generation import end_tokens
from deepsuper.models.load import inside_run, load_config, load_for_reading, load_model, load_tokenizer
from deepsuper.models.packaged import source_of

LEAST_ROOM = 8
"""Tokens that must be free for the translation."""


class LocalTranslator:
    """Translates in batches of texts of similar length."""

    def __init__(self, config: TranslateConfig) -> None:
        """Raises: UserError naming the option at fault, before the weights are loaded."""
        assert config.model is not None, "check asks for a model or an endpoint"
        source = inside_run(config.model)
        model_config = load_config(source)
        self._config, self._tokenizer = config, _load_tokenizer(source)
        self.lines = self._seq2seq = bool(getattr(model_config, "is_encoder_decoder", False))
        languages = ("en", config.language) if config.to == "target" else (config.language, "en")
        self._names = tuple(name_of(language) for language in languages)
        self._forced = self._set_languages(languages) if self._seq2seq else {}
        self._prompt = config.prompt or ("{text}" if self._seq2seq else PROMPT)
        self._positions = _positions(model_config.get_text_config(), self._tokenizer)
        self._model: Any = _load(source, seq2seq=self._seq2seq)
        self._ends = end_tokens(self._model, self._tokenizer)
        if not self._seq2seq:
            self._tokenizer.padding_side = "left"
        hashes = model_hashes(source_of(source))
        codes = (getattr(self._tokenizer, "src_lang", None), self._forced, config.target_code)
        asked = fill(self._prompt, "{text}", *self._names)
        settings = [config.max_new_tokens, config.beams]
        self.maker = json.dumps(["local", asdict(source), hashes, asked, codes, settings])

    def translate(self, texts: Sequence[str], attempt: int) -> Iterator[Batch]:
        """The replies, batch by batch, the longest texts first."""
        special = self._seq2seq or not self._tokenizer.chat_template  # a chat template writes them itself
        encoded = {text: self._tokenizer(self._render(text), add_special_tokens=special)["input_ids"] for text in texts}
        room = self._positions - LEAST_ROOM
        long = {text: len(ids) for text, ids in encoded.items() if len(ids) > room}
        if long:
            yield {
                text: Reply(problem=Problem("too long", f"{length} tokens, the model reads {room}"), final=True)
                for text, length in long.items()
            }
        order = sorted((text for text in texts if text not in long), key=lambda text: -len(encoded[text]))
        for start in range(0, len(order), self._config.batch_size):
            batch = order[start : start + self._config.batch_size]
            answers = self._generate([encoded[text] for text in batch], attempt)
            yield dict(zip(batch, answers, strict=True))

    def _render(self, text: str) -> str:
        prompt = fill(self._prompt, text, *self._names)
        if self._seq2seq:
            # Marian's multilingual models read the target language from a token before the text.
            mark = f">>{self._config.target_code}<<"
            return f"{mark} {prompt}" if mark in getattr(self._tokenizer, "supported_language_codes", ()) else prompt
        if not self._tokenizer.chat_template:
            return prompt + "\n\n"
        ask = [{"role": "user", "content": prompt}]
        rendered: str = self._tokenizer.apply_chat_template(ask, tokenize=False, add_generation_prompt=True)
        return rendered

    @torch.no_grad()
    def _generate(self, ids: list[list[int]], attempt: int) -> list[Reply]:
        padded = self._tokenizer.pad({"input_ids": ids}, return_tensors="pt").to(self._model.device)
        width = padded["input_ids"].shape[1]
        # An encoder-decoder has all positions free; in a causal model the prompt uses some.
        room = self._positions - (1 if self._seq2seq else width)
        torch.manual_seed(attempt)
        chance = {"do_sample": True, "temperature": 0.7} if attempt else {"do_sample": False}
        out = self._model.generate(
            input_ids=padded["input_ids"],
            attention_mask=padded["attention_mask"],
            max_new_tokens=min(self._config.max_new_tokens, room),
            num_beams=self._config.beams,
            pad_token_id=self._tokenizer.pad_token_id,
            **self._forced,
            **chance,
        )
        return [self._read(row) for row in out[:, 1 if self._seq2seq else width :].tolist()]

    def _read(self, tokens: list[int]) -> Reply:
        end = next((n for n, token in enumerate(tokens) if token in self._ends), None)
        if end is None:
            return Reply(problem=Problem("cut", "it reached max_new_tokens, or the model's last position"))
        text = self._tokenizer.decode(tokens[:end], skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return Reply(clean(text))

    def _set_languages(self, languages: tuple[str, str]) -> dict[str, int]:
        """Sets the tokenizer's source language; returns the token that the translation must begin with, if any."""
        marks = getattr(self._tokenizer, "supported_language_codes", ())
        if marks and f">>{self._config.target_code}<<" not in marks:
            known = ", ".join(mark.strip("<>") for mark in marks[:20])
            raise UserError(
                f"target_code: need one of the model's target languages ({known}), got {self._config.target_code!r}"
            )
        if not hasattr(self._tokenizer, "src_lang"):
            return {}
        given = (self._config.source_code, self._config.target_code)
        (source, _), (_, token) = (
            self._find_code(name, option, code)
            for name, option, code in zip(languages, ("source_code", "target_code"), given, strict=True)
        )
        self._tokenizer.src_lang = source
        return {"forced_bos_token_id": token}

    def _find_code(self, language: str, option: str, given: str | None) -> tuple[str, int]:
        """The model's own code of a language, and its token. Raises: UserError where the model has none."""
        unknown = (None, self._tokenizer.unk_token_id)
        tried = (given,) if given is not None else tuple(codes_of(language))
        for code in tried:
            for word in (code, f"__{code}__"):
                token = self._tokenizer.convert_tokens_to_ids(word)
                if token not in unknown:
                    return code, int(token)
        raise UserError(f"{option}: the model knows none of {', '.join(tried)}: give its own code of the language")


def _load_tokenizer(source: ModelConfig) -> Any:
    try:
        return load_tokenizer(source)
    except ImportError as error:  # several of these tokenizers need sentencepiece
        raise UserError(
            f"model {source.name}: its tokenizer needs a package that is not there: {on_one_line(error)}"
        ) from error


def _load(source: ModelConfig, *, seq2seq: bool) -> Any:
    if not seq2seq:
        return load_for_reading(source)
    return load_model(source, seq2seq=True).eval().to("cuda" if torch.cuda.is_available() else "cpu")


def _positions(config: Any, tokenizer: Any) -> int:
    """The number of tokens that the model can read or write."""
    known = (getattr(config, "max_position_embeddings", None), tokenizer.model_max_length)
    return min(n for n in (*known, 1 << 20) if n)
