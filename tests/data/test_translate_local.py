"""Laws of translating with local models: a batch gives what each text gives alone; cut and long texts go aside."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    M2M100Config,
    M2M100ForConditionalGeneration,
    M2M100Tokenizer,
    MarianConfig,
    MarianMTModel,
    MarianTokenizer,
    NllbTokenizer,
    T5Config,
    T5ForConditionalGeneration,
)

from deepsuper.config import ModelConfig
from deepsuper.config.translate import TranslateConfig
from deepsuper.data.translate import job
from deepsuper.data.translate.local import LocalTranslator
from deepsuper.data.translate.run import run_translate
from tiny import make_model, make_tokenizer

SHAPE = {
    "vocab_size": 110,
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 48,
    "decoder_ffn_dim": 48,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "decoder_start_token_id": 2,
    "scale_embedding": False,
}
T5 = {
    "vocab_size": 110, "d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 2, "num_heads": 4,
    "pad_token_id": 0, "eos_token_id": 2, "decoder_start_token_id": 0,
}  # fmt: skip
TEXTS = ["a", "how many birds", "x y z", "the longest of all of the texts", "b c"]
NEW = 12


def random_weights(model: Any, std: float = 0.3) -> Any:
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.normal_(std=std)
    return model.eval()


def make_nllb_tokenizer() -> NllbTokenizer:
    """NLLB's own class over single characters and three of its languages."""
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    vocabulary = {token: n for n, token in enumerate([*special, "▁", *map(chr, range(33, 127))])}
    return NllbTokenizer(vocab=vocabulary, merges=[], extra_special_tokens=["eng_Latn", "vie_Latn", "zho_Hans"])


