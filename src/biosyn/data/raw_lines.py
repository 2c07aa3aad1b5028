"""The lines of a file of any size as bytes, with the few checks that hold for all formats of mentions."""

from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path

from biosyn.errors import InputError

MAX_LINE = 1 << 26  # bytes; a file without line ends must not fill the memory


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
