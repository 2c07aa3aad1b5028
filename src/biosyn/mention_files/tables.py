"""One mention per line, and tables, CSV and TSV; links become columns after the last one.

The bytes of a record are kept, quotes and line ends included, and the new columns are written after them. A table may
begin with Excel's line ``sep=;``, which names its delimiter and stays as it is.
"""

import csv
import io
import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from io import BufferedReader
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from biosyn.errors import InputError
from biosyn.mention_files.added_columns import Link, added_texts, already_linked
from biosyn.mention_files.units import (
    MAX_LINE,
    NOT_UTF8,
    Mention,
    Unit,
    bad_unit,
    plain_unit,
    raw_lines,
    record_unit,
    split_line,
    units_of_lines,
    with_blank_lines,
)

RECORD_LINES = 10_000  # of a field in quotes, so that a quote left open by mistake does not take the rest of the file
_SEP = re.compile(r'"?sep=([^"\r\n])"?\r?\n?')
_DELIMITERS = {";": ";", "\t": "\\t", "|": "|", ",": ","}  # and how they are given
_EMPTY = (b"\n", b"\r\n")


class _Record(NamedTuple):
    """A record: the number of its first line, its bytes, its fields or its problem, and what may be wrong with it."""

    line: int
    raw: bytes
    fields: list[str]
    problem: str = ""
    note: str = ""


def line_units(stream: BufferedReader, path: str | Path, *, keys: Sequence[str]) -> Iterator[Unit]:
    """Yield one unit per line, which is the mention as a whole; columns are added after tabs and never quoted."""

    def unit_of(text: str, raw: bytes, place: str) -> Unit:
        body, end = split_line(raw)

        def linked(link: Link) -> bytes:
            return body + "".join(f"\t{value}" for value in added_texts(link, keys).values()).encode() + end

        return record_unit(Mention(text[: len(text) - len(end)], place), raw, linked)

    return units_of_lines(stream, path, unit_of)


class TableForm(NamedTuple):
    """How a table is written.

    ``quoted`` says whether quotes may enclose a cell, which then may hold delimiters and line ends. ``has_header`` says
    whether the first record names the columns.
    """

    delimiter: str
    quoted: bool
    has_header: bool


def table_units(
    stream: BufferedReader, path: str | Path, *, form: TableForm, column: str, keys: Sequence[str]
) -> Iterator[Unit]:
    """Yield one unit per record, the header first; an empty line is not a record and stays as it is.

    A header in which ``column`` does not occur exactly once is refused. Without a header ``column`` is the place of the
    mentions' column, from 1.
    """
    if not form.quoted and form.delimiter != "\t":
        raise InputError("--quotes none goes with tabs: what is added may hold any other delimiter", path=path)
    lines = raw_lines(stream, path)
    if named_delimiter(head := next(lines, (1, b""))[1]):
        yield plain_unit(head)
    elif head:
        lines = chain([(1, head)], lines)
    records = _records(lines, form, path)
    first = next(records, None)
    if first is None or not first.fields or first.problem:
        problem = first.problem if first else "it is empty"
        what = "header" if form.has_header else "record to begin with"
        raise InputError(f"has no {what}: {problem}", path=path, line=1)
    at = _column(first.fields, column, path) if form.has_header else _place(len(first.fields), column, path)
    if form.has_header:
        yield Unit((), lambda links: _widened(first.raw, keys, form), note=first.note)

    def unit_of(record: _Record) -> Unit | bytes:
        raw, place = record.raw, f"{path}:{record.line}"
        if record.problem:
            return bad_unit(raw, place, record.problem)

        def linked(link: Link) -> bytes:
            return _widened(raw, added_texts(link, keys).values(), form)

        unit = record_unit(Mention(record.fields[at], place), raw, linked)
        return unit._replace(note=record.note) if record.note else unit

    yield from with_blank_lines(
        unit_of(record) if record.fields or record.problem else record.raw
        for record in (records if form.has_header else chain([first], records))
    )


