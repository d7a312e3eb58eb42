"""The card of a trained model: what it was made from, how, and how it scored on held-out rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from deepsuper.common.files import write_text
from deepsuper.config import RunConfig

BODY = """# {base}, tuned with {method}

Made by [deepsuper](https://pypi.org/project/deepsuper/) from `{base}` for {languages}.

```
{formula}
```

{usage}

Prompts were rendered with the `{template}` template of deepsuper.

| training | |
| --- | --- |
{facts}

{scores}
"""
MERGED_BODY = """# {base}, with an adapter merged into it

Merged by [deepsuper](https://pypi.org/project/deepsuper/) from `{base}` and a LoRA adapter.

{usage}
"""
USAGE = """```python
from transformers import AutoModelForCausalLM, AutoTokenizer

model = AutoModelForCausalLM.from_pretrained("path/to/this/folder")
tokenizer = AutoTokenizer.from_pretrained("path/to/this/folder")
```"""
ADAPTER_USAGE = """This is a LoRA adapter: load it with peft, or make a whole model of it with
`deepsuper merge path/to/this/folder OUTPUT`."""
CARD = "README.md"


def write_card(
    folder: Path, config: RunConfig, formula: str, metrics: Sequence[Mapping[str, Any]], counts: Mapping[str, int]
) -> None:
    """Writes README.md into the model folder."""
    t = config.training
    facts = {
        "rows": f"{counts['train_rows']:,} ({counts['skipped_rows']:,} skipped)",
        "data": ", ".join(str(s.path or s.hub) for s in config.data.train),
        "batch size": t.batch_size,
        "learning rate": f"{t.learning_rate:g}, {t.schedule}",
        "epochs": f"{t.epochs:g}" if t.max_steps < 0 else f"{t.max_steps} steps",
        "seed": t.seed,
    }
    languages, adapter = list(dict.fromkeys(s.language for s in config.data.train)), config.lora is not None
    header = {
        "base_model": config.model.name,
        "language": languages,
        "library_name": "peft" if adapter else "transformers",
        "tags": ["deepsuper", "deep-supervision", config.objective.method],
    }
    body = BODY.format(
        base=config.model.name,
        languages=", ".join(languages),
        method=config.objective.method,
        formula=formula,
        usage=ADAPTER_USAGE if adapter else USAGE,
        template=config.data.template,
        facts="\n".join(f"| {name} | {value} |" for name, value in facts.items()),
        scores=_scores(metrics),
    )
    write_text(folder / CARD, _card(header, body))


def write_merged_card(adapter: Path, folder: Path, base: str) -> None:
    """Writes README.md into the folder of a merged model: the adapter's own card, where deepsuper wrote it, else a few
    words about `base`."""
    text = (adapter / CARD).read_text(encoding="utf-8", errors="replace") if (adapter / CARD).is_file() else ""
    if text.startswith("---\n") and ADAPTER_USAGE in text:
        header, body = text.removeprefix("---\n").split("\n---\n\n", 1)
        text = _card({**yaml.safe_load(header), "library_name": "transformers"}, body.replace(ADAPTER_USAGE, USAGE))
    else:
        text = _card({"base_model": base, "library_name": "transformers"}, MERGED_BODY.format(base=base, usage=USAGE))
    write_text(folder / CARD, text)


def _card(header: Mapping[str, Any], body: str) -> str:
    """A card as the hub reads it: YAML between lines of three dashes, then Markdown."""
    return f"---\n{yaml.safe_dump(dict(header), sort_keys=False, allow_unicode=True)}---\n\n{body}"


def _scores(metrics: Sequence[Mapping[str, Any]]) -> str:
    last = next((m for m in reversed(metrics) if "eval_loss" in m), None)
    if last is None:
        return "No rows were held out."
    losses = {key.removeprefix("eval_loss_"): value for key, value in last.items() if key.startswith("eval_loss_")}
    rows = "\n".join(f"| {name} | {value:.4f} |" for name, value in losses.items())
    return f"| held-out loss (nats per token; 1 - cos for features) | |\n| --- | --- |\n{rows}"
