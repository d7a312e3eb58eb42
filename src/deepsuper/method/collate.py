"""Rows -> one batch: columns, positions to predict and their labels. The only place that shifts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from deepsuper.common.errors import UserError
from deepsuper.method.batch import EncodedRow, ParallelBatch, Side, check_shapes
from deepsuper.method.objective import Logits, Objective, RetainedText, english_layers


def pad(sequences: Sequence[Sequence[int]], value: int) -> torch.Tensor:
    """The sequences as one tensor, padded on the right, at least one column wide. Shape: (B, longest)."""
    width = max(1, *(len(s) for s in sequences)) if len(sequences) > 1 else max(1, len(sequences[0]))
    return torch.tensor([[*s, *[value] * (width - len(s))] for s in sequences], dtype=torch.long)


@dataclass(frozen=True)
class Collator:
    """Makes the batch that `objective` reads. `languages` gives each target language its index.

    `special_ids`: the tokens of an answer that a term which retains English leaves out.
    """

    pad_id: int
    bos_id: int | None
    objective: Objective
    languages: tuple[str, ...] = ("zh",)
    special_ids: frozenset[int] = frozenset()

    def __call__(self, rows: Sequence[EncodedRow]) -> ParallelBatch:
        """Raises: UserError if a row lacks an English side, or a known language, that a term needs."""
        if not rows:
            raise UserError("no rows: a batch needs at least one")
        trunk = pad([row.tgt.query + row.tgt.response for row in rows], self.pad_id)
        query_mask = pad([row.tgt.content for row in rows], 0)
        batch = ParallelBatch(
            trunk_ids=trunk,
            prefix_lengths=torch.tensor([len(row.tgt.query) for row in rows]),
            query_mask=torch.nn.functional.pad(query_mask, (0, trunk.shape[1] - query_mask.shape[1])).bool(),
            language=torch.tensor([self._language(row) for row in rows]),
        )
        names: set[str] = {term.targets for term in self.objective.terms.values() if isinstance(term, Logits)}
        if "tft" in names:
            batch["targets_tft"] = self._targets(rows, [row.tgt.response for row in rows], branch=None)
        if english_layers(self.objective.terms):
            self._add_english(batch, [_english(row) for row in rows])
        self._add_texts(batch, rows, names)
        for term in self.objective.retained.values():
            batch["targets_retain"] = self._retained(rows, term.text)
        check_shapes(batch)
        return batch

    def _language(self, row: EncodedRow) -> int:
        """The index of the row's language. Only centred features use it."""
        if row.language in self.languages:
            return self.languages.index(row.language)
        if self.objective.centered:
            known = ", ".join(self.languages)
            raise UserError(f"row {row.id}: language {row.language!r} is not among the Collator's ({known}): add it")
        return 0

    def _add_english(self, batch: ParallelBatch, sides: Sequence[Side]) -> None:
        batch["english_ids"] = pad([side.query for side in sides], self.pad_id)
        batch["english_lengths"] = torch.tensor([len(side.query) for side in sides])
        batch["english_mask"] = pad([side.content for side in sides], 0).bool()

    def _add_texts(self, batch: ParallelBatch, rows: Sequence[EncodedRow], names: set[str]) -> None:
        """The English texts of eq. 4 and 6: as branches (conditional), or predicted by trunk positions (positional)."""
        start = batch["trunk_ids"].shape[1]
        if self.objective.joint_english:
            start += batch["english_ids"].shape[1]
        conditional = self.objective.alignment == "conditional"
        if "et" in names:
            answers = [_english(row).response for row in rows]
            if conditional:
                # The last token predicts nothing, so it needs no column.
                batch["et_ids"] = pad([text[:-1] for text in answers], self.pad_id)
            batch["targets_et"] = self._targets(rows, answers, branch=start if conditional else None)
            start += batch["et_ids"].shape[1] if conditional else 0
        if "lc" in names:
            queries = [self._without_bos(_english(row).query) for row in rows]
            if conditional:
                batch["lc_ids"] = pad([text[:-1] for text in queries], self.pad_id)
                batch["targets_lc"] = self._targets(rows, queries, branch=start)
            else:
                batch["targets_lc"] = _pairs(
                    (b, t, label)
                    for b, row in enumerate(rows)
                    for t, (_, label) in enumerate(zip(row.tgt.query, queries[b], strict=False))
                )

    def _targets(self, rows: Sequence[EncodedRow], texts: Sequence[Sequence[int]], branch: int | None) -> torch.Tensor:
        """Row, column and label of each token of the texts that follow x^tgt. Shape: (3, N).

        The last column of x^tgt predicts the first token. The others are predicted by the columns of a branch, which
        start at `branch`. Without a branch, the trunk's response columns predict them, up to the shorter length.
        """

        def column(row: EncodedRow, t: int) -> int:
            return len(row.tgt.query) - 1 + t if branch is None or t == 0 else branch + t - 1

        return _pairs(
            (b, column(row, t), label)
            for b, (row, text) in enumerate(zip(rows, texts, strict=True))
            for t, label in enumerate(text if branch is not None else text[: len(row.tgt.response)])
        )

    def _retained(self, rows: Sequence[EncodedRow], text: RetainedText) -> torch.Tensor:
        """Row and column of each English token but special ones and the first. Shape: (3, N).

        Columns are those of the trunk, or of the English query in a pass of its own.
        """

        def content(row: EncodedRow) -> Sequence[bool]:
            if text == "query":
                return _english(row).content
            if text == "english rows" and row.language != "en":
                return ()
            return (*row.tgt.content, *(token not in self.special_ids for token in row.tgt.response))

        return _pairs((b, t, 0) for b, row in enumerate(rows) for t, kept in enumerate(content(row)) if kept)

    def _without_bos(self, query: Sequence[int]) -> Sequence[int]:
        return query[1:] if query and query[0] == self.bos_id else query


