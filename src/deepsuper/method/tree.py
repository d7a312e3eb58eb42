"""One pass over a tree of texts whose branches retire at the layer that reads them.

The columns of a pass are segments side by side, [trunk | english | et | lc], each padded to its own width. A
branch sees the row's x^tgt and itself, and its positions go on from |x^tgt|; the English query sees itself alone. So
do several rows that lie in one sequence.
A pre-hook on each block cuts what the block gets to the columns that some layer above still needs. The states
just before a cut are the taps that the losses read. No code per model: hooks on stock transformers blocks.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from deepsuper.common.errors import UserError
from deepsuper.method.batch import ParallelBatch
from deepsuper.method.layout import Text
from deepsuper.models.anatomy import base_model, find_blocks, text_config


@dataclass(frozen=True)
class Segment:
    """Some columns of a pass, `ids` (S, W), needed up to the output of block `last_layer`.

    `rows` (S, W): the row of each column, where several lie side by side in one sequence; else each sequence is a row.
    """

    ids: torch.Tensor
    last_layer: int
    after_prefix: bool = False
    rows: torch.Tensor | None = None

    @classmethod
    def of(cls, batch: ParallelBatch, text: Text, last_layer: int, *, after_prefix: bool = False) -> "Segment":
        """The columns that a batch has for a kind of text."""
        rows = batch.get(f"{text}_rows")
        assert rows is None or isinstance(rows, torch.Tensor)
        return cls(batch[f"{text}_ids"], last_layer, after_prefix, rows)  # type: ignore[literal-required]

    @property
    def row(self) -> torch.Tensor:
        """The row of each column. Shape: (S, W)."""
        if self.rows is not None:
            return self.rows
        return torch.arange(len(self.ids), device=self.ids.device).unsqueeze(1).expand(self.ids.shape)

    @property
    def step(self) -> torch.Tensor:
        """The number of each column in its row's text, from 0. Shape: (S, W)."""
        column = torch.arange(self.ids.shape[1], device=self.ids.device).expand(self.ids.shape)
        if self.rows is None:
            return column
        begins = F.pad(self.rows[:, 1:] != self.rows[:, :-1], (1, 0), value=True)
        return column - torch.where(begins, column, 0).cummax(dim=1).values


