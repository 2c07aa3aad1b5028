"""Files that are none: a pipe, which can be read once, is copied; devices, sockets and folders are refused.

Every input is opened by its `regular_file`, so all that reads it twice (a survey, a hash, the run) reads the same.
"""

import os
import select
import stat
import tempfile
from functools import cache
from io import FileIO
from pathlib import Path
from threading import Lock

from biosyn.distributed.environment import launched
from biosyn.errors import InputError

WRITER_WAIT = 10.0  # seconds in which somebody has to begin to write to a named pipe
PIECE = 1 << 20  # bytes
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISLNK, "a symbolic link"),
    (stat.S_ISFIFO, "a pipe"),
)

_copies: dict[tuple[int, int], Path] = {}
_copying = Lock()


def regular_file(path: str | Path) -> Path:
    """Return the path of a file that can be read as often as one likes: its own, or that of a copy of a pipe.

    A pipe (``/dev/stdin``, ``<(command)``, a FIFO) is read to its end, once in the life of this process.

    Raises
    ------
    InputError
        For anything else than a file or a pipe, a FIFO that nobody writes to, and a pipe for several ranks.
    """
    try:
        status = os.stat(path)  # not opened: to open a device may do something
        if stat.S_ISREG(status.st_mode):
            return Path(path)
        if stat.S_ISFIFO(status.st_mode):
            with _copying:
                key = status.st_dev, status.st_ino
                if key not in _copies:
                    _copies[key] = _copied(Path(path))
                return _copies[key]
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", path=path) from error
    raise InputError(f"cannot be read: it is {_kind(status.st_mode)}, give a file", path=path)


def require_replaceable_file(path: str | Path, *, option: str = "output") -> None:
    """Refuse a place for an output where there is something that is no regular file: a link, a pipe, a device.

    Parameters
    ----------
    option
        What to choose another one of.
    """
    try:
        mode = os.lstat(path).st_mode
    except OSError:  # nothing is there; or nothing can be written, which the writer says
        return
    if not stat.S_ISREG(mode):
        raise InputError(f"is {_kind(mode)} where a file is to be written: choose another {option}", path=path)


def _kind(mode: int) -> str:
    return next((name for is_one, name in _KINDS if is_one(mode)), "a device")


def _copied(path: Path) -> Path:
    if launched() > 1:
        raise InputError("is a pipe, which one process alone can read: save it as a file first", path=path)
    copy = Path(_folder().name, str(len(_copies)))
    try:
        with copy.open("wb") as file, FileIO(os.open(path, os.O_RDONLY | os.O_NONBLOCK)) as pipe:
            events = select.poll()
            events.register(pipe, select.POLLIN)
            begun = not os.path.exists(os.path.realpath(path))  # a pipe without a name had its writer from the start
            while (data := pipe.read(PIECE)) != b"" or not begun:
                if data:
                    file.write(data)
                elif not events.poll(None if data is None else WRITER_WAIT * 1000):  # None: connected, but silent
                    raise InputError("is a pipe that nobody writes to: start the writer, or give a file", path=path)
                begun = True
    except BaseException:
        copy.unlink(missing_ok=True)
        raise
    return copy


@cache
def _folder() -> "tempfile.TemporaryDirectory[str]":
    return tempfile.TemporaryDirectory(prefix="biosyn-pipes-")  # removed when the process ends
