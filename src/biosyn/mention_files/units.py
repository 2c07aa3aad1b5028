"""Units, which all formats share: parts of a file in order, each with its mentions and a function that writes it."""

from collections.abc import Callable, Collection, Iterator, Sequence
from io import BufferedReader
from pathlib import Path
from typing import NamedTuple

from biosyn.errors import InputError
from biosyn.mention_files.added_columns import Link

MAX_LINE = 1 << 26  # bytes, so that a file without line ends does not fill the memory
BLANK_BYTES = 1 << 16  # of the blank lines in a unit
BLANKS = 1_000  # blanks that the text may have in a mention where the mention has none
NOT_UTF8 = "is not UTF-8: save the file as UTF-8"


class Mention(NamedTuple):
    """A mention, or a record that should have been one.

    ``place`` is shown to the user: file and line, or document and annotation. ``problem`` says why the mention cannot
    be linked.
    """

    text: str
    place: str
    problem: str = ""


Render = Callable[[Sequence[Link | None]], bytes]
"""Function: a link or None for each mention of the unit -> the unit's bytes with the links added."""


class Unit(NamedTuple):
    """A part of a file: a line, a record, a document, or the bytes between documents.

    The bytes of all units in order are the file. ``text`` is the document's text, in which abbreviations are defined.
    ``other_types`` are the types of mentions that are not wanted. ``note`` says what may be wrong with a unit that can
    be read.
    """

    mentions: tuple[Mention, ...]
    render: Render
    text: str | None = None
    other_types: tuple[str, ...] = ()
    note: str = ""


def is_of_types(kind: str, types: Collection[str] | None) -> bool:
    """Return whether a mention's type is among the wanted ones; None, and no type at all, want every mention.

    Capitals make no difference, and of a type ``T1,T2`` one is enough.

    Examples
    --------
    >>> is_of_types("Disease", {"disease"}), is_of_types("T038, T047", {"t047"}), is_of_types("Gene", {"Disease"})
    (True, True, False)
    """
    if not types:
        return True
    return not {part.strip().casefold() for part in kind.split(",")}.isdisjoint(one.casefold() for one in types)


def plain_unit(raw: bytes) -> Unit:
    """Return a unit without mentions."""
    return Unit((), lambda links: raw)


def bad_unit(raw: bytes, place: str, problem: str) -> Unit:
    """Return the unit of a record that cannot be read, which stays as it is."""
    return Unit((Mention(raw[:400].decode("utf-8", "replace"), place, problem),), lambda links: raw)


def record_unit(mention: Mention, raw: bytes, linked: Callable[[Link], bytes]) -> Unit:
    """Return the unit of a record with one mention; ``linked`` gives its bytes with the link added."""
    return Unit((mention,), lambda links: linked(links[0]) if links[0] else raw)


def units_of_lines(
    stream: BufferedReader, path: str | Path, unit_of: Callable[[str, bytes, str], Unit]
) -> Iterator[Unit]:
    """Yield the unit of each line, given its text, bytes and place; a blank line is not a record and stays as it is."""
    file = str(path)

    def records() -> Iterator[Unit | bytes]:
        for number, raw in raw_lines(stream, path):
            text = decoded(raw, number)
            if text is None:
                yield bad_unit(raw, f"{file}:{number}", NOT_UTF8)
            else:
                yield unit_of(text, raw, f"{file}:{number}") if text.strip() else raw

    return with_blank_lines(records())


def with_blank_lines(records: Iterator[Unit | bytes]) -> Iterator[Unit]:
    r"""Make units of the blank lines, which are bytes: one of many lines, as each unit costs more than a line.

    Examples
    --------
    >>> [unit.render(()) for unit in with_blank_lines(iter([b"\n", b"\n", plain_unit(b"ataxia\n"), b"\n"]))]
    [b'\n\n', b'ataxia\n', b'\n']
    """
    blank = bytearray()
    for record in records:
        if isinstance(record, bytes):
            blank += record
        if blank and (len(blank) >= BLANK_BYTES or not isinstance(record, bytes)):
            yield plain_unit(bytes(blank))
            blank.clear()
        if not isinstance(record, bytes):
            yield record
    if blank:
        yield plain_unit(bytes(blank))


def cut_span(mention: str, start: int, end: int) -> int:
    """Return where to cut a mention's span out of the text: its end, or sooner where it is far too long.

    Each mention of a document may claim to be all of it.
    """
    return min(end, start + len(mention) + BLANKS)


def is_same(mention: str, found: str) -> bool:
    """Say whether a span of the text, cut at `cut_span`, is the mention; real files differ in blanks.

    Examples
    --------
    >>> is_same("skin tumours", "skin  tumours"), is_same("skin", "skin tumours")
    (True, False)
    """
    return len(found) < len(mention) + BLANKS and mention.split() == found.split()


def raw_lines(stream: BufferedReader, path: str | Path) -> Iterator[tuple[int, bytes]]:
    """Yield ``(line number from 1, line with its end)``; only LF ends a line, and none is longer than ``MAX_LINE``."""
    if stream.peek(2)[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise InputError("is UTF-16: save the file as UTF-8", path=path)
    number = 0
    while line := stream.readline(MAX_LINE):
        number += 1
        if len(line) == MAX_LINE:
            raise InputError(f"is longer than {MAX_LINE} bytes: is it a text file?", path=path, line=number)
        yield number, line


def split_line(raw: bytes) -> tuple[bytes, bytes]:
    r"""Return a line without its end, and the end.

    Examples
    --------
    >>> split_line(b"ataxia\r\n"), split_line(b"ataxia")
    ((b'ataxia', b'\r\n'), (b'ataxia', b''))
    """
    body = raw.removesuffix(b"\n").removesuffix(b"\r")
    return body, raw[len(body) :]


def decoded(raw: bytes, number: int = 0) -> str | None:
    """Return the text, or None if it is not UTF-8; the first line of a file loses its byte order mark."""
    try:
        return raw.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError:
        return None
