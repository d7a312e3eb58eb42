"""Keys and values of a batch, which grow in place, and whose rows can be combined into new batches."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.utils.rnn import pad_sequence
from transformers import Cache
from transformers.cache_utils import DynamicLayer

ROOM = 64
"""Tokens that are allocated beyond those of a batch, each time its tensors are made."""
PASS = 128
"""Tokens that take about as long as the fixed cost of a forward pass: less padding is cheaper than one more pass."""


class Room:
    """A tensor, [rows, heads, tokens, dimensions], that grows by tokens in place, as long as there is room."""

    def __init__(self) -> None:
        self.whole = self.used = torch.empty(0)

    def reserve(self, rows: int, tokens: int, like: torch.Tensor) -> torch.Tensor:
        """Zeros for so many rows and tokens, with room for more tokens."""
        self.whole = like.new_zeros(rows, like.shape[1], tokens + ROOM, like.shape[-1])
        self.used = self.whole[:, :, :tokens]
        return self.used

    def append(self, kept: torch.Tensor, new: torch.Tensor) -> torch.Tensor:
        """`kept` and then `new`. `kept` is not copied if it is the used part of this tensor."""
        start = kept.shape[-2]
        end = start + new.shape[-2]
        if kept is not self.used or end > self.whole.shape[-2]:
            self.reserve(len(new), end, new)[:, :, :start] = kept
        self.whole[:, :, start:end] = new
        self.used = self.whole[:, :, :end]
        return self.used


class RoomyLayer(DynamicLayer):  # type: ignore[misc]
    """Keys and values with room for the next tokens; `DynamicLayer` copies all of them for each new token."""

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        super().lazy_initialization(key_states, value_states)
        self.keys, self.values = key_states[:, :, :0], value_states[:, :, :0]
        self.rooms = Room(), Room()

    def reserve(self, rows: int, tokens: int, like: DynamicLayer) -> None:
        """Zeros for so many rows and tokens, with the data type, heads and device of another layer."""
        self.lazy_initialization(like.keys, like.values)
        of_keys, of_values = self.rooms
        self.keys, self.values = of_keys.reserve(rows, tokens, like.keys), of_values.reserve(rows, tokens, like.values)

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *_: Any, **__: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        of_keys, of_values = self.rooms
        self.keys, self.values = of_keys.append(self.keys, key_states), of_values.append(self.values, value_states)
        return self.keys, self.values


@dataclass(frozen=True)
class Past:
    """Keys and values of each layer, and their attention mask, [rows, tokens]. Padding is on the left."""

    cache: Cache
    mask: torch.Tensor

    @classmethod
    def empty(cls, rows: int, device: Any) -> "Past":
        """The past of prompts before anything was read."""
        return cls(Cache(layer_class_to_replicate=RoomyLayer), torch.ones(rows, 0, dtype=torch.long, device=device))

    @property
    def width(self) -> int:
        """The tokens of the longest row."""
        return int(self.mask.shape[1])

    def pieces(self, rows: Iterable[int]) -> list["Piece"]:
        """Some rows, each with all its tokens."""
        lengths = self.mask.sum(1).tolist()
        return [Piece(self, row, self.width - lengths[row], lengths[row]) for row in rows]


@dataclass(frozen=True)
class Piece:
    """Tokens of one row: `length` of them, from column `start` on."""

    past: Past
    row: int
    start: int
    length: int


def compose(pieces: Sequence[Piece], *, spend: bool = False) -> Past:
    """One batch of pieces, padded on the left. `spend`: their sources are freed layer by layer while being copied."""
    device = pieces[0].past.mask.device
    mask = pad([(0,) * piece.length for piece in pieces], device, left=True)[1]
    new = Past(Past.empty(len(pieces), device).cache, mask)
    full = [(row, piece) for row, piece in enumerate(pieces) if piece.length]
    for n in range(len(full[0][1].past.cache.layers) if full else 0):
        layer = RoomyLayer()
        layer.reserve(len(pieces), new.width, full[0][1].past.cache.layers[n])
        for row, piece in full:
            source, columns = piece.past.cache.layers[n], slice(piece.start, piece.start + piece.length)
            layer.keys[row, :, -piece.length :] = source.keys[piece.row, :, columns]
            layer.values[row, :, -piece.length :] = source.values[piece.row, :, columns]
        new.cache.layers.append(layer)
        for past in {id(piece.past): piece.past for _, piece in full}.values() if spend else ():
            past.cache.layers[n] = RoomyLayer()
    return new


def pad(rows: Sequence[Sequence[int]], device: Any, *, left: bool, token: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows of tokens as one tensor, [rows, longest], filled with `token`, and the mask of which are real."""
    side = "left" if left else "right"
    ids = [torch.tensor(row, dtype=torch.long) for row in rows]
    padded = pad_sequence(ids, batch_first=True, padding_value=token, padding_side=side)
    mask = pad_sequence([torch.ones_like(row) for row in ids], batch_first=True, padding_side=side)
    return padded.to(device), mask.to(device)


def in_passes(lengths: Sequence[int]) -> list[list[int]]:
    """The indices of the rows in each forward pass, so that padding and passes cost least; longest rows first."""
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    cost, cut = {0: 0}, {0: 0}
    for end in range(1, len(order) + 1):
        longest = lengths[order[end - 1]]
        if end < len(order) and lengths[order[end]] == longest:
            continue  # rows of one length stay together
        of_cut = {start: before + (end - start) * longest + PASS for start, before in cost.items()}
        cut[end] = min(of_cut, key=of_cut.__getitem__)
        cost[end] = of_cut[cut[end]]
    passes, end = [], len(order)
    while end:
        passes.append(order[cut[end] : end])
        end = cut[end]
    return passes
