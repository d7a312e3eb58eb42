"""How i and j change with each choice that the paper leaves open: positions, final norm, text.

    python benchmarks/layers_study.py                       both packaged models, three languages
    python benchmarks/layers_study.py --models gemma-3-270m --langs zh --sentences 10

Each row has the layers by the entropy and by the language of the words, with 95% intervals over sentences. Where the
entropy gives no layers, the row names the layer from which it falls most.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from deepsuper.config import LayersConfig, ModelConfig
from deepsuper.data.texts import Texts
from deepsuper.demo.run import load_rows
from deepsuper.inside.layers import LayersReport, select_layers
from deepsuper.inside.layers.run import read_texts
from workload import load_base

VARIANTS = {
    "default": {},
    "first token out": {"positions": "inner"},
    "special tokens in": {"positions": "all"},
    "no final norm": {"lens_norm": False},
    "questions of XQuAD": {},
}


def texts_of(variant: str, config: LayersConfig) -> Texts:
    if variant != "questions of XQuAD":
        return read_texts(config)
    rows = load_rows(config.language, "train")
    sides = [tuple(getattr(row, name) for row in rows) for name in ("instruction", "instruction_en")]
    return Texts(config.language, "XQuAD", sides[0], sides[1]).first(config.sentences)


def row(report: LayersReport) -> str:
    entropy, language = report.verdicts
    if entropy.layer_et is None:
        said = f"none (falls from {entropy.near_et})"
    else:
        said = f"i {entropy.layer_lc} {entropy.interval_lc}, j {entropy.layer_et} {entropy.interval_et}"
    if language.layer_et is None:
        return f"{said} | none"
    return f"{said} | i {language.layer_lc} {language.interval_lc}, j {language.layer_et} {language.interval_et}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["gemma-3-270m", "smollm2-135m"])
    parser.add_argument("--langs", nargs="+", default=["zh", "vi", "ar"])
    parser.add_argument("--sentences", type=int, default=24)
    parser.add_argument("--max_length", type=int, default=512)
    args = parser.parse_args()
    print("| model | language | variant | entropy | language of the words |\n| --- | --- | --- | --- | --- |")
    for name in args.models:
        model, tokenizer = load_base(name)
        for language in args.langs:
            base = LayersConfig(
                ModelConfig(name), language, sentences=args.sentences, criteria=("entropy", "language"),
                max_length=args.max_length,
            )  # fmt: skip
            for variant, options in VARIANTS.items():
                config = replace(base, **options)
                report = select_layers(model.eval(), tokenizer, texts_of(variant, config), config)
                print(f"| {name} | {language} | {variant} | {row(report)} |", flush=True)


if __name__ == "__main__":
    main()
