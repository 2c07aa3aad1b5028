"""One mention per line, and CSV and TSV with a header; links become columns after the last one.

The bytes of a record are kept, quotes and line ends included, and the new columns are written after them.
"""

import csv
import io
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from io import BufferedReader
from pathlib import Path
from typing import NamedTuple

from biosyn.errors import InputError
from biosyn.mention_files.added_columns import Link, added_texts, already_linked
from biosyn.mention_files.units import (
    NOT_UTF8,
    Mention,
    Unit,
    bad_unit,
    raw_lines,
    record_unit,
    split_line,
    units_of_lines,
    with_blank_lines,
)

RECORD_LINES = 10_000  # of a field in quotes, so that a quote left open by mistake does not take the rest of the file


_EMPTY = (b"\n", b"\r\n")


class _Record(NamedTuple):
    """A record: the number of its first line, its bytes, and its fields or its problem."""

    line: int
    raw: bytes
    fields: list[str]
    problem: str = ""


def line_units(stream: BufferedReader, path: str | Path, *, keys: Sequence[str]) -> Iterator[Unit]:
    """Yield one unit per line, which is the mention as a whole; columns are added after tabs and never quoted."""

    def unit_of(text: str, raw: bytes, place: str) -> Unit:
        body, end = split_line(raw)

        def linked(link: Link) -> bytes:
            return body + "".join(f"\t{value}" for value in added_texts(link, keys).values()).encode() + end

        return record_unit(Mention(text[: len(text) - len(end)], place), raw, linked)

    return units_of_lines(stream, path, unit_of)


def table_units(
    stream: BufferedReader, path: str | Path, *, delimiter: str, column: str, keys: Sequence[str]
) -> Iterator[Unit]:
    """Yield one unit per record, the header first; an empty line is not a record and stays as it is.

    A file without a header is refused, and so is a header in which ``column`` does not occur exactly once.
    """
    records = _records(raw_lines(stream, path), delimiter)
    header = next(records, None)
    if header is None or not header.fields or header.problem:
        raise InputError(f"has no header: {header.problem if header else 'it is empty'}", path=path, line=1)
    at = _column(header.fields, column, path)
    yield Unit((), lambda links: _widened(header.raw, keys, delimiter))

    def unit_of(record: _Record) -> Unit | bytes:
        raw, place = record.raw, f"{path}:{record.line}"
        if record.problem:
            return bad_unit(raw, place, record.problem)

        def linked(link: Link) -> bytes:
            return _widened(raw, added_texts(link, keys).values(), delimiter)

        return record_unit(Mention(record.fields[at], place), raw, linked)

    yield from with_blank_lines(
        unit_of(record) if record.fields or record.problem else record.raw for record in records
    )


def _column(header: list[str], column: str, path: str | Path) -> int:
    shown = ", ".join(header)[:200]
    if header.count(column) != 1:
        many = "several columns" if column in header else "no column"
        raise InputError(f"has {many} '{column}' (they are: {shown}): name one with --column", path=path, line=1)
    if problem := already_linked(header):
        raise InputError(problem, path=path, line=1)
    return header.index(column)


def _widened(raw: bytes, values: Iterable[str], delimiter: str) -> bytes:
    """Return the record with more fields."""
    body, end = split_line(raw)
    written = io.StringIO()
    csv.writer(written, delimiter=delimiter, lineterminator="").writerow(values)
    return body + (delimiter + written.getvalue()).encode() + end


def _records(lines: Iterator[tuple[int, bytes]], delimiter: str) -> Iterator[_Record]:
    """Split lines into records; a bad record is its first line only, since a quote may be left open by mistake."""
    waiting: deque[tuple[int, bytes]] = deque()
    width = 0
    while True:
        line = waiting.popleft() if waiting else next(lines, None)
        if line is None:
            return
        if line[1] in _EMPTY:
            yield _Record(*line, [])
            continue
        waiting.appendleft(line)
        taken: list[tuple[int, bytes]] = []
        fields, problem = _fields(_decoded_lines(waiting, lines, taken), delimiter)
        raw = b"".join(line for _, line in taken)
        width = width or len(fields)
        if not problem and len(fields) not in (0, width):
            problem = f"has {len(fields)} fields where the header has {width}"
        if not problem and not _is_utf8(raw):
            problem = NOT_UTF8
        if problem:
            waiting.extendleft(reversed(taken[1:]))
            raw = taken[0][1]
        yield _Record(taken[0][0], raw, fields, problem)


def _decoded_lines(
    waiting: deque[tuple[int, bytes]], lines: Iterator[tuple[int, bytes]], taken: list[tuple[int, bytes]]
) -> Iterator[str]:
    """Yield the next lines as text and add them to ``taken``; a byte that is not UTF-8 becomes a lone surrogate."""
    while len(taken) < RECORD_LINES and (line := waiting.popleft() if waiting else next(lines, None)):
        taken.append(line)
        number, raw = line
        yield raw.decode("utf-8-sig" if number == 1 else "utf-8", "surrogateescape")


def _fields(lines: Iterator[str], delimiter: str) -> tuple[list[str], str]:
    try:
        return next(csv.reader(lines, delimiter=delimiter, strict=True), []), ""
    except csv.Error as error:
        return [], f"is not a valid record: {error}"


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True