def named_delimiter(line: bytes) -> str:
    r"""Return the delimiter that a line ``sep=;`` names, with which Excel begins a table, or an empty text.

    Examples
    --------
    >>> named_delimiter(b"sep=;\r\n"), named_delimiter(b'"sep=,"'), named_delimiter(b"sepsis;x")
    (';', ',', '')
    """
    found = _SEP.fullmatch(line.decode("utf-8-sig", "replace"))
    return found[1] if found else ""


def _column(header: list[str], column: str, path: str | Path) -> int:
    shown = ", ".join(header)[:200]
    if header.count(column) > 1:
        message = (
            f"has several columns '{column}' (they are: {shown}): rename all but one, or give --header no and a place"
        )
        raise InputError(message, path=path, line=1)
    if column not in header:
        other = next((name for mark, name in _DELIMITERS.items() if column in shown.split(mark)), "")
        advice = f"give --delimiter '{other}'" if other else "name one with --column"
        advice = "give --quotes double" if f'"{column}"' in header else advice
        raise InputError(f"has no column '{column}' (they are: {shown}): {advice}", path=path, line=1)
    if problem := already_linked(header):
        raise InputError(problem, path=path, line=1)
    return header.index(column)


def _place(width: int, column: str, path: str | Path) -> int:
    if not column.isdecimal() or not 1 <= int(column[:9]) <= width:
        message = f"without a header --column is the place of a column, 1 to {width} here, found '{column[:40]}'"
        raise InputError(message, path=path, line=1)
    return int(column) - 1


def _widened(raw: bytes, values: Iterable[str], form: TableForm) -> bytes:
    """Return the record with more fields."""
    body, end = split_line(raw)
    if form.quoted:
        written = io.StringIO()
        csv.writer(written, delimiter=form.delimiter, lineterminator="").writerow(values)
        added = written.getvalue()
    else:
        added = form.delimiter.join(value.replace(form.delimiter, " ") for value in values)
    return body + (form.delimiter + added).encode() + end


def _records(lines: Iterator[tuple[int, bytes]], form: TableForm, path: str | Path) -> Iterator[_Record]:
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
        fields, problem = _fields(_decoded_lines(waiting, lines, taken), form)
        raw = b"".join(line for _, line in taken)
        width = width or len(fields)
        if not problem and len(fields) not in (0, width):
            problem = f"has {len(fields)} fields where the header has {width}"
        if not problem and not _is_utf8(raw):
            problem = NOT_UTF8
        note, (first, last) = "", (taken[0][0], taken[-1][0])
        if problem:
            waiting.extendleft(reversed(taken[1:]))
            raw = taken[0][1]
            problem += f" (a quote is open from line {first} to {last})" if last > first else ""
        elif last > first:
            note = f"{path}:{first}: this record goes on to line {last}, inside quotes: is a quote left open?"
        yield _Record(first, raw, fields, problem, note)


def _decoded_lines(
    waiting: deque[tuple[int, bytes]], lines: Iterator[tuple[int, bytes]], taken: list[tuple[int, bytes]]
) -> Iterator[str]:
    """Yield the next lines as text and add them to ``taken``; a byte that is not UTF-8 becomes a lone surrogate."""
    while len(taken) < RECORD_LINES and (line := waiting.popleft() if waiting else next(lines, None)):
        taken.append(line)
        number, raw = line
        yield raw.decode("utf-8-sig" if number == 1 else "utf-8", "surrogateescape")


def _fields(lines: Iterator[str], form: TableForm) -> tuple[list[str], str]:
    """Return the cells of the next record, and its problem."""
    if not form.quoted:
        body = next(lines, "").removesuffix("\n").removesuffix("\r")
        return body.split(form.delimiter) if body else [], ""
    limit = csv.field_size_limit(MAX_LINE)  # of this process: others have theirs
    try:
        return next(csv.reader(lines, delimiter=form.delimiter, strict=True), []), ""
    except csv.Error as error:
        return [], f"is not a valid record: {error}"
    finally:
        csv.field_size_limit(limit)


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True
