"""One pass over a file: each row is completed, or set aside with the reason."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

from deepsuper.common.errors import BadRow, Place, UserError
from deepsuper.common.lines import Placed, file_records
from deepsuper.config.translate import TranslateConfig
from deepsuper.data.translate.cache import Cache
from deepsuper.data.translate.replies import Problem, Translator, problem_of
from deepsuper.data.translate.rows import Task, make_task, split, to_translate

CHUNK = 256
"""Rows in memory at a time."""


@dataclass
class Translated:
    """Counts of rows: in = out + aside. `reasons`: of those aside, by the kind of problem."""

    rows_out: int = 0
    rows_aside: int = 0
    texts: int = 0
    """Texts that were translated in this run."""
    known: int = 0
    """Texts found in the cache."""
    whole: int = 0
    """Rows that were complete already."""
    reasons: Counter[str] = field(default_factory=Counter)


Writer = Callable[[dict[str, Any]], object]


@dataclass
class Job:
    """One pass over a file."""

    config: TranslateConfig
    translator: Translator
    cache: Cache
    done: Translated
    keep: Writer
    put_aside: Writer
    tick: Callable[[], None]
    seen: set[bytes] = field(default_factory=set)

    def run(self, path: Path) -> None:
        """Completes the rows, a chunk at a time."""
        records = file_records(path, self._skip)
        tasks = self._tasks(records)
        while chunk := list(islice(tasks, CHUNK)):
            self._complete(chunk)
            self.tick()
        if not self.done.rows_out + self.done.rows_aside:
            raise UserError(f"{path}: no row to translate")

    def _tasks(self, records: Iterable[Placed]) -> Iterator[Task]:
        for where, record in records:
            try:
                task = make_task(where, record, self.config.to)
                key = hashlib.blake2b(str(record["id"]).encode(), digest_size=16).digest()
                if key in self.seen:
                    raise BadRow("its id is also at an earlier line", ": need each id once")
                self.seen.add(key)
            except BadRow as error:
                self._skip(where, error, record)
                continue
            yield task

    def _complete(self, tasks: Sequence[Task]) -> None:
        lines = self.translator.lines
        wanted = {
            piece for task in tasks for text in task.made.values() for piece in to_translate(split(text, lines=lines))
        }
        answers, problems = self._translate(sorted(wanted))
        for task in tasks:
            made = {}
            for name, text in task.made.items():
                pieces = split(text, lines=lines)
                failed = next((piece for piece in to_translate(pieces) if piece in problems), None)
                if failed is not None:
                    problem = problems[failed]
                    self._set_aside(task.where, problem.kind, f"{name}: {problem}", task.record)
                    break
                pieces[::2] = [answers.get(piece, piece) for piece in pieces[::2]]
                made[name] = "".join(pieces)
            else:
                self._finish(task, made)

    def _finish(self, task: Task, made: dict[str, str]) -> None:
        try:
            row = task.complete(made)
        except BadRow as error:
            self._skip(task.where, error, task.record)
            return
        self.keep(row)
        self.done.rows_out += 1
        self.done.whole += not any(task.made.values())

    def _translate(self, texts: Sequence[str]) -> tuple[dict[str, str], dict[str, Problem]]:
        """The translation of each text, or its problem. Good ones are on disk before the next batch is translated."""
        answers = self.cache.get(texts)
        problems: dict[str, Problem] = {}
        self.done.known += len(answers)
        left = [text for text in texts if text not in answers]
        for attempt in range(self.config.retries + 1):
            again = []
            for batch in self.translator.translate(left, attempt) if left else ():
                good = {}
                for text, answer in batch.items():
                    language = self.config.language if self.config.to == "target" else "en"
                    problem = answer.problem or problem_of(text, answer.text, language)
                    if problem is None:
                        good[text] = answer.text
                        problems.pop(text, None)
                        continue
                    problems[text] = replace(problem, tries=attempt + 1)
                    if not answer.final:
                        again.append(text)
                self.cache.put(good)
                answers.update(good)
                self.done.texts += len(good)
                self.tick()
            left = again
        return answers, problems

    def _skip(self, where: Place, problem: BadRow, row: Any) -> None:
        self._set_aside(where, problem.kind, str(problem), row)

    def _set_aside(self, where: Place, kind: str, reason: str, row: Any) -> None:
        self.put_aside({"where": str(where), "reason": reason, "row": row})
        self.done.rows_aside += 1
        self.done.reasons[kind] += 1