def make(folder: Path, family: str, *, chat: bool = False, std: float = 0.3) -> str:
    """A tiny model whose answers end after NEW tokens at the latest."""
    tokenizer: Any = make_nllb_tokenizer() if family == "nllb" else make_tokenizer()
    if family == "nllb":
        ids = {"pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2}
        model: Any = random_weights(M2M100ForConditionalGeneration(M2M100Config(**{**SHAPE, **ids})))
    elif family == "marian":
        model = random_weights(MarianMTModel(MarianConfig(**SHAPE)), std)
    elif family == "t5":
        model = random_weights(T5ForConditionalGeneration(T5Config(**T5)))
    else:
        model = make_model(family)
        if chat:
            tokenizer.chat_template = "{% for m in messages %}<s>{{ m.content }}</s>{% endfor %}>"
    model.generation_config.forced_eos_token_id = 2
    model.save_pretrained(folder / family)
    tokenizer.save_pretrained(folder / family)
    return str(folder / family)


def config(model: str, folder: Path, **options: Any) -> TranslateConfig:
    fixed = {"model": ModelConfig(model), "max_new_tokens": NEW, "batch_size": 3, "retries": 0}
    return TranslateConfig(str(folder / "en.jsonl"), "vi", str(folder / "out.jsonl"), **{**fixed, **options})


FAMILIES = [("marian", False), ("nllb", False), ("t5", False), ("llama", False), ("llama", True)]


@pytest.mark.slow
@pytest.mark.parametrize(("family", "chat"), FAMILIES)
def test_texts_in_batches_are_translated_as_each_alone(tmp_path, family, chat):
    # A Marian model of smaller weights says the same of everything, one of larger ones often nothing.
    name = make(tmp_path, family, chat=chat, std=1.0)
    translator = LocalTranslator(config(name, tmp_path, prompt="to {target}: {text}"))
    assert translator.lines == (family != "llama")
    alone = LocalTranslator(config(name, tmp_path, prompt="to {target}: {text}", batch_size=1))
    batches = list(translator.translate(TEXTS, 0))
    together = {text: answer for batch in batches for text, answer in batch.items()}
    assert [len(batch) for batch in batches] == [3, 2] and set(together) == set(TEXTS)
    for batch in alone.translate(TEXTS, 0):
        for text, answer in batch.items():
            assert together[text] == answer and answer.problem is None
    assert len({answer.text for answer in together.values()}) > 1
    lucky = {text: answer.text for batch in translator.translate(TEXTS, 1) for text, answer in batch.items()}
    assert lucky != {text: answer.text for text, answer in together.items()}


def test_nllb_is_told_both_languages(tmp_path, monkeypatch):
    translator = LocalTranslator(config(make(tmp_path, "nllb"), tmp_path))
    seen = {}
    generate = translator._model.generate

    def watch(**options: Any) -> Any:
        seen["asked"], seen["said"] = options["input_ids"], generate(**options)
        return seen["said"]

    monkeypatch.setattr(translator._model, "generate", watch)
    list(translator.translate(["ab"], 0))
    words = translator._tokenizer.convert_ids_to_tokens(seen["asked"][0].tolist())
    assert words[0] == "eng_Latn" and words[-1] == "</s>"
    assert translator._tokenizer.convert_ids_to_tokens(int(seen["said"][0, 1])) == "vie_Latn"
    with pytest.raises(ValueError, match="target_code: the model knows none of xyz_Latn"):
        LocalTranslator(config(str(tmp_path / "nllb"), tmp_path, target_code="xyz_Latn"))
    back = LocalTranslator(config(str(tmp_path / "nllb"), tmp_path, to="english"))
    assert back._tokenizer.src_lang == "vie_Latn"


@pytest.fixture
def pieces(tmp_path):
    """A tiny sentencepiece model, as the tokenizers of M2M100 and Marian want one, and its vocabulary."""
    sentencepiece = pytest.importorskip("sentencepiece")
    (tmp_path / "corpus").write_text("\n".join(["how many birds are there", "the long and winding road"] * 20))
    sentencepiece.SentencePieceTrainer.train(
        input=str(tmp_path / "corpus"), model_prefix=str(tmp_path / "spm"), vocab_size=27, minloglevel=9
    )
    processor = sentencepiece.SentencePieceProcessor(str(tmp_path / "spm.model"))
    words = [processor.id_to_piece(n) for n in range(processor.get_piece_size())]
    vocabulary = {word: n for n, word in enumerate(["<pad>", "<s>", "</s>", *words[0:1], *words[3:]])}
    return str(tmp_path / "spm.model"), vocabulary


def test_m2m100_is_told_both_languages(tmp_path, pieces):
    spm, vocabulary = pieces
    (tmp_path / "vocab.json").write_text(json.dumps(vocabulary))
    tokenizer = M2M100Tokenizer(str(tmp_path / "vocab.json"), spm)
    folder = tmp_path / "m2m"
    model = random_weights(M2M100ForConditionalGeneration(M2M100Config(**{**SHAPE, "vocab_size": 300})))
    model.generation_config.forced_eos_token_id = 2
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    translator = LocalTranslator(config(str(folder), tmp_path))
    assert translator._tokenizer.src_lang == "en"
    assert translator._forced == {"forced_bos_token_id": tokenizer.get_lang_id("vi")}
    (batch,) = translator.translate(["how many birds"], 0)
    assert batch["how many birds"].problem is None


@pytest.mark.filterwarnings("ignore:Recommended. pip install sacremoses:UserWarning")
def test_a_marian_model_of_many_languages_must_be_told_which(tmp_path, pieces):
    spm, vocabulary = pieces
    vocabulary = {**vocabulary, **{mark: len(vocabulary) + n for n, mark in enumerate((">>vie<<", ">>zho<<"))}}
    (tmp_path / "vocab.json").write_text(json.dumps(vocabulary))
    tokenizer = MarianTokenizer(spm, spm, str(tmp_path / "vocab.json"))
    folder = tmp_path / "marian"
    random_weights(MarianMTModel(MarianConfig(**SHAPE))).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    with pytest.raises(
        ValueError, match=r"target_code: need one of the model's target languages \(vie, zho\), got None"
    ):
        LocalTranslator(config(str(folder), tmp_path))
    translator = LocalTranslator(config(str(folder), tmp_path, target_code="vie"))
    ids = translator._tokenizer(translator._render("how many"))["input_ids"]
    assert ids[0] == vocabulary[">>vie<<"]


@pytest.mark.slow
def test_an_answer_without_an_end_and_a_text_without_room_have_problems(tmp_path):
    name = make(tmp_path, "marian")
    settings = json.loads((tmp_path / "marian" / "generation_config.json").read_text())
    settings["forced_eos_token_id"] = None
    (tmp_path / "marian" / "generation_config.json").write_text(json.dumps(settings))
    (batch,) = LocalTranslator(config(name, tmp_path, max_new_tokens=3)).translate(["abc"], 0)
    assert str(batch["abc"].problem).startswith("cut: it reached max_new_tokens")
    first, second = LocalTranslator(config(name, tmp_path, max_new_tokens=500)).translate(["abc", "d" * 80], 0)
    assert first["d" * 80].final and str(first["d" * 80].problem).startswith("too long: 81 tokens, the model reads 56")
    assert set(second) == {"abc"}


@pytest.mark.slow
@pytest.mark.parametrize("family", ["marian", "llama"])
def test_a_file_is_completed_and_its_lines_keep_their_places(tmp_path, family, monkeypatch):
    monkeypatch.setattr(job, "CHUNK", 2)
    monkeypatch.setattr(job, "problem_of", lambda source, answer, language: None)
    name = make(tmp_path, family)
    rows = [{"id": n, "instruction": f"ab {n}\n\n 17\ncd", "input": "", "output": "e"} for n in range(5)]
    (tmp_path / "en.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    asked = config(name, tmp_path, prompt="{text}")
    done = run_translate(asked)
    out = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text("utf-8").splitlines()]
    assert done.rows_out == 5 and [row["id"] for row in out] == list(range(5))
    assert all(row["instruction_en"] == rows[n]["instruction"] for n, row in enumerate(out))
    if family == "marian":
        assert all("\n\n 17\n" in row["instruction"] for row in out)
        # "ab 0" ... "ab 4", and "cd" and "e" of all rows once.
        assert done.texts == 7
    before = (tmp_path / "out.jsonl").read_bytes()
    again = run_translate(asked)
    assert again.texts == 0 and (tmp_path / "out.jsonl").read_bytes() == before