@dataclass(frozen=True)
class StreamCollator:
    """Makes a batch of pairs of a stream's name and a row, all of one stream, by that stream's collator."""

    collators: Mapping[str, Collator]

    def __call__(self, rows: Sequence[tuple[str, EncodedRow]]) -> ParallelBatch:
        """Raises: UserError as `Collator` does."""
        (stream,) = {name for name, _ in rows}
        batch = self.collators[stream]([row for _, row in rows])
        if stream:
            batch["stream"] = stream
        return batch


def check_made_for(batch: ParallelBatch, objective: Objective) -> None:
    """Raises: UserError if a batch lacks what `objective` reads, or has other columns. Never waits for the device.

    Whether the English side of a feature runs in the same pass cannot be seen in a batch, and is not checked.
    """
    needs = {f"targets_{term.targets}" for term in objective.terms.values() if isinstance(term, Logits)}
    needs |= {f"{name}_ids" for name in objective.branches}
    needs |= {"english_ids", "english_lengths", "english_mask"} if english_layers(objective.terms) else set()
    needs |= {"targets_retain"} if objective.retained else set()
    moves = {"et_ids", "lc_ids"} if objective.texts else set()
    if objective.branches and not english_layers(objective.terms):
        moves.add("english_ids")  # it may stand before the branches
    missing, foreign = sorted(needs - batch.keys()), sorted((moves - needs) & batch.keys())
    if missing or foreign:
        what = f"it has no {missing[0]}" if missing else f"it has {foreign[0]}, which this one does not read"
        terms = ", ".join(f"{name}: {type(term).__name__}" for name, term in objective.terms.items())
        raise UserError(
            f"the batch was made for another objective ({what}): need one by a Collator of the objective that reads "
            f"it ({terms}; alignment {objective.alignment})"
        )


def _english(row: EncodedRow) -> Side:
    if row.en is None:
        raise UserError(f"row {row.id}: the objective supervises with English, need instruction_en and output_en")
    return row.en


def _pairs(triples: object) -> torch.Tensor:
    """Triples as columns. Shape: (3, N)."""
    return torch.tensor(list(triples), dtype=torch.long).reshape(-1, 3).T.contiguous()  # type: ignore[call-overload]
