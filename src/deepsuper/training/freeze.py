"""Blocks that do not train: which ones `training.freeze_blocks` names, and whether every term still trains one."""

import re
from collections.abc import Mapping
from typing import Any

from deepsuper.common.errors import UserError
from deepsuper.config import RunConfig
from deepsuper.method.objective import Feature, Objective, Term, term_key

FORM = re.compile(r"\d+(-\d+)?(,\d+(-\d+)?)*")


def blocks_in(text: str | int | None) -> frozenset[int]:
    """The blocks that `text` names, such as 1-4,8-9. Block k makes the states of layer k; none is empty.

    Raises: UserError where it names none, or a block before the first.
    """
    if text is None:
        return frozenset()
    bare = str(text).replace(" ", "")
    blocks: set[int] = set()
    for part in bare.split(",") if FORM.fullmatch(bare) else ():
        first, _, last = part.partition("-")
        span = range(int(first), int(last or first) + 1)
        if not span:
            blocks.clear()
            break
        blocks |= set(span)
    if not blocks or 0 in blocks:
        raise UserError(f"training.freeze_blocks: need numbers of blocks from 1, such as 1-6 or 1-4,8-9, got {text!r}")
    return frozenset(blocks)


def check_frozen(config: RunConfig, objectives: Mapping[str, Objective], num_layers: int) -> None:
    """Raises: UserError if a frozen block does not exist, or if adapters are frozen wherever a term trains."""
    text = config.training.freeze_blocks
    frozen = blocks_in(text)
    if frozen and max(frozen) > num_layers:
        raise UserError(f"training.freeze_blocks {text}: the model has {num_layers} blocks, got {max(frozen)}")
    if config.lora is None or not frozen:
        return  # the embeddings train in any case
    for stream, objective in objectives.items():
        for name, term in objective.terms.items():
            top = _top(term)
            if frozen.issuperset(range(1, top + 1)):
                raise UserError(
                    f"training.freeze_blocks {text}: the term {term_key(stream, name)} reads layer {top}, and no "
                    "adapter up to there would train: freeze fewer blocks, or read a later layer"
                )


def _top(term: Term) -> int:
    """The last layer at which a term gives the model a gradient."""
    return max(term.layer, term.layer_en) if isinstance(term, Feature) and not term.detach_english else term.layer


def freeze(model: Any, config: RunConfig) -> None:
    """Takes the weights of the frozen blocks, and adapters in them, out of training.

    Raises: UserError if nothing is left to train.
    """
    from deepsuper.models.anatomy import find_blocks

    blocks = find_blocks(model)
    for number in sorted(blocks_in(config.training.freeze_blocks)):
        blocks[number - 1].requires_grad_(False)
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise UserError(
            f"training.freeze_blocks {config.training.freeze_blocks}: all adapters (lora.target_modules) are in frozen "
            "blocks, so nothing would train: freeze fewer blocks"
        )


def frozen_text(config: RunConfig, num_layers: int) -> str:
    """What is frozen, in one line; nothing if nothing is."""
    text = config.training.freeze_blocks
    what = "adapters" if config.lora is not None else "weights"
    return "" if text is None else f"frozen: the {what} of blocks {text} of {num_layers} do not train"
