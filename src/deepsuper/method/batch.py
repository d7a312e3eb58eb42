"""A row in both languages as token ids, and the batch that one training step reads.

Shape letters: B batch, T trunk columns (x^tgt y^tgt), E columns of y^en, C columns of x^en after x^tgt,
S columns of the English query on its own, N predicted tokens.
"""

from dataclasses import dataclass
from typing import TypedDict, cast

import torch

from deepsuper.common.errors import UserError


@dataclass(frozen=True)
class Side:
    """One language of one row: the rendered query x and the response y, as token ids.

    `query` starts with BOS if the tokenizer adds one; `response` ends with EOS. `content[t]` says whether query
    token t is pooled (eq. 5, 7): special tokens and the first token are not.
    """

    query: tuple[int, ...]
    response: tuple[int, ...]
    content: tuple[bool, ...]

    def __post_init__(self) -> None:
        assert len(self.query) == len(self.content), "one content flag for each query token"


@dataclass(frozen=True)
class EncodedRow:
    """A row ready for collation. `en` is None if the corpus has one language only (SFT, TFT)."""

    id: str
    language: str
    tgt: Side
    en: Side | None = None


class ParallelBatch(TypedDict, total=False):
    """Token tensors of one batch. It is a plain dict, so that any data loader, DDP or FSDP can move it to a device.

    The columns of a pass are [trunk | english | et | lc]; see `tree.py`. A `targets_*` tensor (3, N) holds the
    row, the column and the label of each predicted token. The labels are already shifted, so no loss has to shift.
    The positions are computed on the CPU, so no loss waits for the device.
    """

    filler: bool  # whether the rows only keep a process in step that has none left: they count for nothing
    stream: str  # the stream whose rows they are, where a run has several
    trunk_ids: torch.Tensor  # (B, T)  x^tgt y^tgt, padded on the right
    prefix_lengths: torch.Tensor  # (B,)    |x^tgt|
    query_mask: torch.Tensor  # (B, T)  bool: the tokens of x^tgt that are pooled
    language: torch.Tensor  # (B,)    index into the run's languages
    targets_tft: torch.Tensor  # (3, N)
    targets_lc: torch.Tensor  # (3, N)
    targets_et: torch.Tensor  # (3, N)
    targets_retain: torch.Tensor  # (3, N)  English tokens in the trunk, or in english_ids alone; no labels: 0
    et_ids: torch.Tensor  # (B, E)  y^en, conditional alignment only
    lc_ids: torch.Tensor  # (B, C)  x^en without BOS, conditional alignment only
    english_ids: torch.Tensor  # (B, S)  x^en as a query of its own, for features and retention
    english_lengths: torch.Tensor  # (B,)    |x^en|
    english_mask: torch.Tensor  # (B, S)  bool: the tokens of x^en that are pooled


def to_device(batch: ParallelBatch, device: torch.device | str) -> ParallelBatch:
    """The same batch with every tensor on `device`."""
    moved = {key: value.to(device) if isinstance(value, torch.Tensor) else value for key, value in batch.items()}
    return cast(ParallelBatch, moved)


def check_shapes(batch: ParallelBatch) -> None:
    """Raises: UserError naming two tensors of a batch whose shapes do not fit together."""
    rows, columns = batch["trunk_ids"].shape
    expected: dict[str, tuple[int | None, ...]] = {
        "prefix_lengths": (rows,),
        "query_mask": (rows, columns),
        "language": (rows,),
        "targets_tft": (3, None),
        "targets_lc": (3, None),
        "targets_et": (3, None),
        "targets_retain": (3, None),
        "et_ids": (rows, None),
        "lc_ids": (rows, None),
        "english_ids": (rows, None),
        "english_lengths": (rows,),
        "english_mask": tuple(batch["english_ids"].shape) if "english_ids" in batch else (rows, None),
    }
    for name, shape in expected.items():
        tensor = batch.get(name)
        if not isinstance(tensor, torch.Tensor):
            continue
        fits = tensor.dim() == len(shape) and all(
            want in (None, got) for want, got in zip(shape, tensor.shape, strict=True)
        )
        if not fits:
            want = "x".join("any" if size is None else str(size) for size in shape)
            raise UserError(
                f"batch[{name!r}] has shape {tuple(tensor.shape)}, need {want} beside trunk_ids {rows}x{columns}"
            )
