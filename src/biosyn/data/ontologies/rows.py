"""Lines to fields, in the three ways that ontologies are laid out, and rows of one concept together."""

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from biosyn.data.ontologies.reading import Reading

Content = TypeVar("Content")


class Row(NamedTuple, Generic[Content]):
    """What stands in a line, and the line's number for messages."""

    line: int
    content: Content


def split_rows(
    path: Path, reading: Reading, *, separator: str, fields: int, more: bool = False
) -> Iterator[Row[list[str]]]:
    """Yield the rows of a file whose fields each end in the separator; nothing is quoted, empty lines are skipped.

    Parameters
    ----------
    fields
        How many there must be.
    more
        Whether a row may have further ones.
    """
    for number, line in reading.lines(path):
        if not line:
            continue
        parts = line.removesuffix(separator).split(separator)
        if len(parts) == fields or (more and len(parts) > fields):
            yield Row(number, parts)
        else:
            expected = f"expected {'at least ' if more else ''}{fields} fields, each followed by '{separator}'"
            reading.malformed("number of fields", f"{expected}; found {len(parts)}", path=path, line=number)


def delimited_rows(
    lines: Iterable[tuple[int, str]], path: Path, reading: Reading, *, delimiter: str
) -> Iterator[Row[list[str]]]:
    r"""Yield the rows of numbered lines: fields cut at tabs, or at commas outside double quotes.

    Between tabs a quote is a character like any other. Between commas it encloses a field; it is doubled inside, where
    line ends are allowed too: the row's number is that of its first line. Empty lines between rows are skipped.
    """
    if delimiter == "\t":
        yield from (Row(number, line.split("\t")) for number, line in lines if line)
        return
    numbers: list[int] = []  # of the lines that the row at hand takes

    def text() -> Iterator[str]:
        for number, line in lines:
            numbers.append(number)
            yield f"{line}\n"

    rows = csv.reader(text(), delimiter=delimiter, strict=True)
    while True:
        numbers.clear()
        try:
            fields = next(rows, None)
        except csv.Error as error:
            message = f"{error}, in a row that was read up to line {numbers[-1]}"
            reading.malformed("quotes", message, path=path, line=numbers[0])
            continue
        if fields is None:
            return
        if fields:
            yield Row(numbers[0], fields)


def named_rows(
    rows: Iterable[Row[list[str]]], columns: Sequence[str], path: Path, reading: Reading
) -> Iterator[Row[dict[str, str]]]:
    """Yield rows of column -> field, blanks around it taken off; there must be a field for each column."""
    for number, fields in rows:
        if len(fields) == len(columns):
            yield Row(number, dict(zip(columns, map(str.strip, fields), strict=True)))
        else:
            message = f"expected {len(columns)} fields, as the header has, found {len(fields)}"
            reading.malformed("number of fields", message, path=path, line=number)


def parts_of(field: str, separator: str = "|") -> tuple[str, ...]:
    """Return the filled parts of a field that holds a list.

    Examples
    --------
    >>> parts_of("AT| Louis-Bar syndrome ||"), parts_of("")
    (('AT', 'Louis-Bar syndrome'), ())
    """
    return tuple(part.strip() for part in field.split(separator) if part.strip())


def rows_by_concept(
    rows: Iterable[Row[Content]], key: Callable[[Content], str], path: Path, reading: Reading
) -> Iterator[tuple[str, list[Row[Content]]]]:
    """Yield ``(id, its rows)``; the rows of one id stand together, so that one concept is in memory at a time.

    Rows of an id that comes again later are malformed: their concept is written already.
    """
    seen: set[str] = set()
    for cui, group in groupby(rows, lambda row: key(row.content)):
        together = list(group)
        if cui in seen:
            message = f"'{cui}' comes again after other ids: sort the file by its ids"
            for row in together:
                reading.malformed("id comes again", message, path=path, line=row.line)
        else:
            seen.add(cui)
            yield cui, together
