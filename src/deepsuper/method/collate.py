"""Rows -> one batch: columns, positions to predict and their labels. The only place that shifts."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast, get_args

import torch

from deepsuper.common.errors import UserError
from deepsuper.method.batch import EncodedRow, ParallelBatch, Side, check_shapes
from deepsuper.method.layout import Layout, Text
from deepsuper.method.objective import Logits, Objective, RetainedText, english_layers


@dataclass(frozen=True)
class Collator:
    """Makes the batch that `objective` reads. `languages` gives each target language its index.

    `special_ids`: the tokens of an answer that a term which retains English leaves out. `pack`: several rows in a
    sequence, which saves padding.
    """

    pad_id: int
    bos_id: int | None
    objective: Objective
    languages: tuple[str, ...] = ("zh",)
    special_ids: frozenset[int] = frozenset()
    pack: bool = False

    def __call__(self, rows: Sequence[EncodedRow]) -> ParallelBatch:
        """Raises: UserError if a row lacks an English side, or a known language, that a term needs."""
        if not rows:
            raise UserError("no rows: a batch needs at least one")
        names = {term.targets for term in self.objective.terms.values() if isinstance(term, Logits)}
        texts = self._texts(rows, names)
        layout = Layout.of({text: [len(part) for part in parts] for text, parts in texts.items()}, pack=self.pack)
        columns: dict[str, torch.Tensor] = {}
        for text, parts in texts.items():
            columns[f"{text}_ids"] = layout.fill(text, parts, self.pad_id)
            if layout.packed:
                columns[f"{text}_rows"] = layout.rows(text, parts)
        contents = [(*row.tgt.content, *(False for _ in row.tgt.response)) for row in rows]
        batch = ParallelBatch(
            prefix_lengths=torch.tensor([len(row.tgt.query) for row in rows]),
            query_mask=layout.fill("trunk", contents, 0).bool(),
            language=torch.tensor([self._language(row) for row in rows]),
        )
        batch.update(cast(ParallelBatch, columns))
        if "english" in texts:
            sides = [_english(row) for row in rows]
            batch["english_lengths"] = torch.tensor([len(side.query) for side in sides])
            batch["english_mask"] = layout.fill("english", [side.content for side in sides], 0).bool()
        self._add_targets(batch, _Columns(layout, rows, self._offsets(batch)), names)
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

    def _texts(self, rows: Sequence[EncodedRow], names: Collection[str]) -> dict[Text, list[Sequence[int]]]:
        """The tokens that a pass has columns for, by kind. The last token of a branch predicts nothing: it has none."""
        texts: dict[Text, list[Sequence[int]]] = {"trunk": [row.tgt.query + row.tgt.response for row in rows]}
        if english_layers(self.objective.terms):
            texts["english"] = [_english(row).query for row in rows]
        if self.objective.alignment == "conditional":
            if "et" in names:
                texts["et"] = [_english(row).response[:-1] for row in rows]
            if "lc" in names:
                texts["lc"] = [self._without_bos(_english(row).query)[:-1] for row in rows]
        return texts

    def _offsets(self, batch: ParallelBatch) -> dict[Text, int]:
        """The first column of each kind of text in a pass. The English query may run in a pass of its own."""
        offsets: dict[Text, int] = {}
        start = 0
        for text in get_args(Text):
            if f"{text}_ids" in batch and (text != "english" or self.objective.joint_english):
                offsets[text] = start
                start += batch[f"{text}_ids"].shape[1]  # type: ignore[literal-required]
        return offsets

    def _add_targets(self, batch: ParallelBatch, columns: "_Columns", names: Collection[str]) -> None:
        """What is predicted, and where: behind x^tgt, by a branch (conditional) or by positions of the trunk."""
        rows, conditional = columns.rows, self.objective.alignment == "conditional"
        if "tft" in names:
            batch["targets_tft"] = columns.behind([row.tgt.response for row in rows])
        if "et" in names:
            answers = [_english(row).response for row in rows]
            batch["targets_et"] = columns.behind(answers, branch="et" if conditional else None)
        if "lc" in names:
            queries = [self._without_bos(_english(row).query) for row in rows]
            if conditional:
                batch["targets_lc"] = columns.behind(queries, branch="lc")
            else:
                batch["targets_lc"] = columns.beside(queries)
        for term in self.objective.retained.values():
            batch["targets_retain"] = columns.kept([self._retained(row, term.text) for row in rows], term.text)

    def _retained(self, row: EncodedRow, text: RetainedText) -> Sequence[bool]:
        """Which tokens of the text are retained: the English ones but special ones and the first."""
        if text == "query":
            return _english(row).content
        if text == "english rows" and row.language != "en":
            return ()
        return (*row.tgt.content, *(token not in self.special_ids for token in row.tgt.response))

    def _without_bos(self, query: Sequence[int]) -> Sequence[int]:
        return query[1:] if query and query[0] == self.bos_id else query


@dataclass(frozen=True)
class _Columns:
    """Finds the sequence and the column of tokens of a row, for each text that the columns predict. Shape: (3, N)."""

    layout: Layout
    rows: Sequence[EncodedRow]
    offsets: Mapping[Text, int]

    def behind(self, texts: Sequence[Sequence[int]], branch: Text | None = None) -> torch.Tensor:
        """Each token of the texts that follow x^tgt.

        The last column of x^tgt predicts the first token, those of a branch the others. Without a branch, the trunk's
        response columns predict them, up to the shorter length.
        """

        def column(b: int, t: int) -> int:
            if branch is None or t == 0:
                return self._column("trunk", b, len(self.rows[b].tgt.query) - 1 + t)
            return self._column(branch, b, t - 1)

        return self._triples(
            (b, column(b, t), label)
            for b, (row, text) in enumerate(zip(self.rows, texts, strict=True))
            for t, label in enumerate(text if branch is not None else text[: len(row.tgt.response)])
        )

    def beside(self, texts: Sequence[Sequence[int]]) -> torch.Tensor:
        """Each token of the texts that the columns of x^tgt predict, one each, up to the shorter length."""
        return self._triples(
            (b, self._column("trunk", b, t), label)
            for b, (row, text) in enumerate(zip(self.rows, texts, strict=True))
            for t, (_, label) in enumerate(zip(row.tgt.query, text, strict=False))
        )

    def kept(self, flags: Sequence[Sequence[bool]], text: RetainedText) -> torch.Tensor:
        """The flagged tokens of the trunk, or of the English query counted from its own first column; labels are 0."""
        return self._triples(
            (b, self.layout.starts["english"][b] + t if text == "query" else self._column("trunk", b, t), 0)
            for b, of_row in enumerate(flags)
            for t, kept in enumerate(of_row)
            if kept
        )

    def _column(self, text: Text, b: int, t: int) -> int:
        return self.offsets[text] + self.layout.starts[text][b] + t

    def _triples(self, triples: Iterable[tuple[int, int, int]]) -> torch.Tensor:
        """Row, column and label of tokens as sequence, column and label."""
        found = [(self.layout.sequences[b], column, label) for b, column, label in triples]
        return torch.tensor(found, dtype=torch.long).reshape(-1, 3).T.contiguous()


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
