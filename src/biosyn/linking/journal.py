"""How far a run has come, on disk: a small SQLite file, so that all of it changes at once or not at all.

It also remembers every text that was linked. So a repeated mention is linked once however far apart the two stand, the
memory does not grow with them, and a resumed run knows exactly what the first one knew: the same texts go to the model
in the same company, and the scores come out the same to the last bit.
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
from biosyn.files import require_writable
from biosyn.mention_files.units import Link

_TABLES = """
CREATE TABLE IF NOT EXISTS run (row INTEGER PRIMARY KEY CHECK (row = 1), identity TEXT NOT NULL, done TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS links (
    text BLOB PRIMARY KEY, cui TEXT NOT NULL, name TEXT NOT NULL, score REAL NOT NULL, probability REAL
) WITHOUT ROWID;
"""
logger = logging.getLogger(__name__)


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


class PartialOutput:
    """The files of a run in the making; a context manager, which owns them alone.

    A step is written and synced first and recorded in the state then. What a kill left behind the record is cut off
    when the run is resumed.

    Parameters
    ----------
    target
        The output; one that ends in ``.gz`` is packed, a member of the file for each step.
    identity
        All that the output depends on: JSON. A run of another identity is not resumed.
    resume
        Go on with the run that is there, if any; else it is started anew.

    Raises
    ------
    InputError
        On entering: if another process writes the same output, it cannot be written, or it is of another run.
    """

    def __init__(self, target: str | Path, identity: Mapping[str, Any], *, resume: bool):
        self._target = Path(target)
        self._identity = dict(identity)
        self._resume = resume
        self._folder = self._target.with_name(f"{self._target.name}.partial")
        self._paths = {name: self._folder / name for name in ("output", "errors.jsonl", "state.sqlite", "lock")}
        self._stack = ExitStack()
        self._files: dict[str, BinaryIO] = {}
        self.done = Done()

    def __enter__(self) -> "PartialOutput":
        with ExitStack() as stack:
            self._lock(stack)
            if not self._resume and self._paths["state.sqlite"].exists():
                logger.info("%s is of a run that was stopped: it is started anew", self._folder)
                self._remove_files()
            self.state = stack.enter_context(LinkState(self._paths["state.sqlite"]))
            self.done = self._recorded()
            if not self.done.finished:
                for name, size in (("output", self.done.output_bytes), ("errors.jsonl", self.done.errors_bytes)):
                    self._files[name] = stack.enter_context(_opened_at(self._paths[name], size))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._stack.close()

    def write(self, output: bytes, errors: Iterable[Mapping[str, str]], done: Done) -> None:
        """Add a step, and record it when it is safe on disk; ``done`` counts it, sizes aside.

        Raises
        ------
        InputError
            If it cannot be written, for example because the disk is full: the run can be resumed.
        """
        packed = gzip.compress(output, mtime=0) if self._target.suffix == ".gz" and output else output
        lines = "".join(json.dumps(error, ensure_ascii=False) + "\n" for error in errors)
        try:
            sizes = {
                name: _appended(self._files[name], data)
                for name, data in (("output", packed), ("errors.jsonl", lines.encode("utf-8", "backslashreplace")))
            }
        except OSError as error:
            raise InputError(f"cannot be written ({error.strerror}): --resume goes on", path=self._target) from error
        self.done = done._replace(output_bytes=sizes["output"], errors_bytes=sizes["errors.jsonl"])
        self.state.commit(self.done)

    def publish(self, *, keep_errors: bool) -> None:
        """Move the output, and the errors if they are wanted or there are any, to their places; remove the rest.

        Errors that an earlier run left beside the output go with its output.

        Raises
        ------
        InputError
            If they cannot be moved.
        """
        for file in self._files.values():
            file.close()
        self.state.commit(self.done._replace(finished=True))  # from here on a resumed run has only to move the files
        errors = self._target.with_name(f"{self._target.name}.errors.jsonl")
        wanted = {"errors.jsonl": errors} if keep_errors or self.done.errors_bytes else {}
        try:
            for name, place in {**wanted, "output": self._target}.items():
                if self._paths[name].exists():  # or else a killed run moved it already
                    os.replace(self._paths[name], place)
            if not wanted:
                errors.unlink(missing_ok=True)
        except OSError as error:
            raise InputError(f"cannot be written: {error.strerror}", path=self._target) from error
        self.state.close()
        self._remove_files()
        self._stack.close()  # the lock is the last to go
        for remove in (self._paths["lock"].unlink, self._folder.rmdir):
            with suppress(OSError):  # another run may have begun to wait for it
                remove()

    def _lock(self, stack: ExitStack) -> None:
        require_writable(self._folder)
        try:
            stack.enter_context(FileLock(self._paths["lock"], timeout=0))
        except Timeout as error:
            raise InputError("another run is writing this output: wait for it", path=self._target) from error

    def _recorded(self) -> Done:
        """Return what is done, 0 for a new run; refuse to go on with a run of another identity."""
        found = self.state.load()
        if found is None:
            self.state.start(self._identity)
            return Done()
        identity, done = found
        different = [key for key, value in self._identity.items() if identity.get(key) != value]
        if different:
            raise InputError(
                f"cannot be resumed, its {different[0]} was another: give the same, or start anew without --resume",
                path=self._folder,
            )
        return done

    def _remove_files(self) -> None:
        for name in ("output", "errors.jsonl", "state.sqlite-journal", "state.sqlite"):
            (self._folder / name).unlink(missing_ok=True)


def _opened_at(path: Path, size: int) -> BinaryIO:
    """Open a file for appending, cut to the size that is on record."""
    try:
        file = path.open("ab")
        if file.seek(0, os.SEEK_END) < size:
            file.close()
            raise InputError("is shorter than what was written: start anew without --resume", path=path)
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
