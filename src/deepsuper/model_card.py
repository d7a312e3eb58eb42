"""The card of a trained model: what it was made from, how, and how it scored on held-out rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from deepsuper.config import RunConfig
from deepsuper.run_folder import write_text

CARD = """---
base_model: {base}
language: [{languages}]
library_name: {library}
tags: [deepsuper, deep-supervision, {method}]
---

# {base}, tuned with {method}

Made by [deepsuper](https://pypi.org/project/deepsuper/) from `{base}` for {languages}.

```
{formula}
```

{usage}

| training | |
| --- | --- |
{facts}

{scores}
"""
USAGE = """```python
from transformers import AutoModelForCausalLM, AutoTokenizer

model = AutoModelForCausalLM.from_pretrained("path/to/this/folder")
tokenizer = AutoTokenizer.from_pretrained("path/to/this/folder")
```

Prompts were rendered with the `{template}` template of deepsuper."""
ADAPTER_USAGE = """This is a LoRA adapter: load it with peft, or make a whole model of it with
`deepsuper merge path/to/this/folder OUTPUT`. Prompts were rendered with the `{template}` template of deepsuper."""


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
    usage = USAGE if config.lora is None else ADAPTER_USAGE
    text = CARD.format(
        base=config.model.name,
        languages=", ".join(dict.fromkeys(s.language for s in config.data.train)),
        library="transformers" if config.lora is None else "peft",
        method=config.objective.method,
        formula=formula,
        usage=usage.format(template=config.data.template),
        facts="\n".join(f"| {name} | {value} |" for name, value in facts.items()),
        scores=_scores(metrics),
    )
    write_text(folder / "README.md", text)


def _scores(metrics: Sequence[Mapping[str, Any]]) -> str:
    last = next((m for m in reversed(metrics) if "eval_loss" in m), None)
    if last is None:
        return "No rows were held out."
    losses = {key.removeprefix("eval_loss_"): value for key, value in last.items() if key.startswith("eval_loss_")}
    rows = "\n".join(f"| {name} | {value:.4f} |" for name, value in losses.items())
    return f"| held-out loss (nats per token; 1 - cos for features) | |\n| --- | --- |\n{rows}"
