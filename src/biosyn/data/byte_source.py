"""Reading a file of any size from its start, plain or gzip, with the few checks that hold for all formats."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

from biosyn.errors import InputError

MAX_LINE = 1 << 26  # bytes; a file without line ends must not fill the memory


@contextmanager
def open_bytes(path: str | Path) -> Iterator[BufferedReader]:
    """Open a file to be read in binary; one whose name ends in ``.gz`` is unpacked on the way.

    Raises
    ------
    InputError
        If it cannot be opened, or, also later while it is read, the packed data is damaged.
    """
    path = Path(path)
    try:
        file = path.open("rb")
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", path=path) from error
    with file:
        if path.suffix != ".gz":
            yield file
            return
        try:
            with gzip.open(file) as unpacked:
                yield BufferedReader(unpacked)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise InputError(f"is no whole gzip file ({error})", path=path) from error


def raw_lines(stream: BufferedReader, path: str | Path) -> Iterator[tuple[int, bytes]]:
    """Yield ``(line number from 1, line with its end)``; only LF ends a line.

    Raises
    ------
    InputError
        If the file is UTF-16, or a line is longer than ``MAX_LINE``.
    """
    if stream.peek(2)[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise InputError("is UTF-16: save the file as UTF-8", path=path)
    number = 0
    while line := stream.readline(MAX_LINE):
        number += 1
        if len(line) == MAX_LINE:
            raise InputError(f"is longer than {MAX_LINE} bytes: is it a text file?", path=path, line=number)
        yield number, line
