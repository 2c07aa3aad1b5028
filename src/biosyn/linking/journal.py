"""How far a run has come, on disk: a small SQLite file, so that all of it changes at once or not at all.

It also remembers every text that was linked. So a repeated mention is linked once however far apart the two stand, the
memory does not grow with them, and a resumed run knows exactly what the first one knew: the same texts go to the model
in the same company, and the scores come out the same to the last bit.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from biosyn.errors import InputError
from biosyn.mention_files.units import Link

_TABLES = """
CREATE TABLE IF NOT EXISTS run (row INTEGER PRIMARY KEY CHECK (row = 1), identity TEXT NOT NULL, done TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS links (
    text BLOB PRIMARY KEY, cui TEXT NOT NULL, name TEXT NOT NULL, score REAL NOT NULL, probability REAL
) WITHOUT ROWID;
"""


class Done(NamedTuple):
    """What is done: units, the sizes of the output and the errors file in bytes, counts, and whether that is all."""

    units: int = 0
    output_bytes: int = 0
    errors_bytes: int = 0
    mentions: int = 0
    linked: int = 0
    skipped: int = 0
    finished: bool = False


class LinkState:
    """The state of one run; a context manager.

    Parameters
    ----------
    path
        Its file, made where needed.

    Raises
    ------
    InputError
        If the file is damaged.
    """

    def __init__(self, path: Path):
        self._path = path
        try:
            self._database = sqlite3.connect(path)
            self._database.executescript(_TABLES)
        except sqlite3.Error as error:
            raise self._damaged(error) from error

    def __enter__(self) -> "LinkState":
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; what was not committed is gone, as after a kill."""
        self._database.close()

    def load(self) -> tuple[dict[str, Any], Done] | None:
        """Return what the run is of, and what is done; None for a new file."""
        try:
            row = self._database.execute("SELECT identity, done FROM run").fetchone()
            return None if row is None else (json.loads(row[0]), Done(**json.loads(row[1])))
        except (sqlite3.Error, ValueError, TypeError) as error:
            raise self._damaged(error) from error

    def start(self, identity: Mapping[str, Any]) -> None:
        """Record what the run is of, and that nothing is done; errors as `commit`."""
        self._database.execute("INSERT INTO run VALUES (1, ?, ?)", (json.dumps(identity), json.dumps(Done()._asdict())))
        self._database.commit()

    def commit(self, done: Done) -> None:
        """Record what is done, with the links that were remembered since the last time; on disk when it returns.

        Raises
        ------
        InputError
            If it cannot be written.
        """
        with self._writing():
            self._database.execute("UPDATE run SET done = ?", (json.dumps(done._asdict()),))
            self._database.commit()

    def known(self, texts: Iterable[str]) -> dict[str, Link]:
        """Return the links of those texts that were linked before."""
        found = {}
        for text in texts:
            wanted = "SELECT cui, name, score, probability FROM links WHERE text = ?"
            row = self._database.execute(wanted, (_key(text),)).fetchone()
            if row is not None:
                found[text] = Link(*row)
        return found

    def remember(self, texts: Sequence[str], links: Sequence[Link]) -> None:
        """Remember the links of texts that were not known; errors as `commit`."""
        rows = [(_key(text), *link) for text, link in zip(texts, links, strict=True)]
        with self._writing():
            self._database.executemany("INSERT INTO links VALUES (?, ?, ?, ?, ?)", rows)

    def distinct(self) -> int:
        """Return how many texts were linked."""
        with closing(self._database.execute("SELECT COUNT(*) FROM links")) as cursor:
            return int(cursor.fetchone()[0])

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:  # a full disk, for example
            raise InputError(f"cannot be written ({error}): --resume goes on", path=self._path) from error

    def _damaged(self, error: Exception) -> InputError:
        return InputError(f"is damaged ({error}): start anew without --resume", path=self._path)


def _key(text: str) -> bytes:
    return blake2b(text.encode(), digest_size=16).digest()
