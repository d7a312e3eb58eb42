"""Run by the python of unbabel-comet: makes a tiny random COMET model, or scores rows with one directly.

comet_tiny.py make FOLDER            -> FOLDER/checkpoints/model.ckpt and FOLDER/hparams.yaml
comet_tiny.py score CKPT ROWS SCORES -> the scores of `model.predict`, as JSON
"""

import json
import sys
from pathlib import Path


def make(folder: Path) -> None:
    import pytorch_lightning as lightning
    import torch
    import yaml
    from comet.models import RegressionMetric

    encoder = folder / "encoder"
    make_encoder(encoder)
    torch.manual_seed(0)
    model = RegressionMetric(
        encoder_model="XLM-RoBERTa",
        pretrained_model=str(encoder),
        load_pretrained_weights=False,
        local_files_only=True,
        layer_transformation="sparsemax",  # as wmt22-comet-da
        layer_norm=False,
        hidden_sizes=[8, 4],
    )
    trainer = lightning.Trainer(accelerator="cpu", logger=False, enable_checkpointing=False)
    trainer.strategy.connect(model)
    trainer.save_checkpoint(folder / "checkpoints" / "model.ckpt")
    (folder / "hparams.yaml").write_text(yaml.safe_dump(dict(model.hparams)), encoding="utf-8")


def make_encoder(folder: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
    from transformers import XLMRobertaConfig, XLMRobertaTokenizerFast

    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=120, special_tokens=special, unk_token="<unk>", show_progress=False)
    tokenizer.train_from_iterator(
        ["the cat sat on the mat, mèo ngồi trên thảm", "猫坐在垫子上", '"\n\u2028\ufffd'], trainer
    )
    ends = [(token, tokenizer.token_to_id(token)) for token in ("<s>", "</s>")]
    tokenizer.post_processor = processors.TemplateProcessing("<s> $A </s>", "<s> $A </s> </s> $B </s>", ends)
    XLMRobertaTokenizerFast(tokenizer_object=tokenizer, model_max_length=64).save_pretrained(folder)
    XLMRobertaConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=66,
        initializer_range=0.5,  # far enough from zero for two translations to score differently
        pad_token_id=1,
    ).save_pretrained(folder)


def score(checkpoint: str, rows: str, scores: str) -> None:
    from comet import load_from_checkpoint

    lines = json.loads(Path(rows).read_text(encoding="utf-8"))
    found = load_from_checkpoint(checkpoint).predict(lines, batch_size=16, gpus=0, progress_bar=False)
    Path(scores).write_text(json.dumps(found["scores"]), encoding="utf-8")


if __name__ == "__main__":
    # This folder holds no package of the name, but may hold others that hide some.
    sys.path.pop(0)
    if sys.argv[1] == "make":
        make(Path(sys.argv[2]))
    else:
        score(*sys.argv[2:])