@dataclass
class Pass:
    """One forward pass: which columns are alive at each block, what each block may attend to, and the taps."""

    segments: Sequence[Segment]
    prefix_lengths: torch.Tensor
    taps: Collection[int]
    windows: Sequence[int | None]
    attention: str
    states: dict[int, torch.Tensor] = field(default_factory=dict)
    running: bool = True
    _masks: dict[tuple[int, int | None], Any] = field(default_factory=dict)

    def width(self, block: int) -> int:
        """How many columns block `block` (0-based) works on, at least one: those left of the last one still needed."""
        alive = [n for n, segment in enumerate(self.segments) if segment.last_layer > block]
        return sum(s.ids.shape[1] for s in self.segments[: max(alive) + 1]) if alive else 1

    @property
    def plain(self) -> bool:
        """Whether each sequence is one causal text, which the model masks by itself."""
        return len(self.segments) == 1 and self.segments[0].rows is None

    def positions(self) -> torch.Tensor:
        """Position of each column in its own text. Shape: (S, columns)."""
        return torch.cat([s.step + self.prefix_lengths[s.row] if s.after_prefix else s.step for s in self.segments], 1)

    def allowed(self, width: int, window: int | None) -> torch.Tensor:
        """Which column may attend to which. Shape: (S, width, width) bool; windows count positions, not columns."""
        segment = torch.cat([s.ids.new_full((s.ids.shape[1],), n) for n, s in enumerate(self.segments)])[:width]
        branch = torch.tensor([s.after_prefix for s in self.segments], device=segment.device)[segment]
        column = torch.arange(width, device=segment.device)
        row, position = torch.cat([s.row for s in self.segments], 1)[:, :width], self.positions()[:, :width]
        own = (segment[:, None] == segment[None, :]) & (column[:, None] >= column[None, :])
        prefix = (position < self.prefix_lengths[row]) & (segment == 0)
        mask = own | (branch[None, :, None] & prefix[:, None, :])
        if any(s.rows is not None for s in self.segments):
            mask &= row[:, :, None] == row[:, None, :]
        if window is not None:
            mask &= position[:, :, None] - position[:, None, :] < window
        return mask

    def mask(self, block: int, width: int, like: torch.Tensor) -> Any:
        """The attention mask of a block in the form its attention reads; None where plain causal attention is meant."""
        window = self.windows[block]
        trunk = self.segments[0].ids.shape[1]
        if window is not None and window >= int(sum(s.ids.shape[1] for s in self.segments)):
            window = None
        causal = width <= trunk and self.segments[0].rows is None
        if self.attention not in ("eager", "flex_attention") and causal and window is None:
            return None
        key = (width, window)
        if key not in self._masks:
            self._masks[key] = self._build(width, window, like)
        return self._masks[key]

    def _build(self, width: int, window: int | None, like: torch.Tensor) -> Any:
        allowed = self.allowed(width, window)
        if self.attention == "flex_attention":
            from torch.nn.attention.flex_attention import create_block_mask

            def visible(b: torch.Tensor, h: torch.Tensor, q: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
                return allowed[b, q, k]

            return create_block_mask(visible, len(allowed), None, width, width, device=str(allowed.device))
        if self.attention == "eager":
            dtype = (
                torch.get_autocast_dtype(like.device.type)
                if torch.is_autocast_enabled(like.device.type)
                else like.dtype
            )
            return (
                torch.zeros_like(allowed, dtype=like.dtype).masked_fill_(~allowed, torch.finfo(dtype).min).unsqueeze(1)
            )
        return allowed.unsqueeze(1)


class Tree:
    """Runs passes through the blocks of `model`. Its hooks do nothing outside of them (generation, evaluation)."""

    def __init__(self, model: nn.Module) -> None:
        self._decoder_of = base_model(model).get_decoder
        self.config = text_config(model)
        self.num_layers: int = self.config.num_hidden_layers
        self._current: Pass | None = None
        for index, block in enumerate(find_blocks(model)):
            block.register_forward_pre_hook(partial(self._before_block, index), with_kwargs=True)

    def run(
        self, segments: Sequence[Segment], prefix_lengths: torch.Tensor, taps: Collection[int]
    ) -> dict[int, torch.Tensor]:
        """The hidden states of the layers `taps`, with the columns alive there. Shapes: layer -> (S, columns, D)."""
        attention = self.config._attn_implementation or "eager"
        this = Pass(segments, prefix_lengths, frozenset(taps), self._windows(), attention)
        if not this.plain:
            self._check_maskable(attention)
        self._current = this
        kwargs: dict[str, Any] = {}
        if not this.plain:
            # A 4D mask keeps the model from building its own; each block gets its own in the hook.
            placeholder = torch.ones((1, 1, 1, 1), dtype=torch.bool, device=prefix_lengths.device)
            kwargs = {"attention_mask": placeholder, "position_ids": this.positions()}
        try:
            ids = torch.cat([segment.ids for segment in segments], dim=1)
            last = self._decoder_of()(input_ids=ids, use_cache=False, **kwargs).last_hidden_state
            if self.num_layers in this.taps:
                this.states[self.num_layers] = last
            return dict(this.states)
        finally:
            this.running = False
            this.states.clear()

    def _windows(self) -> list[int | None]:
        """The attention window of each block in positions, None for all."""
        window = getattr(self.config, "sliding_window", None)
        kinds = getattr(self.config, "layer_types", None)
        if kinds is None:
            used = window if getattr(self.config, "use_sliding_window", True) else None
            return [used] * self.num_layers
        return [window if kind == "sliding_attention" else None for kind in kinds]

    def _check_maskable(self, attention: str) -> None:
        """Raises: UserError where the model's attention cannot be given the mask of a tree."""
        if attention not in ("sdpa", "eager", "flex_attention"):
            raise UserError(
                f"model.attention: {attention} cannot mask a tree of texts, need sdpa, eager or flex_attention"
            )
        kinds = set(getattr(self.config, "layer_types", None) or []) - {"full_attention", "sliding_attention"}
        if kinds:
            raise UserError(
                f"{self.config.model_type} has layers of {', '.join(sorted(kinds))}, which a tree cannot mask: "
                "choose objective.alignment: positional, and training.packing: none"
            )

    def _before_block(self, index: int, block: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        this = self._current
        # Gradient checkpointing runs a block a second time during backward; up to transformers 5.17 its hooks too.
        replayed = torch._C._current_graph_task_id() != -1
        if this is None or not (this.running or replayed):
            return None
        hidden = args[0] if args else kwargs["hidden_states"]
        if index in this.taps and not replayed:
            this.states[index] = hidden
        width = this.width(index)
        kwargs = {name: _cut(name, value, width) for name, value in kwargs.items()}
        if not this.plain:
            if len(args) > 1 and "attention_mask" not in kwargs:
                raise UserError(
                    f"{type(block).__name__} takes no attention mask by name, which several texts in one pass need: "
                    "choose alignment: positional, with detach_english: true, and training.packing: none"
                )
            kwargs["attention_mask"] = this.mask(index, width, hidden)
        if args:
            return (hidden[:, :width], *args[1:]), kwargs
        return args, {**kwargs, "hidden_states": hidden[:, :width]}


def _cut(name: str, value: Any, width: int) -> Any:
    """What a block gets beside the hidden states, cut to the first `width` columns."""
    if name == "position_embeddings":  # cos and sin: (B, T, head)
        return tuple(part[:, :width] for part in value)
    if name == "position_ids" and isinstance(value, torch.Tensor):
        return value[..., :width]
    if name == "cache_position" and isinstance(value, torch.Tensor):
        return value[:width]
    if name == "attention_mask" and isinstance(value, torch.Tensor) and value.dim() == 4:
        return value[:, :, :width, :width]
    if name == "attention_mask" and width < getattr(value, "seq_lengths", (0,))[0]:
        return None  # flex attention, in a plain pass: what is cut there is cut to one column, which nothing reads
    return value
