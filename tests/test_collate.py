"""The collator: columns, shifted targets, nothing lost."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from deepsuper.collate import Collator
from deepsuper.objective import Feature, Logits, Objective
from deepsuper.parallel import EncodedRow, ParallelBatch, Side, check_shapes
from rows import BOS, EOS, PAD, make_rows

TERMS = {"tft": Logits(4, "tft"), "lc": Logits(1, "lc"), "et": Logits(3, "et")}
ROW = EncodedRow(
    "a",
    "zh",
    tgt=Side((BOS, 10, 11), (12, EOS), (False, True, True)),
    en=Side((BOS, 20, 21, 22), (30, 31, EOS), (False, True, True, True)),
)


def triples(batch: ParallelBatch, name: str) -> list[tuple[int, int, int]]:
    return [tuple(t) for t in batch[f"targets_{name}"].T.tolist()]


def test_conditional_columns_by_hand() -> None:
    batch = Collator(PAD, BOS, Objective(TERMS))([ROW])
    assert batch["trunk_ids"].tolist() == [[BOS, 10, 11, 12, EOS]]
    assert batch["et_ids"].tolist() == [[30, 31]]
    assert batch["lc_ids"].tolist() == [[20, 21]]
    assert triples(batch, "tft") == [(0, 2, 12), (0, 3, EOS)]
    assert triples(batch, "et") == [(0, 2, 30), (0, 5, 31), (0, 6, EOS)]
    assert triples(batch, "lc") == [(0, 2, 20), (0, 7, 21), (0, 8, 22)]


def test_positional_columns_by_hand() -> None:
    batch = Collator(PAD, BOS, Objective(TERMS, alignment="positional"))([ROW])
    assert "et_ids" not in batch and "lc_ids" not in batch
    assert triples(batch, "lc") == [(0, 0, 20), (0, 1, 21), (0, 2, 22)]
    assert triples(batch, "et") == [(0, 2, 30), (0, 3, 31)]


@given(st.integers(1, 6), st.integers(0, 10**6), st.sampled_from(["conditional", "positional"]), st.booleans())
def test_every_answer_token_is_predicted_once_by_the_column_before_it(
    count: int, seed: int, alignment: str, joint: bool
) -> None:
    rows = make_rows(count, seed)
    terms = {**TERMS, "feature": Feature(2, 4, detach_english=not joint)}
    batch = Collator(PAD, BOS, Objective(terms, alignment=alignment))(rows)
    segments = [batch["trunk_ids"], *([batch["english_ids"]] if joint else [])]
    segments += [batch[key] for key in ("et_ids", "lc_ids") if key in batch]
    columns = torch.cat(segments, dim=1)
    for b, row in enumerate(rows):
        got = {n: [(c, label) for r, c, label in triples(batch, n) if r == b] for n in ("tft", "lc", "et")}
        assert [label for _, label in got["tft"]] == list(row.tgt.response)
        for c, label in got["tft"]:
            assert batch["trunk_ids"][b, c + 1] == label
        if alignment == "conditional":
            assert [label for _, label in got["et"]] == list(row.en.response)
            assert [label for _, label in got["lc"]] == list(row.en.query[1:])
            for name in ("et", "lc"):
                for (_, before), (c, _) in zip(got[name], got[name][1:], strict=False):
                    assert columns[b, c] == before
        else:
            assert len(got["et"]) == min(len(row.tgt.response), len(row.en.response))
            assert len(got["lc"]) == min(len(row.tgt.query), len(row.en.query) - 1)
        assert batch["query_mask"][b].sum() == len(row.tgt.query) - 1
        assert not batch["query_mask"][b, 0] and not batch["query_mask"][b, len(row.tgt.query) :].any()


def test_a_row_without_english_is_named() -> None:
    with pytest.raises(ValueError, match="row a: the objective supervises with English"):
        Collator(PAD, BOS, Objective(TERMS))([EncodedRow("a", "zh", ROW.tgt)])


def test_shapes_that_disagree_are_named() -> None:
    batch = Collator(PAD, BOS, Objective(TERMS))([ROW])
    batch["prefix_lengths"] = torch.zeros(3)
    with pytest.raises(ValueError, match="prefix_lengths"):
        check_shapes(batch)
