"""Tiny random models of four families, and a word-level tokenizer, for unit tests."""

from __future__ import annotations

import torch
from transformers import AutoModelForCausalLM as Auto
from transformers import (
    Gemma2Config,
    Gemma3TextConfig,
    LlamaConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen3Config,
)

SHAPE = {
    "vocab_size": 97,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 512,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
CONFIGS = {
    "llama": lambda: LlamaConfig(**SHAPE, tie_word_embeddings=False),
    "qwen3": lambda: Qwen3Config(**SHAPE, tie_word_embeddings=False),
    "gemma2": lambda: Gemma2Config(**SHAPE, sliding_window=6, query_pre_attn_scalar=8, attn_implementation="eager"),
    "gemma3": lambda: Gemma3TextConfig(**SHAPE, sliding_window=6, query_pre_attn_scalar=8),
}


def make_model(family: str, seed: int = 0) -> PreTrainedModel:
    """A causal language model of four blocks with random weights, large enough for distinct predictions."""
    torch.manual_seed(seed)
    model = Auto.from_config(CONFIGS[family](), dtype=torch.float32)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.normal_(std=0.15)
    return model


def make_tokenizer() -> PreTrainedTokenizerFast:
    """A tokenizer of single characters that adds BOS, with 97 entries."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors

    special = ["<pad>", "<s>", "</s>", "<unk>"]
    letters = [chr(c) for c in range(32, 127)]
    vocabulary = {token: n for n, token in enumerate((special + letters)[:97])}
    raw = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    raw.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    raw.decoder = decoders.Fuse()
    raw.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return PreTrainedTokenizerFast(
        tokenizer_object=raw, pad_token="<pad>", bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )
