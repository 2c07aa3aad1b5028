"""The files of a run in progress: its output so far, its bad records, and a journal of how far it has come.

The journal is a small SQLite file, so that a step is recorded whole or not at all. It also holds the link of every
text: a repeated mention is linked once, however far apart its places are, without memory that grows with the file, and
a resumed run gives the model the same texts in the same batches as an uninterrupted one, so that the scores are
identical, bit for bit.
"""

import gzip
import json
import logging
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple

from filelock import FileLock, Timeout

from biosyn.errors import InputError
from biosyn.files import json_text
from biosyn.mention_files.added_columns import Link
from biosyn.pipes import require_replaceable_file
from biosyn.writing import require_writable

_TABLES = """
CREATE TABLE IF NOT EXISTS run (row INTEGER PRIMARY KEY CHECK (row = 1), identity TEXT NOT NULL, done TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS links (text BLOB PRIMARY KEY, link TEXT NOT NULL) WITHOUT ROWID;
"""
_PARTS = ("output", "errors.jsonl", "state.sqlite-journal", "state.sqlite", "lock")
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)  # the last: other tables
logger = logging.getLogger(__name__)


class Done(NamedTuple):
    """What is done: units, the sizes of the output and the errors file in bytes, counts, and whether that is all.

    The links of ``unsure`` mentions are worth nothing: see `Link`.
    """

    units: int = 0
    output_bytes: int = 0
    errors_bytes: int = 0
    mentions: int = 0
    linked: int = 0
    skipped: int = 0
    finished: bool = False
    unsure: int = 0


class Journal:
    """The files of a run in progress, in the folder ``OUTPUT.partial``; a context manager, which owns them alone.

    A step is written and synced first, and then recorded with its links. Output without a record, which a killed run
    may have left, is cut off when the run is resumed.

    Parameters
    ----------
    target
        The output; one that ends in ``.gz`` is compressed, as one gzip member for each step.
    identity
        All that the output depends on, as JSON. A run of another identity is not resumed.
    resume
        Resume the run that is there, if any; otherwise start again.

    Raises
    ------
    InputError
        On entering: if another process writes the same output, it cannot be written, or it belongs to another run.
    """

    def __init__(self, target: str | Path, identity: Mapping[str, Any], *, resume: bool):
        self._target = Path(target)
        self._identity = dict(identity)
        self._resume = resume
        self._folder = _folder_of(self._target)
        self._paths = {name: self._folder / name for name in _PARTS}
        self._stack = ExitStack()
        self._files: dict[str, BinaryIO] = {}
        self.done = Done()

    def __enter__(self) -> "Journal":
        with ExitStack() as stack:
            self._lock(stack)
            if not self._resume and self._paths["state.sqlite"].exists():
                logger.info("%s belongs to a run that was stopped: starting again from the beginning", self._folder)
                self._remove_files()
            self._database = stack.enter_context(closing(self._opened_database()))
            self.done = self._recorded()
            if not self.done.finished:
                for name, size in (("output", self.done.output_bytes), ("errors.jsonl", self.done.errors_bytes)):
                    self._files[name] = stack.enter_context(_opened_at(self._paths[name], size))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        with suppress(OSError):  # of a full disk, which a write has named before
            self._stack.close()  # what was not committed is gone, as after a kill

    def known(self, texts: Iterable[str]) -> dict[str, Link]:
        """Return the links of those texts that were linked before."""
        found = {}
        with self._named():
            for text in texts:
                row = self._database.execute("SELECT link FROM links WHERE text = ?", (_key(text),)).fetchone()
                if row is not None:
                    found[text] = _link(json.loads(row[0]))
        return found

    def remember(self, texts: Sequence[str], links: Sequence[Link]) -> None:
        """Remember the links of texts that were not known; the next `write` records them."""
        rows = [(_key(text), json_text(link)) for text, link in zip(texts, links, strict=True)]
        with self._named():
            self._database.executemany("INSERT INTO links VALUES (?, ?)", rows)

    def distinct(self) -> int:
        """Return how many texts were linked."""
        with self._named(), closing(self._database.execute("SELECT COUNT(*) FROM links")) as cursor:
            return int(cursor.fetchone()[0])

    def write(self, output: bytes, errors: Iterable[Mapping[str, str]], done: Done) -> None:
        """Append a step to the files, and record it once it is on disk.

        Parameters
        ----------
        done
            The counts with this step; the sizes are found here.

        Raises
        ------
        InputError
            If it cannot be written, for example because the disk is full: the run can be resumed.
        """
        packed = gzip.compress(output, mtime=0) if self._target.suffix == ".gz" and output else output
        lines = "".join(json_text(error) + "\n" for error in errors)
        try:
            sizes = {
                name: _appended(self._files[name], data)
                for name, data in (("output", packed), ("errors.jsonl", lines.encode("utf-8", "backslashreplace")))
            }
        except OSError as error:
            raise InputError(
                f"cannot be written ({error.strerror}): continue with --resume", path=self._target
            ) from error
        self.done = done._replace(output_bytes=sizes["output"], errors_bytes=sizes["errors.jsonl"])
        self._commit(self.done)

    def publish(self, *, keep_errors: bool) -> None:
        """Move the output to its place, and the errors if they are wanted or there are any; remove the rest.

        An errors file that an earlier run left next to the output is removed.
        """
        for file in self._files.values():
            file.close()
        self._commit(self.done._replace(finished=True))  # from here on a resumed run only has to move the files
        errors = _errors_of(self._target)
        require_replaceable_file(self._target)  # hours have passed since it was asked
        wanted = {"errors.jsonl": errors} if keep_errors or self.done.errors_bytes else {}
        try:
            for name, place in {**wanted, "output": self._target}.items():
                if self._paths[name].exists():  # a killed run may have moved it already
                    os.replace(self._paths[name], place)
            if not wanted:
                errors.unlink(missing_ok=True)
        except OSError as error:
            raise InputError(f"cannot be written: {error.strerror}", path=self._target) from error
        self._database.close()
        self._remove_files()
        self._stack.close()  # releases the lock last
        for remove in (self._paths["lock"].unlink, self._folder.rmdir):
            with suppress(OSError):  # another run may have begun to wait for it
                remove()

    def _lock(self, stack: ExitStack) -> None:
        require_writable(self._folder)
        try:
            stack.enter_context(FileLock(self._paths["lock"], timeout=0))
        except Timeout as error:
            raise InputError("another run is writing this output: wait for it", path=self._target) from error
        except NotImplementedError as error:
            raise InputError("the file system has no locks: choose another place", path=self._folder) from error

    def _opened_database(self) -> sqlite3.Connection:
        with self._named():
            database = sqlite3.connect(self._paths["state.sqlite"])
            database.executescript(_TABLES)
        return database

    def _recorded(self) -> Done:
        """Return what is done, nothing for a new run; refuse to resume a run of another identity."""
        with self._named():
            row = self._database.execute("SELECT identity, done FROM run").fetchone()
            if row is None:
                values = json.dumps(self._identity, allow_nan=False), json.dumps(Done()._asdict(), allow_nan=False)
                self._database.execute("INSERT INTO run VALUES (1, ?, ?)", values)
                self._database.commit()
                return Done()
        try:
            identity, done = json.loads(row[0]), Done(**json.loads(row[1]))
        except (ValueError, TypeError) as error:
            raise self._damaged(error) from error
        different = [key for key, value in self._identity.items() if identity.get(key) != value]
        if different:
            raise InputError(
                f"cannot be resumed, as its {different[0]} has changed: give the same, or start again without --resume",
                path=self._folder,
            )
        return done

    def _commit(self, done: Done) -> None:
        """Record what is done, with the links remembered since the last time; on disk when it returns."""
        with self._named():
            self._database.execute("UPDATE run SET done = ?", (json.dumps(done._asdict(), allow_nan=False),))
            self._database.commit()

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Say what is wrong with the database, which is sound where only the disk or a permission is at fault."""
        try:
            yield
        except sqlite3.Error as error:
            if (error.sqlite_errorcode & 0xFF if hasattr(error, "sqlite_errorcode") else None) in _DAMAGED:
                raise self._damaged(error) from error
            path = self._paths["state.sqlite"]
            message = f"cannot be written or read ({error}): free some space, then continue with --resume"
            raise InputError(message, path=path) from error

    def _damaged(self, error: Exception) -> InputError:
        return InputError(f"is damaged ({error}): start again without --resume", path=self._paths["state.sqlite"])

    def _remove_files(self) -> None:
        for name in _PARTS[:-1]:
            self._paths[name].unlink(missing_ok=True)


def written_files(target: Path) -> list[Path]:
    """Return every file that a run with this output writes, replaces or removes."""
    return [target, _errors_of(target), *(_folder_of(target) / name for name in _PARTS)]


def _folder_of(target: Path) -> Path:
    return target.parent / f"{target.name}.partial"  # unlike with_name, for "." too


def _errors_of(target: Path) -> Path:
    return target.parent / f"{target.name}.errors.jsonl"


def _link(values: list[Any]) -> Link:
    return Link._make(tuple(value) if isinstance(value, list) else value for value in values)


def _key(text: str) -> bytes:
    return blake2b(text.encode(), digest_size=16).digest()


def _opened_at(path: Path, size: int) -> BinaryIO:
    """Open a file for appending, cut to the recorded size."""
    try:
        file = path.open("ab")
        if file.seek(0, os.SEEK_END) < size:
            file.close()
            raise InputError("is shorter than what was written: start again without --resume", path=path)
        file.truncate(size)
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", path=path) from error
    return file


def _appended(file: BinaryIO, data: bytes) -> int:
    """Write, sync, and return the size."""
    if data:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return file.seek(0, os.SEEK_END)
