"""A row in both languages as token ids, and the batch that one training step reads.

Shape letters: B rows, S sequences (each a row, or several), T trunk columns (x^tgt y^tgt), E columns of y^en, C columns
of x^en after x^tgt, Q columns of the English query on its own, N predicted tokens.
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
    sequence, the column and the label of each predicted token. The labels are already shifted, so no loss has to shift.
    The positions are computed on the CPU, so no loss waits for the device. Where several rows lie in one sequence
    (`layout.py`), a `*_rows` tensor says to which row a column belongs.
    """

    filler: bool  # whether the rows only keep a process in step that has none left: they count for nothing
    stream: str  # the stream whose rows they are, where a run has several
    trunk_ids: torch.Tensor  # (S, T)  x^tgt y^tgt, padded on the right
    prefix_lengths: torch.Tensor  # (B,)    |x^tgt|
    query_mask: torch.Tensor  # (S, T)  bool: the tokens of x^tgt that are pooled
    language: torch.Tensor  # (B,)    index into the run's languages
    targets_tft: torch.Tensor  # (3, N)
    targets_lc: torch.Tensor  # (3, N)
    targets_et: torch.Tensor  # (3, N)
    targets_retain: torch.Tensor  # (3, N)  English tokens in the trunk, or in english_ids alone; no labels: 0
    et_ids: torch.Tensor  # (S, E)  y^en, conditional alignment only
    lc_ids: torch.Tensor  # (S, C)  x^en without BOS, conditional alignment only
    english_ids: torch.Tensor  # (S, Q)  x^en as a query of its own, for features and retention
    english_lengths: torch.Tensor  # (B,)    |x^en|
    english_mask: torch.Tensor  # (S, Q)  bool: the tokens of x^en that are pooled
    trunk_rows: torch.Tensor  # (S, T)  only of packed rows, like the next three
    et_rows: torch.Tensor  # (S, E)
    lc_rows: torch.Tensor  # (S, C)
    english_rows: torch.Tensor  # (S, Q)


def to_device(batch: ParallelBatch, device: torch.device | str) -> ParallelBatch:
    """The same batch with every tensor on `device`."""
    moved = {key: value.to(device) if isinstance(value, torch.Tensor) else value for key, value in batch.items()}
    return cast(ParallelBatch, moved)


def check_shapes(batch: ParallelBatch) -> None:
    """Raises: UserError naming two tensors of a batch whose shapes do not fit together."""
    sequences, columns = batch["trunk_ids"].shape
    rows = len(batch["language"]) if "trunk_rows" in batch else sequences
    expected: dict[str, tuple[int | None, ...]] = {
        "query_mask": (sequences, columns),
        **dict.fromkeys(("prefix_lengths", "language", "english_lengths"), (rows,)),
        **dict.fromkeys(("targets_tft", "targets_lc", "targets_et", "targets_retain"), (3, None)),
        **dict.fromkeys(("et_ids", "lc_ids", "english_ids"), (sequences, None)),
    }
    for text in ("trunk", "english", "et", "lc"):
        if f"{text}_ids" in batch:
            shape = tuple(batch[f"{text}_ids"].shape)  # type: ignore[literal-required]
            expected |= {f"{text}_rows": shape, **({"english_mask": shape} if text == "english" else {})}
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
                f"batch[{name!r}] has shape {tuple(tensor.shape)}, need {want} beside trunk_ids {sequences}x{columns}"
            )
