"""The collator: columns, shifted targets, nothing lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from deepsuper.config import Weight
from deepsuper.method.batch import EncodedRow, ParallelBatch, Side, check_shapes
from deepsuper.method.collate import Collator, check_made_for
from deepsuper.method.objective import Feature, Logits, Objective
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


def test_a_batch_without_rows_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^no rows: a batch needs at least one"):
        Collator(PAD, BOS, Objective(TERMS))([])


def test_a_language_without_an_index_is_named_where_it_is_read() -> None:
    row, centered = replace(ROW, language="vi"), Objective({"lc": Feature(1, 1, center="running")})
    with pytest.raises(ValueError, match=r"^row a: language 'vi' is not among the Collator's \(zh\): add it"):
        Collator(PAD, BOS, centered)([row])
    assert Collator(PAD, BOS, centered, ("zh", "vi"))([row])["language"].tolist() == [1]
    assert Collator(PAD, BOS, Objective(TERMS))([row])["language"].tolist() == [0]


TFT, ET, LC = ({name: TERMS[name]} for name in ("tft", "et", "lc"))
FEATURE = {"lc": Feature(1, 1)}


@pytest.mark.parametrize(
    ("made", "read", "words"),
    [
        (Objective(TFT), Objective(TERMS), "it has no et_ids"),
        (Objective(TFT), Objective(TERMS, alignment="positional"), "it has no targets_et"),
        (Objective(TFT), Objective(FEATURE), "it has no english_ids"),
        (Objective(FEATURE), Objective(TFT), "it has no targets_tft"),
        (Objective(TERMS), Objective(TERMS, alignment="positional"), "it has et_ids"),
        (Objective(TERMS), Objective(LC), "it has et_ids"),
        (Objective(ET | FEATURE), Objective(ET), "it has english_ids"),
    ],
)
def test_a_batch_for_another_objective_is_refused(made: Objective, read: Objective, words: str) -> None:
    batch = Collator(PAD, BOS, made)([ROW])
    check_made_for(batch, made)
    with pytest.raises(ValueError, match=rf"^the batch was made for another objective \({words}.*alignment"):
        check_made_for(batch, read)


def test_a_batch_may_hold_more_where_nothing_moves() -> None:
    for more in (Objective(TERMS), Objective(TERMS | FEATURE), Objective(TERMS, alignment="positional")):
        check_made_for(Collator(PAD, BOS, more)([ROW]), Objective(TFT))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Objective(TERMS, alignment="conditonal"), "alignment: need one of conditional, positional, got 'con"),
        (lambda: Logits(1, "bar"), "targets: need one of tft, lc, et, got 'bar'"),
        (lambda: Feature(1, 1, pooling="max"), "pooling: need one of mean, last, got 'max'"),
        (lambda: Feature(1, 1, similarity="cos"), "similarity: need one of cosine, contrastive, got 'cos'"),
        (lambda: Weight(1.0, decay="liner"), "decay: need one of none, linear, cosine, got 'liner'"),
        (lambda: Objective(TERMS, {"lcc": Weight(2.0)}), r"weight 'lcc': need the name of a term \(tft, lc, et\)"),
    ],
)
def test_a_misspelt_word_of_an_objective_is_named(make: Callable[[], object], words: str) -> None:
    with pytest.raises(ValueError, match=f"^{words}"):
        make()


def test_shapes_that_disagree_are_named() -> None:
    batch = Collator(PAD, BOS, Objective(TERMS))([ROW])
    batch["prefix_lengths"] = torch.zeros(3)
    with pytest.raises(ValueError, match="prefix_lengths"):
        check_shapes(batch)
