"""The lock of an index, under which one process builds or removes it, and who holds it."""

import getpass
import logging
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import chain, repeat
from pathlib import Path

from filelock import FileLock, Timeout

from biosyn.errors import InputError
from biosyn.index.header import read_values
from biosyn.writing import write_json

logger = logging.getLogger(__name__)
FIRST_WAITS, LATER_WAIT = (1, 9, 50), 300  # seconds between the lines that say who holds a lock


@contextmanager
def locked(cache_dir: Path, key: str, *, wait: bool = True) -> Iterator[None]:
    """Hold the lock of a key, which the system releases if the process dies; a Timeout if it is held and no wait.

    Who waits says for whom, after a second and then seldom. Who holds it leaves its name in ``KEY.holder``.
    """
    lock = FileLock(cache_dir / f"{key}.lock", mode=0o666)  # it stays, and others of a shared cache take it next
    if wait:
        _wait_for(lock, cache_dir, key)
    else:
        lock.acquire(timeout=0)
    note = cache_dir / f"{key}.holder"
    try:
        with suppress(OSError, InputError):  # a full disk is met by what is written next
            write_json(note, asdict(Holder.myself()))
        yield
    finally:
        with suppress(OSError):
            note.unlink(missing_ok=True)  # before the lock is released: afterwards it is another's
        lock.release()


def _wait_for(lock: FileLock, cache_dir: Path, key: str) -> None:
    for seconds in chain(FIRST_WAITS, repeat(LATER_WAIT)):
        try:
            lock.acquire(timeout=seconds)
        except Timeout:
            logger.warning("waiting for the index %s, which is being built by %s", key, holder(cache_dir, key))
        else:
            return


def holder(cache_dir: Path, key: str) -> str:
    """Return who holds the lock of a key, as far as that is known."""
    try:
        return Holder(**read_values(cache_dir / f"{key}.holder")).described(time.time())
    except (InputError, TypeError, ValueError, OverflowError):
        return "another process"


@dataclass(frozen=True)
class Holder:
    """Who holds a lock, and since when (seconds since 1970).

    Examples
    --------
    >>> Holder(7, "node3", "eve", 0.0).described(3725.0)
    'process 7 of eve on node3, for 62 minutes (since 1970-01-01 00:00:00 UTC)'
    """

    pid: int
    host: str
    user: str
    since: float

    @classmethod
    def myself(cls) -> "Holder":
        """Return this process, from now on."""
        return cls(os.getpid(), platform.node(), _user(), time.time())

    def described(self, now: float) -> str:
        """Return the words for a message."""
        seconds = max(0, int(now - self.since))
        span = f"{seconds} seconds" if seconds < 120 else f"{seconds // 60} minutes"
        since = datetime.fromtimestamp(self.since, UTC)
        stopped = ", which is stopped: kill -CONT resumes it" if self._is_stopped() else ""
        who = f"process {int(self.pid)} of {self.user} on {self.host}"
        return f"{who}, for {span} (since {since:%Y-%m-%d %H:%M:%S} UTC){stopped}"

    def _is_stopped(self) -> bool:
        """Whether it is a process of this machine that SIGSTOP or Ctrl-Z has stopped, where Linux can say."""
        try:
            status = Path(f"/proc/{int(self.pid)}/stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return False
        return self.host == platform.node() and status.rpartition(")")[2].split()[0] in ("T", "t")


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # no name for the number, as in a container
        return f"user {os.getuid()}" if hasattr(os, "getuid") else "an unknown user"
