"""The logit lens on one text: the likeliest tokens of each layer and position, with probability, entropy, script."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from deepsuper.common.errors import UserError
from deepsuper.common.scripts import script_of
from deepsuper.inside.states import EncodedText, layer_states, make_batches
from deepsuper.inside.vocabulary import token_texts
from deepsuper.method.lens import Lens
from deepsuper.method.tuned_lens import TunedLens

ROWS = 64
"""The number of positions whose logits are computed at a time."""


@dataclass(frozen=True)
class Cell:
    """One layer at one position. `top`: tokens with their probabilities and scripts, the likeliest first."""

    entropy: float
    top: tuple[tuple[str, float, str], ...]


@dataclass(frozen=True)
class View:
    """A text read by one model: `cells[layer][position]`, layers 0..L; `tokens` are the text's own."""

    model: str
    text: str
    tokens: tuple[str, ...]
    cells: tuple[tuple[Cell, ...], ...]


def encode(tokenizer: Any, text: str, max_length: int) -> list[int]:
    """The tokens of `text`. Raises: UserError where it has no token, or more than `max_length`."""
    ids: list[int] = tokenizer(text)["input_ids"]
    if not text.strip() or not ids:
        raise UserError(f"text: need at least one token, got {text!r}")
    if len(ids) > max_length:
        raise UserError(f"text: has {len(ids)} tokens, need at most {max_length}: shorten it, or raise --max_length")
    return ids


@torch.no_grad()
def read_text(
    model: nn.Module,
    tokenizer: Any,
    text: str,
    *,
    name: str,
    top: int = 5,
    lens_norm: bool = True,
    max_length: int = 512,
    tuned: TunedLens | None = None,
) -> View:
    """Every layer and position of `text`, special tokens included. Position t shows what follows token t.

    `tuned`: the lens of inner layers, in place of the logit lens. Raises: UserError as `encode` does.
    """
    ids = encode(tokenizer, text, max_length)
    (batch,) = make_batches([EncodedText(tuple(ids), (True,) * len(ids))])
    lens = Lens(model, tuned=tuned)
    layers = [
        _read_layer(lens, h[0], layer, tokenizer, top, lens_norm) for layer, h in enumerate(layer_states(model, batch))
    ]
    return View(name, text, tuple(token_texts(tokenizer, ids)), tuple(layers))


def _read_layer(lens: Lens, h: torch.Tensor, layer: int, tokenizer: Any, top: int, lens_norm: bool) -> tuple[Cell, ...]:
    """The cells of one layer. Shape of `h`: (T, D)."""
    cells: list[Cell] = []
    for start in range(0, len(h), ROWS):
        rows = h[start : start + ROWS]
        p = lens.logits(rows, layer, norm=lens_norm).float().softmax(dim=-1)
        entropy = torch.special.entr(p).sum(dim=-1)
        best = p.topk(min(top, p.shape[-1]), dim=-1)
        for e, probabilities, ids in zip(entropy.tolist(), best.values.tolist(), best.indices.tolist(), strict=True):
            texts = _texts(tokenizer, ids)
            cells.append(Cell(e, tuple((t, q, script_of(t)) for t, q in zip(texts, probabilities, strict=True))))
    return tuple(cells)


def _texts(tokenizer: Any, ids: list[int]) -> list[str]:
    """The texts of tokens; a row of W_out without a token is shown by its number."""
    size = len(tokenizer)
    known = iter(token_texts(tokenizer, [n for n in ids if n < size]))
    return [next(known) if n < size else f"<{n}>" for n in ids]
