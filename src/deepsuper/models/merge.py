"""`deepsuper merge`: write a base model with an adapter's changes added as an ordinary model folder."""

from dataclasses import replace
from pathlib import Path

from deepsuper.common.errors import UserError
from deepsuper.common.outputs import check_folder
from deepsuper.config import MergeConfig
from deepsuper.models.adapters import base_of
from deepsuper.models.card import write_merged_card
from deepsuper.models.load import load_merged, load_tokenizer, save_folder


def merge_adapter(config: MergeConfig) -> Path:
    """The new model folder. Raises: UserError if `adapter` holds none, or `output` exists or cannot be written."""
    adapter, output = Path(config.adapter), Path(config.output)
    if output.exists():
        raise UserError(f"{output}: exists: choose another folder")
    check_folder("output", output)
    source = replace(config.model, name=config.adapter)
    base = base_of(source)
    if base is None:
        raise UserError(f"{adapter}: no adapter_config.json: need the adapter folder of a LoRA run")
    save_folder(load_merged(source), load_tokenizer(base), output)
    write_merged_card(adapter, output, base.name)
    return output
