"""The model card of a trained model: its base model, its training, and its losses on held-out rows."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from deepsuper.common.files import write_text
from deepsuper.config import RunConfig

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
    """Writes README.md into the model folder, or the adapter folder, of a run."""
    adapter = config.lora is not None
    trained = [source for stream in config.all_streams.values() for source in stream.train]
    languages = list(dict.fromkeys(source.language for source in trained))
    methods = list(dict.fromkeys(stream.objective.method for stream in config.all_streams.values()))
    text = _render(
        "card.md.jinja",
        base=config.model.name,
        library="peft" if adapter else "transformers",
        metadata={"language": languages, "tags": ["deepsuper", "deep-supervision", *methods]},
        method=config.method,
        languages=", ".join(languages),
        formula=formula,
        usage=ADAPTER_USAGE if adapter else USAGE,
        template=config.data.template,
        facts=_facts(config, counts),
        losses=_losses(metrics),
    )
    write_text(folder / CARD, text)


def write_merged_card(adapter: Path, folder: Path, base: str) -> None:
    """Writes README.md of a merged model: the adapter's card, changed, if deepsuper wrote it; else a short one."""
    from huggingface_hub import ModelCard

    file = adapter / CARD
    own = file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
    if own.startswith("---\n") and ADAPTER_USAGE in own:
        card = ModelCard(own.replace(ADAPTER_USAGE, USAGE))
        card.data["library_name"] = "transformers"
        text = str(card)
    else:
        text = _render("card_merged.md.jinja", base=base, library="transformers", metadata={}, usage=USAGE)
    write_text(folder / CARD, text)


def _render(file: str, *, base: str, library: str, metadata: Mapping[str, Any], **values: Any) -> str:
    from huggingface_hub import ModelCard, ModelCardData

    source = Path(__file__).with_name(file).read_text(encoding="utf-8")
    data = ModelCardData(base_model=base, library_name=library, **metadata)
    return str(ModelCard.from_template(data, template_str=source, base=base, **values))


def _facts(config: RunConfig, counts: Mapping[str, int]) -> dict[str, Any]:
    t = config.training
    return {
        "rows": f"{counts['train_rows']:,} ({counts['skipped_rows']:,} skipped)",
        "data": ", ".join(
            str(source.path or source.hub) for stream in config.all_streams.values() for source in stream.train
        ),
        "batch size": t.batch_size,
        "learning rate": f"{t.learning_rate:g}, {t.schedule}",
        "epochs": f"{t.epochs:g}" if t.max_steps < 0 else f"{t.max_steps} steps",
        "seed": t.seed,
    }


def _losses(metrics: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """The last held-out loss of each term; empty where no rows were held out."""
    last: Mapping[str, Any] = next((m for m in reversed(metrics) if "eval_loss" in m), {})
    return {key.removeprefix("eval_loss_"): value for key, value in last.items() if key.startswith("eval_loss_")}
