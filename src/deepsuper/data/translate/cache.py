"""A cache of translations: an interrupted run resumes, and no text is translated or paid for twice."""

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from deepsuper.common.errors import UserError


class Cache:
    """Text -> translation. `maker`: the model, its settings and the languages, as one text; part of the key."""

    def __init__(self, connection: sqlite3.Connection, maker: str) -> None:
        self._connection, self._maker = connection, hashlib.sha256(maker.encode()).digest()

    def get(self, texts: Iterable[str]) -> dict[str, str]:
        """The translations of those texts that are in the cache."""
        found = {}
        for text in texts:
            row = self._connection.execute("SELECT answer FROM answers WHERE key = ?", (self._key(text),)).fetchone()
            if row is not None:
                found[text] = str(row[0])
        return found

    def put(self, answers: Mapping[str, str]) -> None:
        """Adds translations; they are on disk when this returns."""
        with self._connection:
            rows = [(self._key(text), answer) for text, answer in answers.items()]
            self._connection.executemany("INSERT OR REPLACE INTO answers VALUES (?, ?)", rows)

    def _key(self, text: str) -> bytes:
        return hashlib.sha256(self._maker + text.encode("utf-8")).digest()


@contextmanager
def open_cache(path: Path, maker: str) -> Iterator[Cache]:
    """The cache in a file, which is created if it is missing. Raises: UserError where it is no cache, or in use."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with closing(sqlite3.connect(path, timeout=5)) as connection:
            # With a write-ahead log, the file survives a kill at any time.
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("CREATE TABLE IF NOT EXISTS answers (key BLOB PRIMARY KEY, answer TEXT) WITHOUT ROWID")
            yield Cache(connection, maker)
    except sqlite3.Error as error:
        raise UserError(f"cache {path}: {error}: remove the file, or choose another with --cache") from error
